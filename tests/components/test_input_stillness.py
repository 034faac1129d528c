"""Input that changes under a run's hands is refused: the cache would know the new rows by the old fingerprint."""

import os
from pathlib import Path
from typing import Any

import pytest
from tfx.components.example_gen import driver, utils

from components.face_example_gen.component import FerExampleGen, require_still
from configs.spec import DataConfig
from fer_tfx.errors import DataError
from pipeline.inputs import resolve_input


@pytest.fixture
def csv_path(tmp_path: Path) -> Path:
    path = tmp_path / "fer2013.csv"
    path.write_text("emotion,pixels\n")
    return path


@pytest.fixture
def noted(csv_path: Path) -> dict[str, Any]:
    """What the executor is given after TFX's driver has looked at the files."""
    config = DataConfig(path=str(csv_path), unlabelled_path=str(csv_path))
    data = resolve_input(config)
    properties = dict(FerExampleGen(data.base, data.patterns, config, code="").exec_properties)
    return driver.FileBasedDriver(None).resolve_exec_properties(properties, None, None)


def test_require_still_files_that_were_left_alone_pass(noted: dict[str, Any]) -> None:
    assert noted[utils.FINGERPRINT_PROPERTY_NAME].count("num_files:1") == 2
    require_still(noted)


@pytest.mark.parametrize("change", ["longer", "later", "gone"])
def test_require_still_files_that_changed_are_refused_in_one_line(
    noted: dict[str, Any], csv_path: Path, change: str
) -> None:
    if change == "longer":
        csv_path.write_text("emotion,pixels\n\n")
        os.utime(csv_path, (1_000, 1_000))
    elif change == "later":
        os.utime(csv_path, (1_000, 1_000))
    else:
        csv_path.unlink()
    with pytest.raises(DataError, match=r"files in it were changed while they were read: wait until .* same command"):
        require_still(noted)


def test_require_still_without_a_drivers_fingerprint_passes(noted: dict[str, Any]) -> None:
    """A runner without TFX's driver hook gives none."""
    del noted[utils.FINGERPRINT_PROPERTY_NAME]
    require_still(noted)
