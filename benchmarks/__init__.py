"""How fast: each module prints one JSON line per measure, ours and its peers in the same run."""
