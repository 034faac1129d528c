import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from fer_tfx.contract import CLASS_NAMES
from fer_tfx.errors import DataError
from fer_tfx.light import LightModel
from fer_tfx.local_model import build_prediction
from fer_tfx.model_files import find_shipped_model, light_folder
from schema.drawn_faces import draw_faces


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped light model, which a test may damage."""
    return Path(shutil.copytree(find_shipped_model(light_folder()), tmp_path / "light"))


def test_predict_pixels_answers_come_in_the_order_of_the_pictures():
    model, pixels = LightModel.shipped(), draw_faces(6, 4).pixels[..., np.newaxis]
    together = model.predict_pixels(pixels)
    assert together == [each for picture in pixels for each in model.predict_pixels(picture[np.newaxis])]
    assert together[::-1] == model.predict_pixels(pixels[::-1])
    assert len(set(together)) == 6
    np.testing.assert_allclose([sum(each.probabilities) for each in together], 1.0, atol=1e-5)
    assert all(each.class_name == CLASS_NAMES[int(np.argmax(each.probabilities))] for each in together)
    assert model.predict_pixels(pixels[:0]) == []


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((1, 48, 48, 1)), np.zeros((1, 48, 48), np.uint8), np.zeros((1, 48, 47, 1), np.uint8),
     np.zeros((48, 48, 1), np.uint8)],
)  # fmt: skip
def test_predict_pixels_other_shape_or_dtype_is_refused(pixels):
    with pytest.raises(ValueError, match=r"pixels: expected uint8 \(n, 48, 48, 1\), got "):
        LightModel.shipped().predict_pixels(pixels)


@pytest.mark.parametrize(("threshold", "abstains"), [(0.5, False), (0.51, True)])
def test_build_prediction_abstains_below_the_threshold(threshold, abstains):
    shares = np.array([0.1, 0.1, 0.1, 0.5, 0.1, 0.05, 0.05], np.float32)
    answer = build_prediction(shares, threshold, views=2)
    assert (answer.class_index, answer.confidence, answer.abstain, answer.views) == (3, 0.5, abstains, 2)
    assert answer.probabilities == tuple(shares.tolist())


def test_light_model_threshold_is_the_calibrations(folder):
    (folder / "calibration.json").write_text(json.dumps({"temperature": 1.0, "abstain_threshold": 1.01}), "utf-8")
    assert LightModel(folder).predict_pixels(np.zeros((1, 48, 48, 1), np.uint8))[0].abstain


@pytest.mark.parametrize(
    ("name", "content"),
    [("model.tflite", None), ("model.tflite", b"no model"), ("calibration.json", None), ("calibration.json", b"{"),
     ("calibration.json", b"{}"), ("calibration.json", b"[]"),
     ("calibration.json", b'{"temperature": 1, "abstain_threshold": null}')],
)  # fmt: skip
def test_light_model_file_that_cannot_be_used_is_one_line(folder, name, content):
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        LightModel(folder)
    assert str(caught.value).startswith(f"{folder}: the light model can't be loaded (")
    assert str(caught.value).endswith("); install fer-tfx again")
    assert "\n" not in str(caught.value)
