"""Why: a room for what is asked for in bulk: files built beside the questions, under a signed manifest. `exports.py` is the screen to start with."""
