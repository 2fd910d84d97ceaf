"""Why: what keeps the machine interface from being abused by who may use it, and what says who looked at whom."""
