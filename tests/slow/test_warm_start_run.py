"""Two spans, the second of which goes on where the first has ended.

The tests of this file are one story and run in order on one root.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_run import LENIENT_GATE, TINY_NETWORK, write_tiny_csvs

from pipeline.history.records import ArtifactRecord

SETTINGS = {
    "spans__warm_start": "true",
    "spans__window": "2",
    **TINY_NETWORK,
    "trainer__precision": "float32",
    **LENIENT_GATE,
    "gate__max_accuracy_drop": "1",
    "gate__max_latency_ratio": "100",
}
# Too little to move any weight.
STANDSTILL = {"trainer__peak_learning_rate": "1e-30"}


class Spans:
    """A folder that spans come into."""

    def __init__(self, folder: Path) -> None:
        self.pattern = folder / "span-{SPAN}" / "*.csv"

    def add(self, number: int) -> None:
        folder = Path(str(self.pattern.parent).format(SPAN=number))
        drawn = write_tiny_csvs(folder / "drawn", seed=number, unlabelled_count=0)
        drawn.labelled_path.rename(folder / "faces.csv")


@pytest.fixture(scope="module")
def spans(tmp_path_factory: pytest.TempPathFactory) -> Spans:
    return Spans(tmp_path_factory.mktemp("spans"))


@pytest.fixture(scope="module")
def first(workshop: Any, spans: Spans) -> ArtifactRecord:
    """The model of the first span."""
    spans.add(1)
    done = workshop.run(spans.pattern, **SETTINGS)
    assert done.exit_code == 0, done.stderr
    return workshop.nodes()["Trainer"].outputs["model"]


@pytest.fixture(scope="module")
def second(workshop: Any, spans: Spans, first: ArtifactRecord) -> ArtifactRecord:
    """That of both, which began with the first and was not moved."""
    spans.add(2)
    done = workshop.run(spans.pattern, **SETTINGS, **STANDSTILL)
    assert done.exit_code == 0, done.stderr
    return workshop.nodes()["Trainer"].outputs["model"]


def read_record(model: ArtifactRecord) -> Any:
    return json.loads(Path(model.uri, "Format-Serving", "assets.extra", "training_record.json").read_text())


def read_weights(model: ArtifactRecord) -> list[np.ndarray]:
    with np.load(Path(model.uri, "Format-Training", "weights.npz")) as archive:
        return [archive[name] for name in archive.files]


def test_run_of_the_first_span_begins_with_random_weights_and_says_so(workshop: Any, first: ArtifactRecord) -> None:
    assert read_record(first)["warm_start"] is None
    (log,) = (workshop.root / "fer" / "logs").iterdir()
    assert "no model was pushed before this data came; begins with random weights" in log.read_text(errors="replace")


def test_run_of_the_second_span_begins_with_the_weights_of_the_first(
    first: ArtifactRecord, second: ArtifactRecord
) -> None:
    assert read_record(second)["warm_start"]["model"] == first.uri
    before, after = read_weights(first), read_weights(second)
    kernels = [index for index, each in enumerate(before) if each.ndim > 1]
    assert len(kernels) == 3
    for index in kernels:
        np.testing.assert_array_equal(after[index], before[index])
    # Batch normalisation is measured anew, on other pictures: the network has been through a training.
    assert any((one != other).any() for one, other in zip(before, after, strict=True))


def test_run_of_the_second_span_again_executes_nothing_and_pushes_no_copy(
    workshop: Any, spans: Spans, second: ArtifactRecord
) -> None:
    versions = workshop.versions()
    assert len(versions) == 2
    assert workshop.run(spans.pattern, **SETTINGS, **STANDSTILL).exit_code == 0
    look_ups = {"PreviousStatistics", "Baseline", "SpanWindow", "PreviousAnalysis", "WarmStart"}
    assert workshop.executed() <= look_ups
    assert workshop.nodes()["Trainer"].outputs["model"] == second
    assert workshop.versions() == versions


def test_lineage_of_the_second_model_names_the_first_and_the_examples_of_both_spans(
    workshop: Any, first: ArtifactRecord, second: ArtifactRecord
) -> None:
    del second
    shown = workshop.command("lineage", workshop.versions()[-1], "--set", f"runtime.root={workshop.root}")
    assert f"base_model: Model {first.id}  {first.uri}" in shown.stdout
    of_trainer = [line for line in shown.stdout.splitlines() if line[4:].startswith(("├── examples", "└── examples"))]
    assert len(of_trainer) == 2


def test_pushed_version_has_none_of_the_trained_state(workshop: Any, second: ArtifactRecord) -> None:
    del second
    for version in workshop.versions():
        names = {path.name for path in (workshop.root / "fer" / "serving" / version).rglob("*")}
        assert "saved_model.pb" in names
        assert "weights.npz" not in names
