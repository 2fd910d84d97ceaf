"""Why: the provider's room: what is asked of one department, and its word on each item. `supplies.py` is the screen to start with."""
