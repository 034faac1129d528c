"""Executors on real artifacts in a temporary folder."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tensorflow as tf
from tfx.types import artifact, artifact_utils, standard_artifacts
from tfx.utils import io_utils

from components.artifacts import Quarantine, iter_conflicts
from components.face_example_gen.component import Executor, FerExampleGen
from configs.spec import DataConfig
from pipeline.inputs import resolve_input
from reporting.ingestion import IngestionReport


class Ingested(NamedTuple):
    """What the executor left behind."""

    report: IngestionReport
    examples: dict[str, list[tf.train.Example]]
    quarantined: list[dict[str, Any]]
    split_names: list[str]
    conflicts: list[dict[str, Any]]


@pytest.fixture
def make_artifact(tmp_path: Path) -> Callable[..., Any]:
    """A function that makes an empty artifact of a type, with a folder and an id of its own."""
    made: list[Any] = []

    def make(kind: type[artifact.Artifact]) -> Any:
        result = kind()
        result.id = len(made) + 1
        result.uri = str(tmp_path / "artifacts" / kind.__name__ / str(result.id))
        Path(result.uri).mkdir(parents=True)
        made.append(result)
        return result

    return make


@pytest.fixture
def move_to_memory(tmp_path: Path) -> Callable[..., Any]:
    """A function that moves artifacts into TensorFlow's file system in memory, which stands in for a bucket.

    Whatever takes a URI for a path of this machine finds nothing there.
    """

    def move(artifacts: dict[str, list[Any]]) -> dict[str, list[Any]]:
        for key, each in ((key, each) for key, group in artifacts.items() for each in group):
            folder, each.uri = Path(each.uri), f"ram:/{tmp_path}/{key}/{each.id}"
            # As in a bucket, a folder is there only by its files.
            for path in filter(Path.is_file, folder.rglob("*")):
                io_utils.copy_file(str(path), f"{each.uri}/{path.relative_to(folder)}")
            shutil.rmtree(folder)
        return artifacts

    return move


@pytest.fixture
def ingest(make_artifact: Callable[..., Any]) -> Callable[..., Ingested]:
    """A function that runs the executor as the launcher would."""

    def run(path: Path, unlabelled: Path | None = None, **settings: Any) -> Ingested:
        config = DataConfig(path=str(path), unlabelled_path=str(unlabelled or ""), **settings)
        data = resolve_input(config)
        component = FerExampleGen(data.base, data.patterns, config, code="")
        outputs = {
            "examples": [make_artifact(standard_artifacts.Examples)],
            "unlabelled_examples": [make_artifact(standard_artifacts.Examples)],
            "quarantine": [make_artifact(Quarantine)],
        }
        Executor().Do({}, outputs, dict(component.spec.exec_properties))
        return _read(outputs)

    return run


def _read(outputs: dict[str, list[Any]]) -> Ingested:
    quarantine = Path(outputs["quarantine"][0].uri)
    lines = [line for path in quarantine.glob("rows*.jsonl") for line in path.read_text().splitlines()]
    artifacts = [outputs["examples"][0], outputs["unlabelled_examples"][0]]
    examples = {}
    for each in artifacts:
        for split in artifact_utils.decode_split_names(each.split_names):
            paths = sorted(str(path) for path in Path(each.uri, f"Split-{split}").iterdir())
            records = tf.data.TFRecordDataset(paths, compression_type="GZIP")
            examples[split] = [tf.train.Example.FromString(record.numpy()) for record in records]
    report = IngestionReport.from_json((quarantine / "ingestion.json").read_text())
    return Ingested(
        report,
        examples,
        [json.loads(line) for line in lines],
        artifact_utils.decode_split_names(artifacts[0].split_names),
        [*iter_conflicts(str(quarantine))],
    )
