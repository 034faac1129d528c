import json
import shutil
import timeit
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import DataError
from fer_tfx.light import LightModel
from fer_tfx.model_files import find_shipped_model, light_folder
from schema.drawn_faces import draw_faces


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped light model, which a test may damage."""
    return Path(shutil.copytree(find_shipped_model(light_folder()), tmp_path / "light"))


@pytest.fixture(scope="module")
def model() -> LightModel:
    return LightModel(find_shipped_model(light_folder()), threads=1)


def test_predict_pixels_answers_come_in_the_order_of_the_pictures(model):
    pixels = draw_faces(6, 4).pixels[..., np.newaxis]
    together = model.predict_pixels(pixels)
    assert together == [each for picture in pixels for each in model.predict_pixels(picture[np.newaxis])]
    assert together[::-1] == model.predict_pixels(pixels[::-1])
    shares = np.array([[*each.probabilities.values()] for each in together])
    assert len({each.tobytes() for each in shares}) == 6
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, atol=1e-5)
    assert [each.label for each in together] == [DEFAULT_CLASS_NAMES[index] for index in shares.argmax(axis=1)]
    assert [each.confidence for each in together] == shares.max(axis=1).tolist()
    assert model.predict_pixels(pixels[:0]) == []


def test_predict_pixels_by_eight_threads_answers_as_one_does_and_takes_no_longer(model):
    pixels = draw_faces(160, 4).pixels[..., np.newaxis]
    expected = model.predict_pixels(pixels)
    alone_s = min(timeit.repeat(lambda: model.predict_pixels(pixels), number=1, repeat=5))
    with ThreadPoolExecutor(8) as threads:
        parts = np.array_split(pixels, 32)
        found = list(threads.map(model.predict_pixels, parts))
        together_s = min(timeit.repeat(lambda: [*threads.map(model.predict_pixels, parts)], number=1, repeat=5))
    assert [each for part in found for each in part] == expected
    assert together_s < 1.5 * alone_s


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((1, 48, 48, 1)), np.zeros((1, 48, 48), np.uint8), np.zeros((1, 48, 47, 1), np.uint8),
     np.zeros((48, 48, 1), np.uint8)],
)  # fmt: skip
def test_predict_pixels_other_shape_or_dtype_is_refused(model, pixels):
    with pytest.raises(ValueError, match=r"pixels: expected uint8 \(n, 48, 48, 1\), got "):
        model.predict_pixels(pixels)


@pytest.mark.parametrize(("threshold", "abstains"), [(0.0, False), (1.01, True)])
def test_light_model_abstains_below_the_calibrations_threshold(folder, threshold, abstains):
    (folder / "calibration.json").write_text(json.dumps({"temperature": 1.0, "abstain_threshold": threshold}), "utf-8")
    (answer,) = LightModel(folder).predict_pixels(np.zeros((1, 48, 48, 1), np.uint8))
    assert (answer.abstain, answer.views) == (abstains, 1)


@pytest.mark.parametrize(
    ("name", "content"),
    [("model.tflite", None), ("model.tflite", b"no model"), ("calibration.json", None), ("calibration.json", b"{"),
     ("calibration.json", b"{}"), ("calibration.json", b"[]"),
     ("calibration.json", b'{"temperature": 1, "abstain_threshold": null}'),
     ("calibration.json", b'{"temperature": 0, "abstain_threshold": 0.5}'), ("class_names.txt", None),
     ("class_names.txt", b"a\nb\n")],
)  # fmt: skip
def test_light_model_file_that_cannot_be_used_is_one_line(folder, name, content):
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        LightModel(folder)
    assert str(caught.value).startswith(str(folder))
    assert name in str(caught.value) or name == "model.tflite"
    assert str(caught.value).endswith("; export or copy the model again")
    assert "\n" not in str(caught.value)


def test_light_model_with_weights_missing_is_refused_before_it_answers(folder):
    """Such as after a copy that left a hole: the file can still be opened."""
    content, refusals = bytearray((folder / "model.tflite").read_bytes()), list[str]()
    for start in range(len(content) - 60_000, len(content) - 5_000, 5_000):
        damaged = bytearray(content)
        damaged[start : start + 4096] = bytes(4096)
        (folder / "model.tflite").write_bytes(damaged)
        try:
            (answer,) = LightModel(folder).predict_pixels(np.zeros((1, 48, 48, 1), np.uint8))
            assert 0 <= answer.confidence <= 1
        except DataError as error:
            refusals.append(str(error))
    assert any("Input tensor" in each for each in refusals)
