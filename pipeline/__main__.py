"""python -m pipeline: the same as the command fer-tfx."""

import sys

from fer_tfx.cli import start

sys.exit(start())
