"""Why: a source whose columns changed overnight: the named difference and the version proposed for it."""
