"""``python -m sklearn_ebm``: the command line."""

import sys

from sklearn_ebm.compare.command import main

if __name__ == "__main__":
    sys.exit(main())
