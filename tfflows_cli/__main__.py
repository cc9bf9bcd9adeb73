"""Run the command as ``python -m tfflows_cli``."""

import sys

from tfflows_cli import main

sys.exit(main())
