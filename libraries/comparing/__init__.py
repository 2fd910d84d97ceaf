"""Why: what the hub holds against what the source holds, by counts and digests of key ranges."""
