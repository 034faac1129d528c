from pathlib import Path

import pytest

from fer_tfx.errors import ConfigError
from fer_tfx.model_files import find_model


def make_model(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "saved_model.pb").touch()
    return folder


def test_find_model_saved_model_is_taken_itself(tmp_path):
    make_model(tmp_path / "7")
    assert find_model(make_model(tmp_path)) == tmp_path


def test_find_model_folder_of_versions_gives_the_latest_by_number(tmp_path):
    for name in ("9", "10", "x11", "2"):
        make_model(tmp_path / name)
    (tmp_path / "12").touch()  # a file is no version
    assert find_model(tmp_path) == tmp_path / "10"


def test_find_model_missing_folder_is_named(tmp_path):
    with pytest.raises(ConfigError, match="none: no such folder; give a model"):
        find_model(tmp_path / "none")


@pytest.mark.parametrize("latest", ["", "3"])
def test_find_model_folder_without_a_saved_model_is_named(tmp_path, latest):
    folder = tmp_path / latest
    folder.mkdir(exist_ok=True)
    with pytest.raises(ConfigError, match=rf"^{folder}: no model in it \(saved_model.pb is missing\); give"):
        find_model(tmp_path)
