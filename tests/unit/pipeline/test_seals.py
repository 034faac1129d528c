"""A damaged artifact is noticed and taken out of the cache's reach; a sound one never is."""

import errno
import io
import os
from pathlib import Path

import pytest

from pipeline.seals import Damage, Seals, keeping_seals


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A work folder with one sealed artifact of two files."""
    artifact = tmp_path / "artifacts" / "Trainer" / "model" / "7"
    (artifact / "variables").mkdir(parents=True)
    (artifact / "saved_model.pb").write_bytes(b"graph")
    (artifact / "variables" / "data").write_bytes(b"weights")
    Seals(tmp_path).seal([artifact])
    return tmp_path


def folder_of(home: Path) -> Path:
    return home / "artifacts" / "Trainer" / "model" / "7"


def overwrite(path: Path, content: bytes, *, keeps_time: bool = False) -> None:
    state = path.stat()
    path.write_bytes(content)
    # A file written within the clock's step would have the same time of change.
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + (0 if keeps_time else 1_000_000_000)))


def test_find_damage_of_untouched_files_finds_none(home: Path) -> None:
    assert Seals(home).find_damage() == []
    assert Seals(home).find_damage(is_thorough=True) == []


def test_find_damage_of_a_file_that_was_only_touched_finds_none(home: Path) -> None:
    overwrite(folder_of(home) / "saved_model.pb", b"graph")
    assert Seals(home).find_damage() == []


@pytest.mark.parametrize(
    ("content", "found"),
    [(b"grapf", "has another checksum than it was written with"), (b"gra", "has 3 bytes, was written with 5")],
)
def test_find_damage_of_a_changed_file_names_it(home: Path, content: bytes, found: str) -> None:
    overwrite(folder_of(home) / "saved_model.pb", content)
    assert Seals(home).find_damage() == [Damage(folder_of(home), "saved_model.pb", found)]


def test_find_damage_of_a_missing_file_names_it(home: Path) -> None:
    (folder_of(home) / "variables" / "data").unlink()
    assert Seals(home).find_damage() == [Damage(folder_of(home), "variables/data", "is missing")]


def test_find_damage_that_left_the_time_alone_is_found_by_reading(home: Path) -> None:
    overwrite(folder_of(home) / "saved_model.pb", b"grapf", keeps_time=True)
    assert Seals(home).find_damage() == []
    (damage,) = Seals(home).find_damage(is_thorough=True)
    assert damage.file == "saved_model.pb"


def test_find_damage_of_an_artifact_that_was_removed_finds_none(home: Path) -> None:
    folder_of(home).rename(home / "elsewhere")
    assert Seals(home).find_damage() == []


def test_find_damage_of_a_broken_seal_is_damage(home: Path) -> None:
    (home / "seals" / "Trainer" / "model" / "7.json").write_text("{")
    (damage,) = Seals(home).find_damage()
    assert damage.found == "its seal can't be read"


def test_set_aside_moves_the_artifact_and_forgets_its_seal(home: Path) -> None:
    (folder_of(home) / "saved_model.pb").unlink()
    (damage,) = Seals(home).find_damage()
    assert Seals(home).set_aside(damage) == home / "damaged" / "Trainer" / "model" / "7"
    assert not folder_of(home).exists()
    assert (home / "damaged" / "Trainer" / "model" / "7" / "variables" / "data").read_bytes() == b"weights"
    assert Seals(home).find_damage() == []


def test_artifacts_later_than_the_metadata_are_moved_away_with_their_seals_in_one_line(home: Path) -> None:
    """An older copy of the metadata gives their numbers out again."""
    beside = home / "artifacts" / "DataGate" / "report" / "8"
    beside.mkdir(parents=True)
    for number in (6, 9):
        (home / "artifacts" / "Trainer" / "model" / str(number)).mkdir()
    said = io.StringIO()
    with keeping_seals(home, 6, said):
        assert sorted(each.name for each in home.glob("artifacts/*/*/*")) == ["6"]
        assert sorted(each.name for each in home.glob("damaged/*/*/*")) == ["7", "8", "9"]
        assert list(home.glob("seals/*/*/*")) == []
    assert said.getvalue() == (
        f"{home}/artifacts: 3 artifacts unknown to metadata.sqlite (was an older copy restored?), moved to"
        f" {home}/damaged\n"
    )
    with keeping_seals(home, 6, said := io.StringIO()):
        pass
    assert said.getvalue() == ""


def test_seals_later_than_the_metadata_go_even_if_their_artifacts_are_gone(home: Path) -> None:
    """Else the next artifact of that number would be taken for damaged."""
    (folder_of(home)).rename(home / "elsewhere")
    assert Seals(home).set_later_aside(7) == 0
    assert len(list(home.glob("seals/*/*/*"))) == 1
    assert Seals(home).set_later_aside(6) == 0
    assert list(home.glob("seals/*/*/*")) == []


def test_set_aside_of_an_artifact_on_another_disk_moves_it_all_the_same(home: Path, monkeypatch) -> None:
    """`artifacts` may be a link."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "rename", refuse)
    monkeypatch.setattr(Path, "rename", refuse)
    aside = Seals(home).set_aside(Damage(folder_of(home), "", ""))
    assert not folder_of(home).exists()
    assert (aside / "variables" / "data").read_bytes() == b"weights"


def test_set_aside_of_a_second_artifact_of_that_number_keeps_both(home: Path) -> None:
    for _ in range(2):
        folder_of(home).mkdir(parents=True, exist_ok=True)
        Seals(home).set_aside(Damage(folder_of(home), "", ""))
    assert sorted(each.name for each in (home / "damaged" / "Trainer" / "model").iterdir()) == ["7", "7-2"]


def test_seal_again_keeps_the_first_seal(home: Path) -> None:
    """Else a run would take a damaged artifact for a sound one by sealing it anew."""
    overwrite(folder_of(home) / "saved_model.pb", b"grapf")
    Seals(home).seal([folder_of(home)])
    assert len(Seals(home).find_damage()) == 1


def test_seal_of_a_folder_elsewhere_writes_nothing(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("serving")
    (elsewhere / "saved_model.pb").write_bytes(b"graph")
    before = sorted(home.rglob("*"))
    Seals(home).seal([elsewhere])
    assert sorted(home.rglob("*")) == before
