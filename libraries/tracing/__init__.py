"""Why: OpenLineage events of every run, and where each attribute came from."""
