"""A run on a span that has come anew, after one on the span before it: a way for `benchmarks.measure`."""

import json
import multiprocessing
from pathlib import Path

from benchmarks.component_marks import build_cheap_config, run_marked
from benchmarks.marks import BEFORE_PART, Mark
from configs.spec import PipelineConfig
from schema.errors import FerError

# The training is left out of the comparison, and has to take no long time of its own. Nothing here may change what the
# model costs to evaluate, which the run on all rows at once is held against.
_TRAINING = (
    "trainer.batch_size=1024",
    *(f"trainer.augmentation.{name}=0" for name in ("rotation_deg", "scale_fraction", "shift_fraction")),
)


def prepare(csv_path: Path, folder: Path, mark: Mark) -> dict[str, int]:
    """Two runs with a window of two spans, the first of which is one part; -> bytes of each component's outputs.

    Args:
        csv_path: a folder that holds `span-1/` and, to be named `span-2` when it comes, `later/`.
        folder: for all that the runs write.
        mark: see `benchmarks.marks`.
    """
    places = {"data.path": csv_path / "span-{SPAN}" / "*.csv", "runtime.root": folder}
    settings = [f"{key}={json.dumps(str(path))}" for key, path in places.items()]
    config = build_cheap_config(*_TRAINING, "spans.window=2", *settings)
    # In a process of its own, as the night before had one: TensorFlow keeps what it has converted and traced.
    before = multiprocessing.get_context("spawn").Process(target=_run_before, args=(config,))
    before.start()
    before.join()
    if before.exitcode:
        raise FerError(f"the run on the span before ended with {before.exitcode}")
    (csv_path / "later").rename(csv_path / "span-2")
    mark(BEFORE_PART)
    return run_marked(config, mark)


def _run_before(config: PipelineConfig) -> None:
    run_marked(config, lambda part: None)
