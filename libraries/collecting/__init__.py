"""Why: what is taken from a source, and when: parts, slices, limits, pauses, files brought to the inbox."""
