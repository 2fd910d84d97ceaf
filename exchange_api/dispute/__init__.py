"""Why: the room of disputes: a refusal is not the last word. `disputes.py` is the screen to start with."""
