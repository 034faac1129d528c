"""Who answers in this process averages the views that were asked for, if it can, and says how many they were."""

import json

import numpy as np
import pytest

from fer_tfx.errors import ConfigError
from fer_tfx.local_model import Calibration, Calibrations, Facts, Floats, LocalModel
from fer_tfx.model import FEW, Model
from fer_tfx.views import Pixels, average_views, make_views

CALIBRATIONS = Calibrations(1, {1: Calibration(1.2, 0.5), 2: Calibration(1.0, 0.55), 4: Calibration(0.7, 0.6)})
OLDER = Calibrations(1, {1: Calibration(1.2, 0.5)})


class BrightnessModel(LocalModel):
    """The brighter the left of a picture, the surer of class 3; never abstains."""

    batch_size = 1

    def __init__(self, calibrations: Calibrations) -> None:
        super().__init__("a/model", Facts(("a", "b", "c", "d", "e", "f", "g"), calibrations), 7)
        self.asked: list[int] = []

    def compute_probabilities(self, pixels: Pixels) -> Floats:
        self.asked.append(len(pixels))
        return compute_shares(pixels)

    def embed_pixels(self, pixels: Pixels) -> Floats:
        raise NotImplementedError


def compute_shares(pixels: Pixels) -> np.ndarray:
    share = (pixels[:, :, :24].mean(axis=(1, 2, 3)) + 1) / 260
    return np.where(np.arange(7) == 3, share[:, None], (1 - share[:, None]) / 6).astype(np.float32)


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (3, 48, 48, 1), dtype=np.uint8) // np.uint8(
        [[[[1]]], [[[2]]], [[[3]]]]
    )


@pytest.mark.parametrize("views", [2, 4])
def test_predict_pixels_several_views_are_averaged_and_judged_by_their_own_calibration(pixels, views):
    model = BrightnessModel(CALIBRATIONS)
    temperature, threshold = CALIBRATIONS.by_views[views]
    single = compute_shares(make_views(pixels, views)).reshape(views, 3, 7)
    averaged = average_views(single, 1.2, temperature)
    for found, expected in zip(model.predict_pixels(pixels, views), averaged, strict=True):
        np.testing.assert_allclose([*found.probabilities.values()], expected, atol=1e-6)
        assert (found.class_index, found.confidence) == (expected.argmax(), expected.max())
        assert (found.abstain, found.views) == (expected.max() < threshold, views)
    assert model.asked == [3 * views]
    assert model.predict_pixels(pixels[:0], views) == []


@pytest.mark.parametrize(
    ("calibrations", "views", "count", "expected"),
    [(CALIBRATIONS, None, FEW, 4), (CALIBRATIONS, None, FEW + 1, 1), (CALIBRATIONS, 4, FEW + 1, 4),
     (CALIBRATIONS, None, None, 1), (CALIBRATIONS, 1, 1, 1), (OLDER, None, 1, 1),
     (Calibrations(2, CALIBRATIONS.by_views), None, 1, 2), (Calibrations(2, CALIBRATIONS.by_views), None, None, 2),
     (Calibrations(2, CALIBRATIONS.by_views), 2, 1, 2)],
)  # fmt: skip
def test_choose_views_default_is_the_most_for_few_pictures(calibrations, views, count, expected):
    assert Model(BrightnessModel(calibrations)).choose_views(count, views) == expected


@pytest.mark.parametrize("own", [1, 2])
def test_predict_pixels_without_a_number_of_views_asks_the_model_once_for_each_picture(pixels, own):
    model = BrightnessModel(Calibrations(own, CALIBRATIONS.by_views))
    assert {each.views for each in model.predict_pixels(pixels)} == {own}
    assert model.asked == [3]


@pytest.mark.parametrize(
    ("calibrations", "views", "said"),
    [(OLDER, 4, "1, not 4"), (CALIBRATIONS, 3, "1 or 2 or 4, not 3"),
     (Calibrations(4, CALIBRATIONS.by_views), 1, "4, not 1")],
)  # fmt: skip
def test_predict_pixels_views_that_it_can_not_give_are_refused_in_one_line(calibrations, views, said):
    with pytest.raises(ConfigError) as caught:
        BrightnessModel(calibrations).predict_pixels(np.zeros((1, 48, 48, 1), np.uint8), views)
    assert str(caught.value) == (
        f"a/model: views can be {said}; choose another number, or export the model again by `fer-tfx run`"
    )


def test_calibrations_read_file_of_an_earlier_version_knows_one_view(tmp_path):
    own = {"temperature": 1.1, "abstain_threshold": 0.58, "n": 9}
    other = {"temperature": 0.9, "abstain_threshold": 0.61, "n": 9}
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(own), "utf-8")
    assert Calibrations.read(path) == Calibrations(1, {1: Calibration(1.1, 0.58)})
    path.write_text(json.dumps({**own, "views": 2, "by_views": {"2": own, "4": other}}), "utf-8")
    assert Calibrations.read(path) == Calibrations(2, {2: Calibration(1.1, 0.58), 4: Calibration(0.9, 0.61)})
