"""Versions in a bucket, for which TensorFlow's file system in memory stands in."""

from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.atomic_pusher import bucket_versions
from components.atomic_pusher.bucket_versions import BucketVersions
from schema.errors import DataError
from serving.versions import ServedModel


@pytest.fixture
def source(tmp_path: Path) -> str:
    uri = f"ram:/{tmp_path}/export"
    io_utils.write_string_file(f"{uri}/saved_model.pb", "graph")
    io_utils.write_string_file(f"{uri}/variables/variables.index", "index")
    io_utils.write_string_file(f"{uri}/assets.extra/not_saved_model.pb", "other")
    return uri


@pytest.fixture
def versions(tmp_path: Path) -> BucketVersions:
    return BucketVersions(f"ram:/{tmp_path}/serving", ServedModel("fer", "gs://bucket/serving"))


def read_labels(versions: BucketVersions) -> dict[str, int]:
    text = io_utils.read_string_file(f"{versions.uri}/models.config")
    (config,) = text_format.Parse(text, model_server_config_pb2.ModelServerConfig()).model_config_list.config
    return dict(config.version_labels)


def test_push_copies_every_file_and_labels_the_version(versions, source):
    assert versions.list_served() == []
    assert versions.push(source, 1764000000.9) == 1764000000
    place = f"{versions.uri}/1764000000"
    assert io_utils.read_string_file(f"{place}/saved_model.pb") == "graph"
    assert io_utils.read_string_file(f"{place}/variables/variables.index") == "index"
    assert io_utils.read_string_file(f"{place}/assets.extra/not_saved_model.pb") == "other"
    assert read_labels(versions) == {"stable": 1764000000}


def test_push_writes_the_graph_after_all_else(versions, source, monkeypatch):
    copied = []
    copy = fileio.copy
    monkeypatch.setattr(
        fileio, "copy", lambda origin, target, **options: (copied.append(target), copy(origin, target, **options))
    )
    versions.push(source, 10)
    assert len(copied) == 3
    assert copied[-1] == f"{versions.uri}/10/saved_model.pb"


def test_push_within_the_same_second_gets_the_next_number(versions, source):
    assert [versions.push(source, 10) for _ in range(3)] == [10, 11, 12]
    assert read_labels(versions) == {"stable": 12, "previous": 11}


def test_push_that_fails_half_way_leaves_no_version(versions, source, monkeypatch):
    versions.push(source, 10)

    def fail(*_: object, **__: object) -> None:
        raise OSError("quota exceeded")

    monkeypatch.setattr(bucket_versions.fileio, "copy", fail)
    with pytest.raises(DataError, match=r"serving: can't be written: quota exceeded; mend"):
        versions.push(source, 20)
    assert versions.list_served() == [10]
    assert not fileio.exists(f"{versions.uri}/20/variables/variables.index")
    assert read_labels(versions) == {"stable": 10}


def test_push_passes_over_a_version_on_its_way(versions, source):
    io_utils.write_string_file(f"{versions.uri}/30/variables/variables.index", "of another push")
    assert versions.push(source, 10) == 31
    assert versions.list_served() == [31]


def test_forget_removes_the_oldest_and_leaves_other_folders(versions, source):
    for now_s in (10, 20, 30):
        versions.push(source, now_s)
    io_utils.write_string_file(f"{versions.uri}/notes/saved_model.pb", "no version")
    assert versions.forget(2) == [10]
    assert versions.list_served() == [20, 30]
    assert not fileio.exists(f"{versions.uri}/10/variables/variables.index")
    assert fileio.exists(f"{versions.uri}/notes/saved_model.pb")
    assert versions.forget(2) == []
