"""A run on a span of data that has come anew, after one on the spans before it: a way for `benchmarks.measure`."""

import json
from pathlib import Path

from benchmarks.component_marks import build_cheap_config, run_marked
from benchmarks.marks import BEFORE_PART, Mark


def prepare(csv_path: Path, folder: Path, mark: Mark) -> dict[str, int]:
    """Two runs with a window of two spans; what comes before the second is one part.

    Args:
        csv_path: a folder that holds `span-1/` and, to be named `span-2` when it comes, `later/`.
        folder: for all that the runs write.
        mark: see `benchmarks.marks`.
    """
    places = {"data.path": csv_path / "span-{SPAN}" / "*.csv", "runtime.root": folder}
    config = build_cheap_config("spans.window=2", *(f"{key}={json.dumps(str(path))}" for key, path in places.items()))
    run_marked(config, lambda _: None)
    (csv_path / "later").rename(csv_path / "span-2")
    mark(BEFORE_PART)
    return run_marked(config, mark)
