"""What the long tests share."""

import pytest
from fault_injection.survival import Room, run_undisturbed
from small_run import list_options, write_small_csvs

from schema.drawn_faces import DrawnCsvs


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> DrawnCsvs:
    return write_small_csvs(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory, drawn: DrawnCsvs) -> Room:
    """A run that nothing disturbed, to compare with; nobody may change it."""
    return run_undisturbed(Room(tmp_path_factory.mktemp("undisturbed"), list_options(drawn)))
