"""What is true: land, check, merge; claims, golden records, history."""
