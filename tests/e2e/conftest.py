"""What the runs of the whole pipeline share."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from fault_injection.survival import Room
from made_once import make_once
from small_run import list_options, write_small_csvs
from workshop import Workshop, make_workshop

from schema.drawn_faces import DrawnCsvs

_FOLDER = Path(__file__).parent
# Files that take minutes. Begun last, one of them would keep its process busy while the other has nothing left to do.
_LONG = (
    "test_accepted_runs.py", "test_injected_faults.py", "test_refusals.py", "test_run.py",
    "test_killed_runs.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files of this folder before the others of it; the rest stays where it is."""
    places = [place for place, item in enumerate(items) if item.path.parent == _FOLDER]
    of_folder = sorted((items[place] for place in places), key=_rank)
    for place, item in zip(places, of_folder, strict=True):
        items[place] = item


def _rank(item: pytest.Item) -> int:
    return _LONG.index(item.path.name) if item.path.name in _LONG else len(_LONG)


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> DrawnCsvs:
    return write_small_csvs(make_once(tmp_path_factory, "drawn", write_small_csvs))


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, drawn: DrawnCsvs) -> Path:
    """A run that nothing disturbed: its workshop, how it ended, and a copy of the metadata as they were then."""

    def run(folder: Path) -> None:
        workshop = make_workshop(folder)
        done = workshop.run(drawn)
        assert done.exit_code == 0, done.stdout + done.stderr
        (folder / "done.json").write_text(json.dumps(asdict(done)))
        (folder / "then" / "fer").mkdir(parents=True)
        shutil.copy(workshop.root / "fer" / "metadata.sqlite", folder / "then" / "fer")

    return make_once(tmp_path_factory, "undisturbed", run)


@pytest.fixture(scope="session")
def reference(undisturbed: Path, drawn: DrawnCsvs) -> Room:
    """The undisturbed run, to compare with, whatever its workshop has done since."""
    return Room(undisturbed / "then", list_options(drawn))


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return make_workshop(tmp_path_factory.mktemp("workshop"))
