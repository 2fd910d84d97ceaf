"""Why: where keys are missing or wrong, one person may stand under two of them or in quarantine; candidates are found, a steward judges, nothing merges by
itself. `hutong resolution` calls.
"""
