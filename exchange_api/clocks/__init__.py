"""Why: the room of clocks: what is owed until when, by which rule, and what happens when it is late. `clocks.py` is the screen to start with."""
