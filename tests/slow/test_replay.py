"""The compiled pipelines, container by container: drawn CSV -> pushed model, as Kubeflow and Vertex AI would do it.

The tests of this file are one story. What doesn't depend on each other runs side by side, one task at a time each: a
replay by itself leaves most of a machine idle.
"""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from small_run import SETTINGS

from components.serving_probe import make_requests, read_examples
from fer_tfx.contract import PROBABILITIES_KEY, SERVE_EXAMPLES
from pipeline.replay.execution import CACHED, SUCCEEDED, Store, TaskRecord
from pipeline.runners.compiled import read_compiled
from schema.drawn_faces import DrawnCsvs

FILES = {"kubeflow": "fer.yaml", "vertex": "fer.json"}
FLAVORS = tuple(FILES)
# On Vertex AI but these are the same again; Kubeflow takes no fingerprint of the files, and so can't keep anything.
RENEWED_ON_VERTEX = {
    "Baseline", "DataGate", "RecordData", "Evaluator", "ServingCheck", "ModelCard", "Pusher", "RecordPush",
    "BulkInferrer", "HtmlReport",
}  # fmt: skip


def side_by_side(*works: Callable[[], Any]) -> list[Any]:
    with ThreadPoolExecutor(len(works)) as pool:
        return [each.result() for each in [pool.submit(work) for work in works]]


def compile_all(workshop: Any) -> None:
    places = {"runtime.root": "gs://bucket/runs", "deploy.image": "registry.example/fer-tfx:1.0.0"}
    alone = {"deploy.beam": "in_process", "deploy.training": "container"}
    options = [f"--set={key}={value}" for key, value in {**SETTINGS, **places, **alone}.items()]
    for target, file in FILES.items():
        done = workshop.command("compile", "--target", target, "--out", file, *options)
        assert done.exit_code == 0, done.stderr


def replay(workshop: Any, flavor: str, drawn: DrawnCsvs) -> Any:
    data = {"data_path": drawn.labelled_path, "data_unlabelled_path": drawn.unlabelled_path}
    given = [f"--param={name}={path}" for name, path in data.items()]
    return workshop.command("replay", FILES[flavor], "--root", "replay", "--workers", "1", *given)


@pytest.fixture(scope="module")
def first(workshop: Any, drawn: DrawnCsvs) -> dict[str, Any]:
    """How a run on this machine and a replay of each flavour ended."""
    compile_all(workshop)
    ways = [lambda flavor=flavor: replay(workshop, flavor, drawn) for flavor in FLAVORS]
    return dict(zip(("local", *FLAVORS), side_by_side(lambda: workshop.run(drawn), *ways), strict=True))


@pytest.fixture(scope="module")
def second(workshop: Any, first: dict[str, Any], drawn: DrawnCsvs) -> dict[str, Any]:
    """The same replays again, when there is a baseline."""
    assert {done.exit_code for done in first.values()} == {0}
    ways = [lambda flavor=flavor: replay(workshop, flavor, drawn) for flavor in FLAVORS]
    return dict(zip(FLAVORS, side_by_side(*ways), strict=True))


def list_records(workshop: Any, flavor: str, run: int) -> dict[str, TaskRecord]:
    store = Store(workshop.root / "replay" / flavor / "fer" / "replay.jsonl")
    found = {name: store.find_task(run, name) for name in read_compiled(workshop.root / FILES[flavor]).tasks}
    store.close()
    return {name: record for name, record in found.items() if record}


def read_report(workshop: Any, flavor: str, run: int) -> dict[str, Any]:
    (report,) = list_records(workshop, flavor, run)["HtmlReport"].artifacts["report"]
    content: dict[str, Any] = json.loads(Path(report["path"], "report.json").read_text())
    return content


def list_pushed(workshop: Any, flavor: str) -> list[Path]:
    folder = workshop.root / "replay" / flavor / "fer" / "buckets" / "gs" / "bucket" / "runs" / "fer" / "serving"
    return sorted(path for path in folder.iterdir() if path.name.isdecimal())


def predict(model: Path, workshop: Any) -> np.ndarray:
    """Probabilities (n, 7) for drawn rows."""
    request = make_requests(read_examples(f"{workshop.nodes()['FerExampleGen'].outputs['examples'].uri}/Split-eval"))
    signature = tf.saved_model.load(str(model)).signatures[SERVE_EXAMPLES]
    probabilities: np.ndarray = signature(tf.constant(request[SERVE_EXAMPLES]))[PROBABILITIES_KEY].numpy()
    return probabilities


@pytest.mark.parametrize("flavor", FLAVORS)
def test_replay_of_sound_data_pushes_one_model_and_exits_0(workshop: Any, first: Any, flavor: str) -> None:
    assert first[flavor].exit_code == 0, first[flavor].stdout + first[flavor].stderr
    assert first[flavor].stderr == ""
    assert {record.state for record in list_records(workshop, flavor, 1).values()} == {SUCCEEDED}
    (version,) = list_pushed(workshop, flavor)
    report = read_report(workshop, flavor, 1)
    assert report["verdict"] == {"is_pushed": True, "place": str(version), "refusals": []}
    assert report["comparison"] is None
    assert "total_bytes:" in report["lineage"]["input_fingerprint"]


@pytest.mark.parametrize("flavor", FLAVORS)
def test_replayed_model_answers_like_that_of_the_local_run(workshop: Any, first: Any, flavor: str) -> None:
    assert first["local"].exit_code == 0, first["local"].stderr
    expected = predict(workshop.root / "fer" / "serving" / workshop.versions()[0], workshop)
    (version,) = list_pushed(workshop, flavor)
    assert expected.shape == (32, 7)
    assert np.ptp(expected.argmax(axis=1)) > 0, "the model gives one and the same answer to everything"
    np.testing.assert_allclose(predict(version, workshop), expected, atol=1e-5)


@pytest.mark.parametrize("flavor", FLAVORS)
def test_replay_again_compares_with_the_baseline_and_pushes_nothing_worse(
    workshop: Any, second: Any, flavor: str
) -> None:
    assert second[flavor].exit_code == 0, second[flavor].stdout + second[flavor].stderr
    report = read_report(workshop, flavor, 2)
    assert report["verdict"]["is_pushed"]
    assert report["comparison"] is not None
    roles = {artifact["role"] for artifact in report["lineage"]["artifacts"]}
    assert "baseline_model" in roles


def test_replay_again_on_vertex_runs_what_the_baseline_changes_and_takes_the_rest_from_the_cache(
    workshop: Any, second: Any
) -> None:
    del second
    records = list_records(workshop, "vertex", 2)
    assert {name for name, record in records.items() if record.state == SUCCEEDED} == RENEWED_ON_VERTEX
    assert {record.state for name, record in records.items() if name not in RENEWED_ON_VERTEX} == {CACHED}
