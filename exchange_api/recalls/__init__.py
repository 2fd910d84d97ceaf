"""Why: a room for one promise: who received a value that was taken back is told, and answers. `recall.py` is the screen to start with."""
