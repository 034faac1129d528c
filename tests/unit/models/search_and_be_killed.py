"""Run by a test: starts a search and kills itself at a step. Arguments: faces, Transform graph, folder, step."""

import os
import signal
import sys
from pathlib import Path

from tuner_runs import load_faces, load_graph, run_tuner

from models import training


def kill_at(step: int) -> None:
    """Make this process end at the `step`th step of all trials as by `kill -9`, without any clean-up."""
    steps = iter(range(1, step + 1))

    def kill(done: int, total: int, text: str) -> None:
        if "loss" in text and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    training.report_progress, training._REPORT_INTERVAL_S = kill, 0.0


faces_dir, transform_dir, folder = (Path(text) for text in sys.argv[1:4])
kill_at(int(sys.argv[4]))
run_tuner(load_faces(faces_dir), load_graph(transform_dir), folder)
