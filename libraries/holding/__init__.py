"""Why: what becomes of rows in quarantine: mended, superseded, put to their department."""
