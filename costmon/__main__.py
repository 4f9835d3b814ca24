"""Run the command line: `python -m costmon`."""

import sys

from costmon.cli import main

if __name__ == "__main__":
    sys.exit(main())
