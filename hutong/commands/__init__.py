"""Sub-commands of `hutong`, one module each, named in the table of `hutong/cli.py` and imported only when called."""
