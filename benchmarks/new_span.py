"""Data preparation of a span that has come anew, after that of the spans before it: a way for `benchmarks.measure`."""

import json
from pathlib import Path

from benchmarks.marks import BEFORE_PART, INGESTION_PART, REST_PART, Mark
from benchmarks.ours import build_nodes, run_nodes
from configs.load import load_config
from pipeline.paths import RunPaths


def prepare(csv_path: Path, folder: Path, mark: Mark) -> None:
    """Two runs up to Transform with a window of two spans; what comes before the second is one part.

    Args:
        csv_path: a folder that holds `span-1/` and, to be named `span-2` when it comes, `later/`.
        folder: for all that the runs write.
        mark: see `benchmarks.marks`.
    """
    places = {"data.path": csv_path / "span-{SPAN}" / "*.csv", "runtime.root": folder}
    settings = [f"{key}={json.dumps(str(path))}" for key, path in places.items()]
    config = load_config(overrides=["spans.window=2", *settings])
    paths = RunPaths.of(config)
    run_nodes(config, paths, build_nodes(config, paths))
    (csv_path / "later").rename(csv_path / "span-2")
    mark(BEFORE_PART)
    run_nodes(config, paths, build_nodes(config, paths)[:1])
    mark(INGESTION_PART)
    run_nodes(config, paths, build_nodes(config, paths))
    mark(REST_PART)
