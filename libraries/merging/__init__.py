"""Why: a checked batch becomes claims and golden records in ranges of keys, in bounded memory."""
