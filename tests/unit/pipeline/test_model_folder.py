import json
from pathlib import Path

import pytest

from pipeline.prediction.model_folder import find_model, read_abstain_threshold
from schema.errors import ConfigError


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
    with pytest.raises(ConfigError, match="none: no such folder; give --model a SavedModel"):
        find_model(tmp_path / "none")


@pytest.mark.parametrize("latest", ["", "3"])
def test_find_model_folder_without_a_saved_model_is_named(tmp_path, latest):
    folder = tmp_path / latest
    folder.mkdir(exist_ok=True)
    with pytest.raises(ConfigError, match=rf"^{folder}: no SavedModel in it \(saved_model.pb is missing\); give"):
        find_model(tmp_path)


def write_calibration(folder: Path, text: str) -> Path:
    (folder / "assets.extra").mkdir()
    (folder / "assets.extra" / "calibration.json").write_text(text, "utf-8")
    return folder


def test_read_abstain_threshold_is_the_value_of_its_key(tmp_path):
    content = {"temperature": 1.3, "abstain_threshold": 0.55, "coverage": 0.8}
    assert read_abstain_threshold(write_calibration(tmp_path, json.dumps(content))) == 0.55


def test_read_abstain_threshold_model_without_calibration_is_one_line_with_a_remedy(tmp_path):
    with pytest.raises(ConfigError, match=r"calibration\.json: no `abstain_threshold` .*; give a threshold with --min"):
        read_abstain_threshold(tmp_path)


@pytest.mark.parametrize("text", ["{", "{}", "[]", "3", '{"abstain_threshold": null}', '{"abstain_threshold": "0.5"}',
    '{"abstain_threshold": 1.5}', '{"abstain_threshold": NaN}', '{"abstain_threshold": true}'])  # fmt: skip
def test_read_abstain_threshold_no_number_from_0_to_1_is_refused(tmp_path, text):
    with pytest.raises(ConfigError, match=r"calibration\.json: .*`abstain_threshold`.*--min-confidence$"):
        read_abstain_threshold(write_calibration(tmp_path, text))
