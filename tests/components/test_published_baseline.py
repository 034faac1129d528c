"""What a cluster's runs have accepted, by way of a shared folder."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tfx.types import standard_artifacts
from tfx.utils import io_utils

from components.acceptance import accept_version, read_record
from components.artifacts import ABSENT_PROPERTY, BaselineRecord
from components.published_baseline import MODEL_KEYS, PublishedBaseline, Reader, Writer
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import ConfigError


class Cluster:
    """Runs that share a folder; their versions are served from `serving`."""

    def __init__(self, make_artifact: Any, home: Path) -> None:
        self._make_artifact = make_artifact
        self.classes = ["glad", "not glad"]
        self.folder = home / "baseline"
        self.serving = home / "serving"

    def accept_data(self, text: str) -> None:
        """A run whose data gate let the data through."""
        statistics = self._make_artifact(standard_artifacts.ExampleStatistics)
        Path(statistics.uri, "Split-train").mkdir()
        Path(statistics.uri, "Split-train", "FeatureStats.pb").write_text(text)
        statistics.split_names = '["train", "eval"]'
        self._write({"statistics": [statistics]})

    def push(self, weights: str, version: int, *, is_pushed: bool = True, **marks: int) -> None:
        """A run that has pushed a model, if so."""
        model, pushed = (
            self._make_artifact(kind) for kind in (standard_artifacts.Model, standard_artifacts.PushedModel)
        )
        Path(model.uri, "Format-Serving").mkdir()
        Path(model.uri, "Format-Serving", "saved_model.pb").write_text(weights)
        Path(model.uri, "Format-Serving", "assets.extra").mkdir()
        names = Path(model.uri, "Format-Serving", "assets.extra", "class_names.txt")
        names.write_text("".join(f"{name}\n" for name in self.classes))
        destination = self.serving / str(version)
        if is_pushed:
            (destination / "variables").mkdir(parents=True)
            for name in ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"):
                (destination / name).write_text(weights)
        pushed.set_int_custom_property("pushed", int(is_pushed))
        pushed.set_string_custom_property("pushed_destination", str(destination) if is_pushed else "")
        for key in ("is_no_worse", "is_no_slower"):
            pushed.set_int_custom_property(key, marks.get(key, 1))
        self._write({"model": [model], "pushed_model": [pushed]})

    def roll_back(self, version: int) -> None:
        (self.serving / "rolled_back").mkdir(exist_ok=True)
        (self.serving / str(version)).rename(self.serving / "rolled_back" / str(version))

    def _write(self, inputs: dict[str, list[Any]]) -> None:
        record = self._make_artifact(BaselineRecord)
        Writer().Do(inputs, {"record": [record]}, self._given)
        keys = {"pushes", "statistics", "splits", "classes"}
        assert json.loads(Path(record.uri, "baseline.json").read_text()).keys() == keys

    @property
    def _given(self) -> dict[str, str]:
        return {"baseline_folder": str(self.folder), "classes": json.dumps(self.classes)}

    def read(self) -> dict[str, Any]:
        """What the next run is compared with, by output."""
        outputs = {
            **{key: [self._make_artifact(standard_artifacts.Model)] for key in MODEL_KEYS},
            "statistics": [self._make_artifact(standard_artifacts.ExampleStatistics)],
        }
        Reader().Do({}, outputs, self._given)
        return {key: artifact for key, (artifact,) in outputs.items()}

    def read_models(self) -> list[str]:
        """Weights of anchor, latency reference and model in service; empty: none."""
        found = self.read()
        return ["" if is_absent(found[key]) else read_weights(found[key]) for key in MODEL_KEYS]


def is_absent(artifact: Any) -> bool:
    return bool(artifact.get_int_custom_property(ABSENT_PROPERTY))


def read_weights(model: Any) -> str:
    return Path(model.uri, "Format-Serving", "saved_model.pb").read_text()


@pytest.fixture
def cluster(make_artifact: Any, tmp_path: Path) -> Cluster:
    return Cluster(make_artifact, tmp_path)


def test_reader_nothing_accepted_yet_marks_all_as_absent(cluster):
    found = cluster.read()
    assert set(found) == set(PublishedBaseline(baseline_folder="folder", classes="[]").outputs)
    for artifact in found.values():
        assert is_absent(artifact)
        assert [path.name for path in Path(artifact.uri).iterdir()] == ["ABSENT"]


def test_reader_statistics_are_those_of_the_data_accepted_last_whether_or_not_a_model_was_pushed(cluster):
    cluster.accept_data("of the first")
    cluster.push("first", 1700000001)
    cluster.accept_data("of the second")
    cluster.push("refused", 1700000002, is_pushed=False)
    statistics = cluster.read()["statistics"]
    assert Path(statistics.uri, "Split-train", "FeatureStats.pb").read_text() == "of the second"
    assert json.loads(statistics.split_names) == ["train", "eval"]
    assert cluster.read_models() == ["first", "first", "first"]


def test_reader_each_reference_moves_by_its_own_figure(cluster):
    cluster.push("first", 1700000001)
    cluster.push("slower", 1700000002, is_no_slower=0)
    cluster.push("within noise", 1700000003, is_no_worse=0, is_no_slower=0)
    assert cluster.read_models() == ["slower", "first", "within noise"]


def test_reader_models_and_data_of_other_classes_are_no_reference(cluster):
    cluster.accept_data("of two classes")
    cluster.push("of two classes", 1700000001)
    cluster.classes = ["not glad", "glad"]
    found = cluster.read()
    assert all(is_absent(artifact) for artifact in found.values())
    cluster.push("in another order", 1700000002)
    assert cluster.read_models() == ["in another order"] * 3
    cluster.classes = ["glad", "not glad"]
    assert cluster.read_models() == ["of two classes", "of two classes", ""]


def test_reader_rolled_back_version_is_none_of_the_references(cluster):
    cluster.push("first", 1700000001)
    cluster.push("second", 1700000002)
    cluster.roll_back(1700000002)
    assert cluster.read_models() == ["first", "first", "first"]


def test_accept_version_moves_both_references_and_keeps_why(cluster):
    cluster.push("first", 1700000001)
    cluster.push("second", 1700000002, is_no_worse=0, is_no_slower=0)
    accept_version(str(cluster.folder), 1700000002, " new labels ", now_ms=2**41)
    assert cluster.read_models() == ["second", "second", "second"]
    assert [each.accept_reason for each in read_record(str(cluster.folder)).pushes] == ["", "new labels"]
    with pytest.raises(ConfigError, match=r"^3: no such version was pushed, only 1700000001, 1700000002;"):
        accept_version(str(cluster.folder), 3, "why not", now_ms=1)


def test_accept_version_whose_model_is_gone_is_refused(cluster):
    cluster.push("first", 1700000001)
    shutil.rmtree(cluster.folder / "1700000001")
    with pytest.raises(ConfigError, match=r"^1700000001: its model, .*, is gone, so nothing can be compared with it"):
        accept_version(str(cluster.folder), 1700000001, "why not", now_ms=1)


def test_writer_same_push_again_records_it_once(cluster):
    cluster.push("good", 1700000001)
    cluster.serving.rename(cluster.serving.with_name("kept"))
    cluster.push("good", 1700000001)
    assert len(read_record(str(cluster.folder)).pushes) == 1


def test_writer_killed_before_the_record_leaves_it_as_it_was(cluster, monkeypatch):
    cluster.push("good", 1700000001)
    with monkeypatch.context() as patch:
        patch.setattr("components.acceptance.fileio.rename", _die)
        with pytest.raises(KeyboardInterrupt):
            cluster.push("half", 1700000002)
    assert cluster.read_models() == ["good", "good", "good"]


def _die(*_args: object, **_options: object) -> None:
    raise KeyboardInterrupt


def test_reader_takes_up_what_an_earlier_release_left(cluster):
    """It kept the last push alone, and knew one list of classes."""
    cluster.classes = [*DEFAULT_CLASS_NAMES]
    cluster.push("first", 1700000001)
    (cluster.folder / "record.json").unlink()
    statistics = cluster.folder / "1700000001" / "statistics"
    statistics.mkdir()
    (statistics / "FeatureStats.pb").write_text("of the first")
    latest = {
        "version": "1700000001",
        "destination": str(cluster.serving / "1700000001"),
        "digest": "d",
        "splits": ["train"],
    }
    (cluster.folder / "latest.json").write_text(json.dumps(latest))
    assert cluster.read_models() == ["first", "first", "first"]
    assert Path(cluster.read()["statistics"].uri, "FeatureStats.pb").read_text() == "of the first"
    cluster.push("second", 1700000002)
    assert cluster.read_models() == ["second", "second", "second"]
    assert Path(cluster.read()["statistics"].uri, "FeatureStats.pb").read_text() == "of the first"


def test_writer_keeps_what_another_run_recorded_while_it_was_copying(cluster, monkeypatch):
    cluster.push("first", 1700000001)
    copy, others = io_utils.copy_dir, [lambda: cluster.push("second", 1700000002)]

    def copy_slowly(source: str, destination: str) -> None:
        copy(source, destination)
        if others:
            others.pop()()

    monkeypatch.setattr(io_utils, "copy_dir", copy_slowly)
    cluster.push("third", 1700000003)
    assert [each.version for each in read_record(str(cluster.folder)).pushes] == [1700000001, 1700000002, 1700000003]
    assert [path.name for path in cluster.folder.iterdir() if "partial" in path.name] == []
