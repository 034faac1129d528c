"""The folder of a light form is whole, and answers as the model that it was made of."""

import json

import pytest
from evaluation_doubles import draw_pixels, write_model

from benchmarks.ship import ship_light_form
from fer_tfx.errors import DataError
from fer_tfx.light import LightModel
from fer_tfx.model_files import list_files, verify_sums


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "model", {"temperature": 1.0, "abstain_threshold": 0.4})


def test_ship_light_form_writes_model_calibration_names_and_sums(model, tmp_path):
    ship_light_form(model, tmp_path / "light")
    verify_sums(tmp_path / "light")
    assert list_files(tmp_path / "light") == ["calibration.json", "class_names.txt", "model.tflite"]
    answers = LightModel(tmp_path / "light").predict_pixels(draw_pixels([3, 1, 4])[..., None])
    assert [answer.class_index for answer in answers] == [3, 1, 4]
    assert [answer.confidence for answer in answers] == pytest.approx([0.5] * 3, abs=1e-3)
    assert not any(answer.abstain for answer in answers)


def test_ship_light_form_replaces_the_old_one_whole(model, tmp_path):
    (tmp_path / "light").mkdir()
    (tmp_path / "light" / "old").write_text("old")
    ship_light_form(model, tmp_path / "light")
    assert "old" not in list_files(tmp_path / "light")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["light", "model"]


def test_light_model_without_a_threshold_is_refused(model, tmp_path):
    (model / "assets.extra" / "calibration.json").write_text(json.dumps({"temperature": 1.0}))
    ship_light_form(model, tmp_path / "light")
    with pytest.raises(DataError, match="light: the light model can't be loaded"):
        LightModel(tmp_path / "light")
