"""A server that polls the folder of versions sees whole models only, and the ones it should."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from fer_tfx.errors import ConfigError, DataError, GateError
from fer_tfx.versions import folder as folder_module
from fer_tfx.versions.folder import VersionFolder, is_whole
from fer_tfx.versions.versions import RolledBackError, ServedModel, format_config

MODEL = ServedModel("fer", "/models/fer")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"index")
    (folder / "variables" / "variables.data-00000-of-00001").write_bytes(b"weights")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> VersionFolder:
    """Its clock says 2025-11-24 16:00:00 UTC."""
    return VersionFolder(tmp_path / "serving", MODEL, clock=lambda: 1764000000.5)


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
    monkeypatch.setattr(folder_module.shutil, "copytree", lambda a, b, *_: copytree(a, b, copy_function=copy_and_look))
    folder.push(source, 10)
    assert seen == [[], [], []]
    assert list_numbers(folder.path) == ["10"]


def test_push_that_fails_half_way_leaves_the_folder_as_it_was(three, source, monkeypatch):
    (source / "saved_model.pb").write_bytes(b"graph 40")
    before = sorted(path.relative_to(three.path) for path in three.path.rglob("*"))
    monkeypatch.setattr(folder_module.shutil, "copytree", fail_half_way)
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
    assert read_labels(three) == {"stable": 30}


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index", "another"])
def test_push_of_what_differs_in_one_file_is_a_version_of_its_own(three, source, name):
    (source / name).write_bytes(b"graph 31")
    assert three.push(source, 40) == 40


def test_push_of_an_older_version_serves_it_again(three, source):
    (source / "saved_model.pb").write_bytes(b"graph 20")
    assert three.push(source, 40) == 40


def test_push_labels_the_newest_version_and_has_the_newest_three_loaded(three):
    config = read_config(three.path / "models.config")
    assert dict(config.version_labels) == {"stable": 30}
    assert (config.name, config.base_path, config.model_platform) == ("fer", "/models/fer", "tensorflow")
    assert config.model_version_policy.latest.num_versions == 3


def test_format_config_names_the_version_and_how_many_to_load(tmp_path):
    (tmp_path / "models.config").write_text(format_config(MODEL, 7, 5))
    config = read_config(tmp_path / "models.config")
    assert dict(config.version_labels) == {"stable": 7}
    assert config.model_version_policy.latest.num_versions == 5


def test_roll_back_takes_the_newest_version_out_of_service_and_keeps_it(three):
    assert three.roll_back() == 20
    assert list_numbers(three.path) == ["10", "20"]
    assert (three.path / "rolled_back" / "30" / "saved_model.pb").read_bytes() == b"graph 30"
    assert read_labels(three) == {"stable": 20}


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


def test_forget_keeps_the_newest_of_both_kinds_and_what_a_server_has_loaded(three, source):
    three.roll_back(10)
    for now_s in (40, 50, 60):
        push_another(three, source, now_s)
    assert three.forget(3) == [10]
    assert (three.list_served(), three.list_rolled_back()) == ([40, 50, 60], [20, 30])
    assert three.forget(1) == [20]
    assert three.list_served() == [40, 50, 60], "one of them may still be the one that answers"
    assert read_labels(three) == {"stable": 60}
    names = ["40", "50", "60", "models.config", "roll_backs.json", "rolled_back"]
    assert sorted(each.name for each in three.path.iterdir()) == names


def test_list_served_passes_over_what_is_no_complete_version(three):
    (three.path / "40").mkdir()
    (three.path / "notes").mkdir()
    assert three.list_served() == [10, 20, 30]


def test_push_of_what_was_rolled_back_is_refused_with_the_way_back_and_copies_nothing(three, source):
    three.roll_back()
    before = sorted(three.path.rglob("*"))
    said = (
        "the model equals version 30, which was rolled back on 2025-11-24 16:00:00 UTC;"
        " `fer-tfx rollback --to 30` brings it back"
    )
    assert three.find_refusal(source) == said
    with pytest.raises(RolledBackError, match="serving: the model equals version 30") as caught:
        three.push(source, 40)
    assert isinstance(caught.value, GateError)
    assert sorted(three.path.rglob("*")) == before
    assert three.list_served() == [10, 20]


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.data-00000-of-00001", "assets/vocabulary"])
def test_push_of_what_differs_from_the_rolled_back_is_let_through(three, source, name):
    three.roll_back()
    (source / name).parent.mkdir(exist_ok=True)
    (source / name).write_bytes(b"another")
    assert three.find_refusal(source) == ""
    assert three.push(source, 40) == 40


@pytest.mark.parametrize("name", ["assets.extra/MODEL_CARD.md", "assets.extra/training_record.json", "fingerprint.pb"])
def test_push_of_what_was_rolled_back_with_another_card_or_record_is_refused_as_well(three, source, name):
    three.roll_back()
    (source / name).parent.mkdir(exist_ok=True)
    (source / name).write_bytes(b"another")
    assert "equals version 30" in three.find_refusal(source)


def test_push_of_what_was_rolled_back_is_refused_after_later_pushes_and_when_it_was_forgotten(three, source):
    three.roll_back(10)
    for now_s in (40, 50, 60, 70):
        push_another(three, source, now_s)
        three.forget(1)
    assert three.list_rolled_back() == [30]
    assert three.list_forgotten() == [20]
    for version in (20, 30):
        (source / "saved_model.pb").write_bytes(b"graph %d" % version)
        with pytest.raises(RolledBackError, match=f"equals version {version}, .* `fer-tfx rollback --to {version}`"):
            three.push(source, 80)
    assert three.list_served()[-1] == 70


def test_push_of_what_an_earlier_release_rolled_back_is_refused_also_when_it_is_forgotten(three, source):
    for version in ("20", "30"):
        (three.path / "rolled_back").mkdir(exist_ok=True)
        (three.path / version).rename(three.path / "rolled_back" / version)
    assert three.find_refusal(source) == (
        "the model equals version 30, which was rolled back; `fer-tfx rollback --to 30` brings it back"
    )
    push_another(three, source, 40)
    assert three.forget(1) == [20]
    (source / "saved_model.pb").write_bytes(b"graph 20")
    assert "equals version 20" in three.find_refusal(source)


def test_push_of_what_is_in_service_is_no_return_of_its_rolled_back_twin(three, source):
    (source / "saved_model.pb").write_bytes(b"graph 20")
    assert three.push(source, 40) == 40
    three.roll_back(20)
    assert (three.find_refusal(source), three.push(source, 50)) == ("", 20)


def test_roll_back_to_what_was_taken_out_takes_its_record_away(three, source):
    three.roll_back()
    three.roll_back(30)
    assert (three.list_served(), three.list_rolled_back(), three.list_forgotten()) == ([10, 20, 30], [], [])
    push_another(three, source, 40)
    (source / "saved_model.pb").write_bytes(b"graph 30")
    assert three.push(source, 50) == 50


def test_roll_back_to_what_was_forgotten_lets_an_equal_model_be_pushed(three, source):
    three.roll_back(10)
    three.forget(1)
    assert three.list_forgotten() == [20]
    assert three.roll_back(20) == 10
    assert three.list_forgotten() == []
    (source / "saved_model.pb").write_bytes(b"graph 20")
    assert three.push(source, 40) == 40


def test_record_counts_what_was_brought_back_after_a_refusal(three, source):
    three.roll_back()
    three.roll_back(30)
    assert three.read_record().lifted == 0
    three.roll_back()
    assert three.find_refusal(source)
    three.roll_back(30)
    assert three.read_record().lifted == 1


def test_read_roll_backs_has_each_kind_and_no_other(three, source):
    three.roll_back(10)
    push_another(three, source, 40)
    three.forget(1)
    assert list(three.read_roll_backs().versions) == [20, 30]
    three.roll_back(30)
    assert list(three.read_roll_backs().versions) == [20, 40]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"versions": [{"version": "a", "digest": ""}]}',
        '{"versions": [{"version": 1, "digest": "", "time_s": 1e99}]}',
        '{"versions": [1]}',
        "\xff",
    ],
)
@pytest.mark.parametrize("command", ["push", "roll_back", "list_served", "read_roll_backs"])
def test_a_damaged_record_stops_every_command_and_changes_nothing(three, source, text, command):
    (three.path / "roll_backs.json").write_bytes(text.encode("latin-1"))
    before = sorted(three.path.rglob("*"))
    calls = {"push": lambda: three.push(source, 40)}
    with pytest.raises(DataError, match=r"roll_backs\.json: .*; (fix|bring)") as caught:
        calls.get(command, getattr(three, command, None))()
    assert "\n" not in str(caught.value)
    assert sorted(three.path.rglob("*")) == before


FILES = ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [lambda file: file.unlink(), lambda file: file.write_bytes(b"")])
def test_is_whole_and_roll_back_refuse_a_version_without_a_file_or_with_an_empty_one(three, name, damage):
    assert is_whole(three.path / "20")
    damage(three.path / "20" / name)
    assert not is_whole(three.path / "20")
    if (three.path / "20" / "saved_model.pb").exists():
        with pytest.raises(
            DataError, match=r"20: has no (saved_model.pb|variables/variables\.\S+), or an empty one; name"
        ):
            three.roll_back(20)
    assert three.list_served()[-1] == 30
    assert read_labels(three) == {"stable": 30}


def test_is_whole_of_what_is_not_there_is_false(tmp_path):
    assert not is_whole(tmp_path / "10")


def test_roll_back_to_what_has_changed_since_it_was_taken_out_is_refused_and_changes_nothing(three):
    three.roll_back()
    (three.path / "rolled_back" / "30" / "variables" / "variables.index").write_bytes(b"another")
    with pytest.raises(DataError, match="rolled_back/30: has changed since it was rolled back; name another version"):
        three.roll_back(30)
    assert (three.list_served(), three.list_rolled_back()) == ([10, 20], [30])


def test_roll_back_waits_for_the_servers_before_a_version_goes_and_before_one_that_is_not_loaded_is_named(
    tmp_path, source
):
    seen = []
    model = ServedModel("fer", "/models/fer", settle_s=7)
    folder = VersionFolder(tmp_path / "serving", model, sleep=lambda seconds: seen.append((seconds, look(folder))))

    def look(folder: VersionFolder) -> tuple[dict[str, int], int, list[str]]:
        config = read_config(folder.path / "models.config")
        return dict(config.version_labels), config.model_version_policy.latest.num_versions, list_numbers(folder.path)

    for now_s in (10, 20, 30, 40, 50):
        push_another(folder, source, now_s)
    everything = ["10", "20", "30", "40", "50"]
    folder.roll_back()
    assert seen == [(7, ({"stable": 40}, 3, everything))]
    seen.clear()
    folder.roll_back(10)
    there = everything[:-1]
    assert seen == [(7, ({"stable": 40}, 4, there)), (7, ({"stable": 10}, 4, there))]
    assert look(folder) == ({"stable": 10}, 3, ["10"])


@pytest.mark.parametrize("name", ["models.config", "rolled_back"])
def test_roll_back_where_something_else_stands_in_the_way_moves_nothing(three, name):
    place = three.path / name
    place.unlink(missing_ok=True)
    place.mkdir() if name == "models.config" else place.write_text("notes")
    with pytest.raises(DataError, match=rf"{name}: can't be (written|read): \w+ .*; (make room|fix it)"):
        three.roll_back()
    assert list_numbers(three.path) == ["10", "20", "30"]
    assert (three.list_served() if name == "models.config" else list_numbers(three.path))[-1] in (30, "30")
    assert not (three.path / "roll_backs.json").exists()
    assert [each.name for each in three.path.rglob(".*")] == []


def test_push_clears_up_after_processes_that_are_gone_and_after_no_other(three, source):
    gone = subprocess.Popen(["true"])
    gone.wait()
    left = [f".35.{gone.pid}.partial", ".5.removed", f"rolled_back/.6.{gone.pid}.partial", "rolled_back/.7.removed"]
    others = [f".36.{os.getppid()}.partial", ".notes", "notes", ".x.removed", ".35.partial"]
    for name in [*left, *others]:
        (three.path / name / "variables").mkdir(parents=True)
    (three.path / f".models.config.{gone.pid}.partial").write_text("half")
    push_another(three, source, 40)
    there = {path.relative_to(three.path).as_posix() for path in three.path.rglob("*")}
    assert there & {*left, f".models.config.{gone.pid}.partial"} == set()
    assert set(others) <= there


def test_push_where_all_that_is_in_place_was_rolled_back_takes_its_place(three, source):
    three.roll_back()
    for version in ("10", "20"):
        shutil.rmtree(three.path / version)
    (three.path / "rolled_back" / "30").rename(three.path / "30")
    assert push_another(three, source, 40) == 40
    assert read_labels(three) == {"stable": 40}
    assert push_another(three, source, 50) == 50
    assert (list_numbers(three.path), three.list_rolled_back()) == (["40", "50"], [30])


@pytest.mark.parametrize("is_copied", [True, False])
def test_push_puts_aside_again_what_somebody_has_brought_back_by_hand(three, source, is_copied):
    three.roll_back()
    aside = three.path / "rolled_back" / "30"
    shutil.copytree(aside, three.path / "30") if is_copied else aside.rename(three.path / "30")
    assert three.list_served() == [10, 20], "`rollback --to 30` is the way"
    assert push_another(three, source, 40) == 40
    assert (list_numbers(three.path), three.list_rolled_back()) == (["10", "20", "40"], [30])
    assert (aside / "saved_model.pb").read_bytes() == b"graph 30"
