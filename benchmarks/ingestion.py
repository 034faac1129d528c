"""Ingestion by itself, and then the nodes that follow it up to Transform: a way for `benchmarks.measure`."""

from pathlib import Path

from benchmarks.marks import INGESTION_PART, REST_PART, Mark
from benchmarks.ours import build_config, build_nodes, run_nodes
from pipeline.paths import RunPaths


def prepare(csv_path: Path, folder: Path, mark: Mark) -> None:
    """CSV -> examples, and then -> statistics, the data gate's verdict and Transform's graph."""
    config = build_config(csv_path, folder)
    paths = RunPaths.of(config)
    run_nodes(config, paths, build_nodes(config, paths)[:1])
    mark(INGESTION_PART)
    run_nodes(config, paths, build_nodes(config, paths))
    mark(REST_PART)
