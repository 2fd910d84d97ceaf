"""Why: the demander's room: what a department needs, from draft to acceptance. `demands.py` is the screen to start with."""
