"""Why: `python -m hutong` works where the `hutong` script is not on the PATH."""

from hutong.cli import main

main()
