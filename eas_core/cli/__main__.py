"""``python -m eas_core.cli``, for launchers."""

import sys

from eas_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
