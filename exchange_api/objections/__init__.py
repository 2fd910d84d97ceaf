"""Why: a room for doubts: a value is questioned by its receipt, goes to its source and comes back. `objections.py` is the screen to start with."""
