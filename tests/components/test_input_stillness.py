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


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two classes of two empty pictures each, of the same second."""
    for name in ("happy/1.png", "happy/2.png", "sad/3.png", "sad/4.png"):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (1_000, 1_000))
    return tmp_path / "pictures"


def note(folder: Path, pattern: str = "", span: int | None = None) -> dict[str, Any]:
    """What the cache goes by and the executor is given, after TFX's driver has looked at the files of a folder."""
    config = DataConfig(path=str(folder / pattern))
    data = resolve_input(config)
    properties = dict(FerExampleGen(data.base, data.patterns, config, code="", span=span).exec_properties)
    return driver.FileBasedDriver(None).resolve_exec_properties(properties, None, None)


def move(pictures: Path) -> None:
    (pictures / "happy" / "1.png").rename(pictures / "sad" / "1.png")


def replace_within_the_second(pictures: Path) -> None:
    os.utime(pictures / "happy" / "1.png", ns=(1_000_000_000_001, 1_000_000_000_001))


@pytest.mark.parametrize("change", [move, replace_within_the_second])
def test_pictures_that_tfx_takes_for_unchanged_are_new_to_the_cache_and_to_require_still(pictures, change):
    noted = note(pictures)
    require_still(noted)
    assert note(pictures) == noted
    change(pictures)
    again = note(pictures)
    assert again[utils.FINGERPRINT_PROPERTY_NAME] == noted[utils.FINGERPRINT_PROPERTY_NAME]
    assert '"files"' in again["custom_config"]
    assert again["custom_config"] != noted["custom_config"]
    with pytest.raises(DataError, match="files in it were changed while they were read"):
        require_still(noted)


def test_files_of_the_newest_span_and_of_a_chosen_one_are_those_that_the_cache_goes_by(tmp_path):
    for number in (1, 2):
        (tmp_path / f"span-{number}").mkdir()
        (tmp_path / f"span-{number}" / "rows.csv").write_text("emotion,pixels\n" * number)
    newest, first = note(tmp_path, "span-{SPAN}/*"), note(tmp_path, "span-{SPAN}/*", span=1)
    for noted in (newest, first):
        require_still(noted)
    (tmp_path / "span-2" / "rows.csv").rename(tmp_path / "span-2" / "others.csv")
    require_still(first)
    assert note(tmp_path, "span-{SPAN}/*", span=1) == first
    with pytest.raises(DataError, match="were changed"):
        require_still(newest)


def test_files_that_are_not_on_this_machine_have_no_digest_in_the_settings():
    patterns = {"labelled": "faces.csv"}
    remote, compiled = (
        FerExampleGen(base, patterns, DataConfig(), code="").exec_properties["custom_config"]
        for base in ("gs://bucket/data", "")
    )
    assert remote == compiled
    assert '"files"' not in compiled


def test_require_still_without_a_drivers_fingerprint_passes(noted: dict[str, Any]) -> None:
    """A runner without TFX's driver hook gives none."""
    del noted[utils.FINGERPRINT_PROPERTY_NAME]
    require_still(noted)
