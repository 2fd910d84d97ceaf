"""Why: a room for the change feed: whoever keeps a copy of what was granted learns what changed of it, and nothing else. `feed_desk.py` is the screen to
start with.
"""
