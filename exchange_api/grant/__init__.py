"""Why: the room of grants: what was agreed, and what becomes of it over time. `grants.py` is the screen to start with."""
