"""Why: the room of the officers' machine interface: `/v1/demands`, `/v1/supply-tasks`, `/v1/grants` and what belongs to them. `routes.py` is the screen to
start with: one line per step. Called by `answering`; the work itself is the desks'.
"""
