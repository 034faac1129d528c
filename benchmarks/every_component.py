"""A whole run on one CSV, component by component: a way for `benchmarks.measure`."""

import json
from pathlib import Path

from benchmarks.component_marks import build_cheap_config, run_marked
from benchmarks.marks import Mark

# As a larger one costs what it costs.
_NETWORK = ("model.stem_filters=4", "model.stage_filters=[8]", "model.convolutions_per_stage=1")


def prepare(csv_path: Path, folder: Path, mark: Mark) -> dict[str, int]:
    """CSV -> pushed model; -> bytes of each component's outputs."""
    places = {"data.path": csv_path, "runtime.root": folder}
    settings = [f"{key}={json.dumps(str(path))}" for key, path in places.items()]
    return run_marked(build_cheap_config(*_NETWORK, *settings), mark)
