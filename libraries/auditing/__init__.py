"""Why: a library must show how it stands and prove that it keeps its own rules. `hutong library` and benchmarks call; nothing here writes."""
