"""Who may have it: demand, supply, grant, delivery, signature, evidence; HTTP and portal at its edge."""
