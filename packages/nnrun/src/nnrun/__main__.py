"""``python -m nnrun``: see `nnrun.cli`."""

import sys

from nnrun.cli import main

if __name__ == "__main__":
    sys.exit(main())
