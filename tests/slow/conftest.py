"""What the slow runs of the whole pipeline share."""

import pytest
from small_run import write_small_csvs
from workshop import Workshop, make_workshop

from schema.drawn_faces import DrawnCsvs


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> DrawnCsvs:
    return write_small_csvs(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return make_workshop(tmp_path_factory.mktemp("workshop"))
