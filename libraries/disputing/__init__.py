"""Why: sources that contradict each other: how grave it is, and who is asked about it."""
