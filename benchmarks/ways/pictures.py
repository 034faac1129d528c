"""Ways to read files of pictures: a plain loop of Pillow, and the ingestion of a run."""

import gc
from pathlib import Path

import numpy as np
from PIL import Image
from tfx import v1 as tfx

from benchmarks.harness.marks import Mark
from components.face_example_gen.component import FerExampleGen
from configs.load import load_config
from fer_tfx.contract import IMAGE_SIZE_PX
from fer_tfx.pictures import list_picture_suffixes
from pipeline.inputs import resolve_input
from pipeline.paths import RunPaths
from pipeline.runners.local import assemble


def plain_loop(data: Path, folder: Path, mark: Mark) -> None:
    """What a notebook does: each file, made grey 48x48, as an array."""
    suffixes = list_picture_suffixes()
    for path in sorted(each for each in data.rglob("*") if each.suffix in suffixes):
        with Image.open(path) as picture:
            size = (IMAGE_SIZE_PX, IMAGE_SIZE_PX)
            np.asarray(picture.convert("L").resize(size, Image.Resampling.BILINEAR))
    mark("read")


def ingest(data: Path, folder: Path, mark: Mark) -> None:
    """The node FerExampleGen alone: files -> deduplicated examples in their splits, and the account of them."""
    config = load_config(overrides=[f"data.path={data}", f"runtime.root={folder}"])
    paths, given = RunPaths.of(config), resolve_input(config.data)
    node = FerExampleGen(given.base, given.patterns, config.data, code="")
    gc.freeze()  # as a run does
    tfx.orchestration.LocalDagRunner().run(assemble(config.name, [node], paths.artifacts, paths.metadata))
    mark("read")
