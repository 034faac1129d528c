"""A server that polls the folder of versions sees whole models only, and the ones it should."""

import shutil
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from schema.errors import ConfigError, DataError
from serving import versions
from serving.versions import ServedModel, VersionFolder, format_config

MODEL = ServedModel("fer", "/models/fer")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"index")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> VersionFolder:
    return VersionFolder(tmp_path / "serving", MODEL)


@pytest.fixture
def three(folder: VersionFolder, source: Path) -> VersionFolder:
    """Versions 10, 20 and 30."""
    for now_s in (10, 20, 30):
        push_another(folder, source, now_s)
    return folder


def push_another(folder: VersionFolder, source: Path, now_s: float) -> int:
    """Push a model that differs from all before."""
    (source / "saved_model.pb").write_bytes(b"graph %g" % now_s)
    return folder.push(source, now_s)


def read_labels(folder: VersionFolder) -> dict[str, int]:
    return dict(read_config(folder.path / "models.config").version_labels)


def read_config(path: Path) -> model_server_config_pb2.ModelConfig:
    """As TensorFlow Serving reads it."""
    (config,) = text_format.Parse(
        path.read_text(), model_server_config_pb2.ModelServerConfig()
    ).model_config_list.config
    return config


def list_numbers(path: Path) -> list[str]:
    """What TensorFlow Serving takes for versions: names that are numbers."""
    return sorted(each.name for each in path.iterdir() if each.name.isdecimal()) if path.exists() else []


def test_push_copies_the_model_whole_under_the_time(folder, source):
    assert folder.push(source, 1764000000.9) == 1764000000
    pushed = folder.path / "1764000000"
    assert (pushed / "saved_model.pb").read_bytes() == b"graph"
    assert (pushed / "variables" / "variables.index").read_bytes() == b"index"
    assert sorted(each.name for each in folder.path.iterdir()) == ["1764000000", "models.config"]


def test_push_shows_no_version_before_every_file_is_there(folder, source, monkeypatch):
    seen = []

    def copy_and_look(origin: Path, target: Path) -> None:
        shutil.copy(origin, target)
        seen.append(list_numbers(folder.path))

    copytree = shutil.copytree
    monkeypatch.setattr(versions.shutil, "copytree", lambda a, b, *_: copytree(a, b, copy_function=copy_and_look))
    folder.push(source, 10)
    assert seen == [[], []]
    assert list_numbers(folder.path) == ["10"]


def test_push_that_fails_half_way_leaves_the_folder_as_it_was(three, source, monkeypatch):
    before = sorted(path.relative_to(three.path) for path in three.path.rglob("*"))
    monkeypatch.setattr(versions.shutil, "copytree", fail_half_way)
    with pytest.raises(DataError, match=r"serving: can't be written: No space left on device; make room"):
        three.push(source, 40)
    assert sorted(path.relative_to(three.path) for path in three.path.rglob("*")) == before


def fail_half_way(source: Path, target: Path) -> None:
    target.mkdir()
    (target / "saved_model.pb").write_bytes(b"gr")
    raise OSError(28, "No space left on device")


def test_push_version_is_always_larger_than_any_before(three, source):
    assert push_another(three, source, 30.5) == 31
    three.roll_back()
    assert push_another(three, source, 5) == 32


def test_push_of_what_is_in_service_pushes_no_copy_and_mends_the_labels(three, source):
    (three.path / "models.config").unlink()
    assert three.push(source, 40) == 30
    assert list_numbers(three.path) == ["10", "20", "30"]
    assert read_labels(three) == {"stable": 30, "previous": 20}


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index", "another"])
def test_push_of_what_differs_in_one_file_is_a_version_of_its_own(three, source, name):
    (source / name).write_bytes(b"graph 31")
    assert three.push(source, 40) == 40


def test_push_of_an_older_version_serves_it_again(three, source):
    (source / "saved_model.pb").write_bytes(b"graph 20")
    assert three.push(source, 40) == 40


def test_push_labels_the_newest_two_versions(three):
    assert read_labels(three) == {"stable": 30, "previous": 20}
    config = read_config(three.path / "models.config")
    assert (config.name, config.base_path, config.model_platform) == ("fer", "/models/fer", "tensorflow")
    assert config.model_version_policy.latest.num_versions == 2


def test_format_config_of_one_version_has_one_label(tmp_path):
    (tmp_path / "models.config").write_text(format_config(MODEL, [7]))
    config = read_config(tmp_path / "models.config")
    assert dict(config.version_labels) == {"stable": 7}


def test_roll_back_takes_the_newest_version_out_of_service_and_keeps_it(three):
    assert three.roll_back() == 20
    assert list_numbers(three.path) == ["10", "20"]
    assert (three.path / "rolled_back" / "30" / "saved_model.pb").read_bytes() == b"graph 30"
    assert read_labels(three) == {"stable": 20, "previous": 10}


def test_roll_back_to_an_older_version_takes_out_all_that_are_newer(three):
    assert three.roll_back(10) == 10
    assert (three.list_served(), three.list_rolled_back()) == ([10], [20, 30])
    assert read_labels(three) == {"stable": 10}


def test_roll_back_to_a_version_that_was_rolled_back_serves_it_again(three):
    three.roll_back(10)
    assert three.roll_back(30) == 30
    assert (three.list_served(), three.list_rolled_back()) == ([10, 30], [20])


@pytest.mark.parametrize(("count", "found"), [(0, "no version in it"), (1, "only version 10 in it")])
def test_roll_back_nothing_to_go_back_to_is_refused_and_changes_nothing(folder, source, count, found):
    for now_s in [10, 20][:count]:
        folder.push(source, now_s)
    with pytest.raises(ConfigError, match=f"serving: {found}, nothing to go back to"):
        folder.roll_back()
    assert folder.list_served() == [10][:count]


def test_roll_back_to_an_unknown_version_names_those_there_are(three):
    three.roll_back()
    with pytest.raises(ConfigError, match="has no version 25, only 10, 20, 30; give one of them"):
        three.roll_back(25)


def test_forget_keeps_the_newest_of_both_kinds(three, source):
    three.roll_back(10)
    for now_s in (40, 50):
        push_another(three, source, now_s)
    assert three.forget(2) == [10]
    assert (three.list_served(), three.list_rolled_back()) == ([40, 50], [20, 30])
    assert three.forget(1) == [40, 20]
    assert read_labels(three) == {"stable": 50}
    assert sorted(each.name for each in three.path.iterdir()) == ["50", "models.config", "rolled_back"]


def test_list_served_passes_over_what_is_no_complete_version(three):
    (three.path / "40").mkdir()
    (three.path / "notes").mkdir()
    assert three.list_served() == [10, 20, 30]
