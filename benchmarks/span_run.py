"""A run on a window of two spans, component by component: a way for `benchmarks.measure`."""

import json
import multiprocessing
import os
import shutil
from pathlib import Path

from benchmarks.component_marks import build_cheap_config, run_marked
from benchmarks.marks import BEFORE_PART, Mark
from benchmarks.measure import BenchmarkError, read_end
from configs.spec import PipelineConfig

# The training is left out of the comparison, and has to take no long time of its own. The network is the default one:
# the evaluation costs what that costs.
_TRAINING = (
    "trainer.crop_px=16",
    *(f"trainer.augmentation.{name}=0" for name in ("rotation_deg", "scale_fraction", "shift_fraction")),
)
_BEFORE = "before"


def prepare(csv_path: Path, folder: Path, mark: Mark) -> dict[str, int]:
    """Run once, after all that `run_before` has left; -> bytes of each component's outputs.

    Args:
        csv_path: a folder that holds `span-1/` and perhaps more of them.
        folder: for all that the run writes.
        mark: see `benchmarks.marks`.
    """
    if (csv_path / _BEFORE).exists():
        shutil.copytree(csv_path / _BEFORE, folder, dirs_exist_ok=True)
    mark(BEFORE_PART)
    return run_marked(_build_config(csv_path, folder), mark)


def run_before(csv_path: Path) -> None:
    """Run on the spans that are there, in a process of its own, and leave all of it for each later `prepare`.

    Raises:
        BenchmarkError: the run failed.
    """
    log = csv_path / "before.log"
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(csv_path, log))
    process.start()
    process.join()
    if process.exitcode:
        raise BenchmarkError(f"the run before: exit code {process.exitcode}; its output ends with\n{read_end(log)}")


def _build_config(csv_path: Path, root: Path) -> PipelineConfig:
    places = {"data.path": csv_path / "span-{SPAN}" / "*.csv", "runtime.root": root}
    settings = [f"{key}={json.dumps(str(path))}" for key, path in places.items()]
    return build_cheap_config(*_TRAINING, "spans.window=2", *settings)


def _run(csv_path: Path, log: Path) -> None:
    with log.open("wb") as stream:
        os.dup2(stream.fileno(), 2)
    run_marked(_build_config(csv_path, csv_path / _BEFORE), lambda part: None)
