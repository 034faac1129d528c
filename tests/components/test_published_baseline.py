"""What a cluster's runs are compared with, by way of a shared folder."""

import json
from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from components.artifacts import ABSENT_PROPERTY, BaselineRecord
from components.model_digest import compute_model_digest
from components.published_baseline.executor import Reader, Writer


@pytest.fixture
def push(make_artifact, tmp_path):
    """A function that lets a run push a model, if so, and publish it; gives the record."""

    def run(weights: str, version: int, is_pushed: bool = True) -> dict:
        model, statistics, pushed = (
            make_artifact(kind)
            for kind in (standard_artifacts.Model, standard_artifacts.ExampleStatistics, standard_artifacts.PushedModel)
        )
        Path(model.uri, "Format-Serving").mkdir()
        Path(model.uri, "Format-Serving", "saved_model.pb").write_text(weights)
        Path(statistics.uri, "Split-train").mkdir()
        Path(statistics.uri, "Split-train", "FeatureStats.pb").write_text(f"of {weights}")
        statistics.split_names = '["train", "eval"]'
        pushed.set_int_custom_property("pushed", int(is_pushed))
        pushed.set_string_custom_property("pushed_destination", f"gs://bucket/serving/{version}" if is_pushed else "")
        record = make_artifact(BaselineRecord)
        inputs = {"model": [model], "statistics": [statistics], "pushed_model": [pushed]}
        Writer().Do(inputs, {"record": [record]}, {"baseline_folder": str(tmp_path / "baseline")})
        return json.loads(Path(record.uri, "baseline.json").read_text())

    return run


@pytest.fixture
def read(make_artifact, tmp_path):
    """A function that reads the baseline; gives both artifacts."""

    def run() -> tuple:
        model, statistics = make_artifact(standard_artifacts.Model), make_artifact(standard_artifacts.ExampleStatistics)
        outputs = {"model": [model], "statistics": [statistics]}
        Reader().Do({}, outputs, {"baseline_folder": str(tmp_path / "baseline")})
        return model, statistics

    return run


def test_reader_nothing_published_yet_marks_both_as_absent(read):
    for artifact in read():
        assert artifact.get_int_custom_property(ABSENT_PROPERTY) == 1
        assert [path.name for path in Path(artifact.uri).iterdir()] == ["ABSENT"]


def test_reader_after_two_pushes_gives_the_second_with_the_statistics_of_its_data(push, read):
    push("first", 1700000001)
    record = push("second", 1700000002)
    assert (record["version"], record["destination"]) == ("1700000002", "gs://bucket/serving/1700000002")
    model, statistics = read()
    assert Path(model.uri, "Format-Serving", "saved_model.pb").read_text() == "second"
    assert Path(statistics.uri, "Split-train", "FeatureStats.pb").read_text() == "of second"
    assert json.loads(statistics.split_names) == ["train", "eval"]
    assert [each.get_int_custom_property(ABSENT_PROPERTY) for each in (model, statistics)] == [0, 0]


def test_writer_model_that_was_not_pushed_leaves_the_baseline_as_it_was(push, read):
    push("good", 1700000001)
    assert push("refused", 1700000002, is_pushed=False) == {}
    model, _ = read()
    assert Path(model.uri, "Format-Serving", "saved_model.pb").read_text() == "good"


def test_writer_same_push_again_copies_nothing(push, tmp_path, monkeypatch):
    first = push("good", 1700000001)
    monkeypatch.setattr("components.published_baseline.executor.io_utils.copy_dir", _die)
    assert push("good", 1700000001)["digest"] == first["digest"]


def test_writer_killed_before_the_record_leaves_the_baseline_as_it_was(push, read, tmp_path, monkeypatch):
    push("good", 1700000001)
    monkeypatch.setattr("components.baseline_record.fileio.rename", _die)
    with pytest.raises(KeyboardInterrupt):
        push("half", 1700000002)
    model, _ = read()
    assert Path(model.uri, "Format-Serving", "saved_model.pb").read_text() == "good"


def _die(*_args, **_options):
    raise KeyboardInterrupt


def test_compute_model_digest_tells_contents_and_names_apart(make_artifact):
    def digest(**files: str) -> str:
        folder = Path(make_artifact(standard_artifacts.Model).uri)
        for name, content in files.items():
            (folder / "Format-Serving" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "Format-Serving" / name).write_text(content)
        return compute_model_digest(str(folder))

    assert digest(graph="a", weights="b") == digest(graph="a", weights="b")
    others = [digest(graph="a", weights="c"), digest(graph="b", weights="a"), digest(graph="ab", weights="")]
    assert len({digest(graph="a", weights="b"), *others}) == 4
