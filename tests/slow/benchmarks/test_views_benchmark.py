"""A model of before there were views gets calibrations for them from its own answers, and each number its figures."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from evaluation_doubles import RECORD, draw_pixels, write_data, write_model

from benchmarks.ship import ship_light_form
from benchmarks.views import main
from fer_tfx.light import LightModel
from fer_tfx.model_files import verify_sums, write_sums

OWN = {"temperature": 2.0, "abstain_threshold": 0.45, "abstain_accuracy": 0.8, "coverage": 1.0, "n": 8}


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders `model` and `light` of a model of before, and `data`."""
    folder = tmp_path_factory.mktemp("older")
    write_model(folder / "model", OWN, {**RECORD, "export": {"abstain_accuracy": 0.6}})
    write_sums(folder / "model")
    ship_light_form(folder / "model", folder / "light")
    test = draw_pixels([0, 1, 2, 3, 3, 4, 5, 6])
    write_data(folder / "data", test[:2], test, [0, 1, 2, 3, 4, 4, 6, 0])
    return folder


@pytest.fixture
def folder(older: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(older, tmp_path / "copy"))


def run(folder: Path, *words: str) -> int:
    return main([*words, *(f"--{name}={folder / name}" for name in ("data", "model", "light"))])


def test_main_calibrate_adds_2_and_4_views_to_both_forms_and_leaves_the_models_own(folder, capsys):
    assert run(folder, "--calibrate") == 0
    text = (folder / "light" / "calibration.json").read_text("utf-8")
    assert (folder / "model" / "assets.extra" / "calibration.json").read_text("utf-8") == text
    for name in ("model", "light"):
        verify_sums(folder / name)
    written = json.loads(text)
    by_views = written.pop("by_views")
    assert written == {**OWN, "views": 1}
    assert by_views["1"] == OWN
    # In the mirror a first pixel of 100 is no class at all, so the mean of both logits is half of one view's.
    assert by_views["2"]["temperature"] == pytest.approx(by_views["4"]["temperature"] * 2, rel=0.01)
    assert {each["n"] for each in by_views.values()} == {8}
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| 1", "| 2", "| 4"]
    assert lines[2].startswith("| 1 | 0.6250 | 0.5714 | ")


def test_main_measures_the_views_that_a_light_form_can_average(folder, capsys):
    assert run(folder) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert LightModel(folder / "light").predict_pixels(np.zeros((1, 48, 48, 1), np.uint8))[0].views == 1


def test_main_calibrate_model_that_averages_views_itself_is_refused(folder, capsys):
    for path in (folder / "model" / "assets.extra", folder / "light"):
        (path / "calibration.json").write_text(json.dumps({**OWN, "views": 2}), "utf-8")
    for name in ("model", "light"):
        write_sums(folder / name)
    assert run(folder, "--calibrate") == 2
    said = "averages views itself, so it needs no calibration for others; omit --calibrate"
    assert capsys.readouterr().err == f"views: {folder / 'model'}: {said}\n"
