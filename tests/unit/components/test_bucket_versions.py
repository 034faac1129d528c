"""Versions in a bucket, for which TensorFlow's file system in memory stands in."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from serving_double import FolderPolls, ServingFault, TensorFlowServingDouble, answer_by_first_value
from tensorflow_serving.config import model_server_config_pb2
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components import bucket_versions
from components.bucket_versions import BucketVersions, find_rolled_back, open_versions
from fer_tfx.errors import ConfigError, DataError
from fer_tfx.versions.folder import VersionFolder
from fer_tfx.versions.model_digest import compute_digest
from fer_tfx.versions.versions import RolledBackError, ServedModel


@pytest.fixture
def source(tmp_path: Path) -> str:
    uri = f"ram:/{tmp_path}/export"
    io_utils.write_string_file(f"{uri}/saved_model.pb", "graph")
    io_utils.write_string_file(f"{uri}/variables/variables.index", "index")
    io_utils.write_string_file(f"{uri}/variables/variables.data-00000-of-00001", "weights")
    io_utils.write_string_file(f"{uri}/assets.extra/not_saved_model.pb", "other")
    return uri


@pytest.fixture
def versions(tmp_path: Path) -> BucketVersions:
    """Its clock says 2025-11-24 16:00:00 UTC."""
    model = ServedModel("fer", "gs://bucket/serving")
    return BucketVersions(f"ram:/{tmp_path}/serving", model, clock=lambda: 1764000000.5)


@pytest.fixture
def four(versions: BucketVersions, source: str) -> BucketVersions:
    """Versions 10, 20, 30 and 40."""
    for now_s in (10, 20, 30, 40):
        push_another(versions, source, now_s)
    return versions


def write(file: str, text: str) -> None:
    """The file system in memory appends to what is there."""
    if fileio.exists(file):
        fileio.remove(file)
    io_utils.write_string_file(file, text)


def push_another(versions: BucketVersions, source: str, now_s: int) -> int:
    """Push a model that differs from all before."""
    write(f"{source}/saved_model.pb", f"graph {now_s}")
    return versions.push(source, now_s)


def list_files(uri: str) -> dict[str, str]:
    """Content by name below a URI."""
    paths = [f"{folder}/{name}" for folder, _, names in fileio.walk(uri) for name in names]
    return {path.removeprefix(f"{uri}/").replace("//", "/"): io_utils.read_string_file(path) for path in paths}


def list_numbers(versions: BucketVersions) -> list[str]:
    """What a server takes for versions."""
    return sorted({name.partition("/")[0] for name in list_files(versions.path) if name.partition("/")[0].isdecimal()})


def read_labels(versions: BucketVersions) -> dict[str, int]:
    text = io_utils.read_string_file(f"{versions.path}/models.config")
    (config,) = text_format.Parse(text, model_server_config_pb2.ModelServerConfig()).model_config_list.config
    return dict(config.version_labels)


def test_push_copies_every_file_and_labels_the_version(versions, source):
    assert versions.list_served() == []
    assert versions.push(source, 1764000000.9) == 1764000000
    place = f"{versions.path}/1764000000"
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
    assert len(copied) == 4
    assert copied[-1] == f"{versions.path}/10/saved_model.pb"


def test_push_within_the_same_second_gets_the_next_number(versions, source):
    assert [push_another(versions, source, 10), versions.push(source, 10)] == [10, 10], "it is in service already"
    write(f"{source}/variables/variables.index", "another")
    assert versions.push(source, 10) == 11
    assert read_labels(versions) == {"stable": 11}


def test_push_that_fails_half_way_leaves_no_version(versions, source, monkeypatch):
    push_another(versions, source, 10)
    write(f"{source}/saved_model.pb", "graph 20")

    def fail(*_: object, **__: object) -> None:
        raise OSError("quota exceeded")

    monkeypatch.setattr(bucket_versions.fileio, "copy", fail)
    with pytest.raises(DataError, match=r"serving: can't be written: quota exceeded; correct"):
        versions.push(source, 20)
    assert versions.list_served() == [10]
    assert not fileio.exists(f"{versions.path}/20/variables/variables.index")
    assert read_labels(versions) == {"stable": 10}


def test_push_passes_over_a_version_on_its_way(versions, source):
    io_utils.write_string_file(f"{versions.path}/30/variables/variables.index", "of another push")
    assert versions.push(source, 10) == 31
    assert versions.list_served() == [31]


def test_forget_removes_the_oldest_and_leaves_other_folders(four, source):
    push_another(four, source, 50)
    io_utils.write_string_file(f"{four.path}/notes/saved_model.pb", "no version")
    assert four.forget(4) == [10]
    assert four.list_served() == [20, 30, 40, 50]
    assert list_numbers(four) == ["20", "30", "40", "50"]
    assert fileio.exists(f"{four.path}/notes/saved_model.pb")
    assert four.forget(1) == [20], "three are loaded"
    assert four.forget(1) == []


def test_roll_back_moves_whole_versions_aside_and_back(four):
    before = list_files(f"{four.path}/40")
    assert len(before) == 4
    assert four.roll_back(20) == 20
    assert (four.list_served(), four.list_rolled_back()) == ([10, 20], [30, 40])
    assert list_numbers(four) == ["10", "20"]
    assert list_files(f"{four.path}/rolled_back/40") == before
    assert read_labels(four) == {"stable": 20}
    assert four.roll_back(40) == 40
    assert (four.list_served(), four.list_rolled_back()) == ([10, 20, 40], [30])
    assert list_files(f"{four.path}/40") == before
    assert not [name for name in list_files(four.path) if name.startswith("rolled_back/40/")]
    assert read_labels(four) == {"stable": 40}


def test_roll_back_nothing_to_go_back_to_is_refused(versions):
    with pytest.raises(ConfigError, match="serving: no version in it, nothing to go back to"):
        versions.roll_back()


def test_push_of_what_was_rolled_back_is_refused_also_when_it_was_forgotten(four, source):
    four.roll_back(20)
    said = (
        "the model equals version 40, which was rolled back on 2025-11-24 16:00:00 UTC;"
        " `fer-tfx rollback --to 40` brings it back"
    )
    assert four.find_refusal(source) == said
    assert four.forget(1) == [30]
    assert four.list_forgotten() == [30]
    for version in (30, 40):
        write(f"{source}/saved_model.pb", f"graph {version}")
        with pytest.raises(RolledBackError, match=f"equals version {version}"):
            four.push(source, 50)
    assert four.list_served() == [10, 20]


def test_find_rolled_back_by_uri_and_by_path(four, source, tmp_path):
    four.roll_back(20)
    four.forget(1)
    pushed = [f"{four.path}/{each}" for each in (10, 20, 30, 40, 50, "notes")]
    assert find_rolled_back(dict.fromkeys(pushed, "")) == {f"{four.path}/30", f"{four.path}/40"}
    local = str(tmp_path / "serving" / "10")
    assert find_rolled_back(dict.fromkeys([local, *pushed[:3]], "")) == {f"{four.path}/30"}
    aside = tmp_path / "serving" / "rolled_back" / "10"
    aside.mkdir(parents=True)
    (aside / "saved_model.pb").write_text("graph")
    assert find_rolled_back({local: ""}) == {local}


def test_find_rolled_back_other_version_of_the_same_model_is_found_unless_it_is_in_service(tmp_path):
    folder = VersionFolder(tmp_path / "serving", ServedModel("fer", "/models/fer"))
    files = ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001")
    for version, model in ((10, "other"), (20, "same"), (30, "other"), (40, "same")):
        (tmp_path / model / "variables").mkdir(parents=True, exist_ok=True)
        for name in files:
            (tmp_path / model / name).write_text(model)
        folder.push(str(tmp_path / model), version)
    digest = compute_digest((name, b"same") for name in files)
    pushed = dict.fromkeys((f"{folder.path}/20", f"{folder.path}/40"), digest)
    folder.roll_back(30)
    assert find_rolled_back(pushed) == set(pushed)
    assert folder.roll_back() == 10, "the model of 20 is that of 40, which was rolled back"
    folder.roll_back(20)
    assert find_rolled_back(pushed) == set(), "a person serves the model again"


def test_open_versions_knows_a_bucket_by_its_uri(tmp_path):
    model = ServedModel("fer", "/models/fer")
    assert isinstance(open_versions("gs://bucket/serving", model), BucketVersions)
    assert open_versions(str(tmp_path), model) == VersionFolder(tmp_path, model)


@pytest.mark.parametrize("command", ["roll_back", "list_served", "describe_states", "list_forgotten"])
def test_a_bucket_that_can_not_be_read_is_one_line(command):
    versions = BucketVersions("nonsense://bucket/serving", ServedModel("fer", "/models/fer"))
    with pytest.raises(DataError, match=r"nonsense://bucket/serving: can't be read: .*; correct the URI, or") as caught:
        getattr(versions, command)()
    assert "\n" not in str(caught.value)


COMMANDS: dict[str, tuple[Callable[[BucketVersions], object] | None, Callable[[BucketVersions], object], int]] = {
    "roll back": (None, lambda versions: versions.roll_back(20), 20),
    "bring back": (lambda versions: versions.roll_back(20), lambda versions: versions.roll_back(40), 40),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_roll_back_that_is_killed_before_any_change_leaves_a_version_in_service_and_is_mended(
    source, tmp_path, monkeypatch, name
):
    first, command, target = COMMANDS[name]
    killed_at, was_killed = 0, True
    while was_killed:
        versions = BucketVersions(f"ram:/{tmp_path}/{killed_at}", ServedModel("fer", "/models/fer"))
        for now_s in (10, 20, 30, 40):
            push_another(versions, source, now_s)
        whole = {each: list_files(f"{versions.path}/{each}") for each in (10, 20, 30, 40)}
        if first:
            first(versions)
        in_service = versions.list_served()[-1]
        with monkeypatch.context() as patch:
            was_killed = _kill(patch, killed_at, lambda versions=versions: command(versions))
        stable = read_labels(versions)["stable"]
        assert stable in (in_service, target)
        assert list_files(f"{versions.path}/{stable}") == whole[stable], "a server has it whole"
        push_another(versions, source, 90)
        assert read_labels(versions) == {"stable": 90}
        assert list_numbers(versions) == sorted(map(str, versions.list_served())), killed_at
        there = [*versions.list_served()[:-1], *versions.list_rolled_back()]
        assert sorted(there) == [10, 20, 30, 40], "none is lost, and none lies in two places"
        for version in versions.list_rolled_back():
            assert list_files(f"{versions.path}/rolled_back/{version}") == whole[version]
        killed_at += 1
    assert killed_at > 10


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("name", [*COMMANDS, "push"])
def test_stable_answers_at_every_state_of_a_bucket(tmp_path, monkeypatch, name, seed):
    """A folder stands in for the bucket: the double of the server reads it."""
    looks, unanswered = random.Random(seed), []
    source = str(tmp_path / "export")
    for file in ("variables/variables.index", "variables/variables.data-00000-of-00001"):
        write(f"{source}/{file}", "weights")
    model = ServedModel("fer", "/models/fer", settle_s=90)
    versions = BucketVersions(str(tmp_path / "serving"), model, sleep=lambda _: polls.settle())
    polls = FolderPolls(TensorFlowServingDouble({1: answer_by_first_value}), tmp_path / "serving")
    for now_s in (10, 20, 30, 40):
        push_another(versions, source, now_s)
    polls.start()

    def look_about() -> None:
        every = [polls.look_at_folder, polls.look_at_config, polls.work]
        for look in looks.choices(every, (1, seed % 2, 1), k=looks.randrange(8)):
            look()
            try:
                polls.find_labelled("stable")
            except ServingFault as fault:
                unanswered.append(fault.message)

    commands = [each for each in COMMANDS.get(name, (None, None, 0))[:2] if each]
    for command in commands or [lambda versions: push_another(versions, source, 50)]:
        with monkeypatch.context() as patch:
            observe(patch, look_about)
            command(versions)
        polls.settle()
    assert unanswered == []
    assert polls.find_labelled("stable") == versions.list_served()[-1]


class KilledError(BaseException):
    """The process ends here."""


def _kill(patch: pytest.MonkeyPatch, killed_at: int, command: Callable[[], object]) -> bool:
    """Run a command that is killed before it changes something for so many times; whether it came to that."""
    changes = 0

    def count() -> None:
        nonlocal changes
        changes += 1
        if changes > killed_at:
            raise KilledError

    observe(patch, count)
    try:
        command()
    except KilledError:
        return True
    return False


def observe(patch: pytest.MonkeyPatch, observer: Callable[[], None]) -> None:
    """Call `observer` before each change of the bucket."""

    def observed(change: Callable[..., Any]) -> Callable[..., Any]:
        def look_and_change(*words: Any, **options: Any) -> Any:
            observer()
            return change(*words, **options)

        return look_and_change

    for module, names in {fileio: ("copy", "remove", "rename", "rmtree"), io_utils: ("write_string_file",)}.items():
        for name in names:
            patch.setattr(module, name, observed(getattr(module, name)))
