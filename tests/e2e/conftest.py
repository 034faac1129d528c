"""What the runs of the whole pipeline share."""

import pytest
from fault_injection.survival import Room, run_undisturbed
from made_once import make_once
from small_run import list_options, write_small_csvs
from workshop import Workshop, make_workshop

from schema.drawn_faces import DrawnSummary


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> DrawnSummary:
    return write_small_csvs(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory, drawn: DrawnSummary) -> Room:
    """A run that nothing disturbed, to compare with; nobody may change it."""
    options = list_options(drawn)
    folder = make_once(tmp_path_factory, "undisturbed", lambda folder: run_undisturbed(Room(folder, options)))
    return Room(folder, options)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return make_workshop(tmp_path_factory.mktemp("workshop"))
