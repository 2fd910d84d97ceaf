"""Why: what a department writes becomes what the directory declares, every change counted."""
