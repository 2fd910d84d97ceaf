"""Why: quarantined rows go out as a file and come back corrected, many at once."""
