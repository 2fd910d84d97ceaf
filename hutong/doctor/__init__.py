"""Why: what `hutong doctor` looks at, one module per neighbourhood; every check says what it found, how grave it is and what to do."""
