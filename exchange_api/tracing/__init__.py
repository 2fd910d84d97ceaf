"""Why: one traceable chain. From any id to everything it came from and everything it led to. Desks, counter and command line call `trace.of`; it only reads."""
