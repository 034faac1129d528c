"""python -m pipeline: the same as the command fer-tfx."""

import sys

from pipeline.cli import start

sys.exit(start())
