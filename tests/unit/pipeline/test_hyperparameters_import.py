"""An earlier search's result is looked into before anything runs."""

import json
from pathlib import Path

import pytest
import tensorflow as tf
from tfx.dsl.io import fileio
from tfx.dsl.io.plugins.tensorflow_gfile import TensorflowFilesystem

from configs.spec import DataConfig, PipelineConfig, RuntimeConfig, TunerConfig
from fer_tfx.errors import ConfigError
from pipeline.inputs import ImportedHyperparameters, _read_remote, resolve_hyperparameters
from pipeline.runners import local


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


class BucketDouble(TensorflowFilesystem):
    """Stands in for gs://: TensorFlow's file system of this process's memory, which is as far away as a bucket."""

    @staticmethod
    def exists(path):
        return tf.io.gfile.exists(path.replace("gs://", "ram://"))

    @staticmethod
    def listdir(path):
        return tf.io.gfile.listdir(path.replace("gs://", "ram://"))

    @staticmethod
    def open(name, mode="r"):
        return tf.io.gfile.GFile(name.replace("gs://", "ram://"), mode)


@pytest.fixture
def bucket(monkeypatch):
    monkeypatch.setattr(fileio, "_get_filesystem", lambda _: BucketDouble)


def write_remote(uri: str, content: object, name: str = "best_hyperparameters.txt") -> str:
    uri = uri.replace("gs://", "ram://")
    tf.io.gfile.makedirs(uri)
    if tf.io.gfile.exists(f"{uri}/{name}"):
        tf.io.gfile.remove(f"{uri}/{name}")  # this file system doesn't shorten one that is written anew
    with tf.io.gfile.GFile(f"{uri}/{name}", "w") as file:
        file.write(json.dumps(content))
    _read_remote.cache_clear()
    return uri.replace("ram://", "gs://")


def test_resolve_hyperparameters_remote_result_has_the_fingerprint_of_its_content(tmp_path, bucket):
    uri = write_remote("gs://bucket/best/7", {"values": {"trainer.momentum": 0.8}})
    found = resolve(uri)
    assert found.uri == uri
    assert found.fingerprint == resolve(write(tmp_path, {"values": {"trainer.momentum": 0.8}})).fingerprint
    write_remote(uri, {"values": {"trainer.momentum": 0.7}})
    assert resolve(uri).fingerprint != found.fingerprint


def test_resolve_hyperparameters_remote_result_that_does_not_fit_is_named(bucket):
    uri = write_remote("gs://bucket/best/8", {"values": {"trainer.momentum": 2.0}})
    assert message_of(uri) == "folder/best_hyperparameters.txt: trainer.momentum: expected less than 1, got 2.0"
    write_remote(uri, {}, "another.txt")
    assert message_of(uri).startswith("folder: expected a folder with one file, found 2; give")


def test_resolve_hyperparameters_remote_folder_that_can_not_be_read_is_refused_or_taken_unseen(monkeypatch):
    uri = "gs://bucket/best/9"

    def refuse(_):
        raise PermissionError("no credentials")

    monkeypatch.setattr(fileio, "exists", refuse)
    _read_remote.cache_clear()
    message = message_of(uri)
    assert message.startswith("folder: can't be read here: no credentials")
    assert message.endswith("; copy it and name the copy")
    config = PipelineConfig(tuner=TunerConfig(hyperparameters_path=uri))
    assert resolve_hyperparameters(config, must_read=False) == ImportedHyperparameters(uri, "")


def test_resolve_hyperparameters_folder_on_a_clusters_volume_is_taken_unseen():
    config = PipelineConfig(tuner=TunerConfig(hyperparameters_path="/fer/best/7"))
    assert resolve_hyperparameters(config, must_read=False) == ImportedHyperparameters("/fer/best/7", "")
    assert message_of("/fer/best/7").startswith("folder: expected a folder with one file, found 0")


def test_resolve_hyperparameters_remote_folder_that_is_not_there_is_refused(bucket):
    _read_remote.cache_clear()
    assert message_of("gs://bucket/none").startswith("folder: expected a folder with one file, found 0; give")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("no JSON", "expected a tuner's best_hyperparameters.txt, got no JSON"),
        ({"space": []}, "expected a tuner's best_hyperparameters.txt, a mapping with `values`, got keys ['space']"),
        (
            {"values": {"trainer.moment": 0.8}},
            "trainer.moment: unknown setting; did you mean 'trainer.momentum'?",
        ),
        ({"values": {"trainer.momentum": 2.0}}, "trainer.momentum: expected less than 1, got 2.0"),
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
