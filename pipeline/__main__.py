"""python -m pipeline: the same as the command fer-tfx."""

import sys

from pipeline.cli import main

sys.exit(main())
