"""An earlier search's result is looked into before anything runs."""

import json
from pathlib import Path

import pytest

from configs.spec import DataConfig, PipelineConfig, RuntimeConfig, TunerConfig
from pipeline.hyperparameters import resolve_hyperparameters
from pipeline.runners import local
from schema.errors import ConfigError


def write(folder: Path, content: object, name: str = "best_hyperparameters.txt") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def resolve(path: object) -> object:
    return resolve_hyperparameters(PipelineConfig(tuner=TunerConfig(hyperparameters_path=str(path))))


def message_of(path: object) -> str:
    with pytest.raises(ConfigError) as caught:
        resolve(path)
    return str(caught.value).removeprefix("tuner.hyperparameters_path: ").replace(str(path), "folder")


def test_resolve_hyperparameters_no_path_gives_none():
    assert resolve("") is None


def test_resolve_hyperparameters_folder_becomes_absolute_with_a_fingerprint(tmp_path, monkeypatch):
    write(tmp_path / "7", {"values": {"trainer.momentum": 0.8}})
    monkeypatch.chdir(tmp_path)
    found = resolve("7")
    assert found.uri == str(tmp_path / "7")
    assert len(found.fingerprint) == 16


def test_resolve_hyperparameters_edited_file_has_another_fingerprint(tmp_path):
    """TFX's cache knows an imported artifact by its URI alone."""
    before = resolve(write(tmp_path, {"values": {"trainer.momentum": 0.8}}))
    assert resolve(tmp_path) == before
    after = resolve(write(tmp_path, {"values": {"trainer.momentum": 0.7}}))
    assert (after.uri, after.fingerprint == before.fingerprint) == (before.uri, False)


def test_resolve_hyperparameters_remote_folder_is_taken_as_it_is():
    found = resolve("gs://bucket/best/7")
    assert (found.uri, found.fingerprint) == ("gs://bucket/best/7", "")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("no JSON", "expected a tuner's best_hyperparameters.txt, got no JSON"),
        ({"space": []}, "expected a tuner's best_hyperparameters.txt, a mapping with `values`, got keys ['space']"),
        (
            {"values": {"trainer.moment": 0.8}},
            "trainer.moment: unknown setting; did you mean 'trainer.momentum'?",
        ),
        ({"values": {"trainer.momentum": 2.0}}, "trainer.momentum: expected 0 to below 1, got 2.0"),
    ],
)
def test_resolve_hyperparameters_file_that_does_not_fit_is_named(tmp_path, content, expected):
    folder = write(tmp_path / "7", content)
    assert message_of(folder) == f"folder/best_hyperparameters.txt: {expected}"


@pytest.mark.parametrize("count", [0, 2])
def test_resolve_hyperparameters_other_than_one_file_says_what_to_give(tmp_path, count):
    for number in range(count):
        write(tmp_path, {"values": {}}, f"{number}.txt")
    assert message_of(tmp_path) == (
        f"folder: expected a folder with one file, found {count}; give a folder below"
        " artifacts/Tuner/best_hyperparameters"
    )


def test_resolve_hyperparameters_missing_folder_says_what_to_give(tmp_path):
    assert message_of(tmp_path / "none").startswith("folder: expected a folder with one file, found 0; give")


def test_prepare_wrong_hyperparameters_are_refused_before_the_run(tmp_path):
    rows = write(tmp_path / "data", "emotion,pixels\n", "train.csv")
    config = PipelineConfig(
        data=DataConfig(path=str(rows)),
        tuner=TunerConfig(hyperparameters_path=str(tmp_path / "none")),
        runtime=RuntimeConfig(root=str(tmp_path)),
    )
    with pytest.raises(ConfigError, match=r"^tuner\.hyperparameters_path"):
        local.check(config)
