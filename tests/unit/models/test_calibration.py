import numpy as np
import pytest

from models.calibration import calibrate, calibrate_views, find_abstain_threshold, fit_temperature

CONFIDENCES = [0.9, 0.8, 0.7, 0.6, 0.5]


def build_probabilities(confidences: list[float]) -> np.ndarray:
    """Class 0 gets each confidence, the others share the rest."""
    top = np.array(confidences)[:, None]
    return np.hstack([top, np.tile((1 - top) / 6, (1, 6))])


def just_below(confidence: float) -> float:
    return pytest.approx(confidence - 1e-6, abs=1e-9)


def draw_logits_and_classes(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose softmax is exactly how often each class occurs."""
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 1.5, (count, 7))
    noise = rng.gumbel(size=(count, 7))  # the largest of logits plus Gumbel noise is drawn from their softmax
    return logits, (logits + noise).argmax(axis=1)


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
def test_fit_temperature_logits_too_large_by_a_factor_finds_the_factor(factor):
    logits, classes = draw_logits_and_classes(20_000)
    assert fit_temperature(logits * factor, classes) == pytest.approx(factor, rel=0.05)


def test_find_abstain_threshold_is_the_least_confidence_with_enough_right():
    classes = np.array([0, 0, 3, 0, 3])  # right shares of the most confident 1 to 5: 1, 1, 2/3, 3/4, 3/5
    probabilities = build_probabilities(CONFIDENCES)[[3, 0, 4, 1, 2]]
    shuffled = classes[[3, 0, 4, 1, 2]]
    assert find_abstain_threshold(probabilities, shuffled, 0.75) == just_below(0.6)
    assert find_abstain_threshold(probabilities, shuffled, 0.8) == just_below(0.8)
    assert find_abstain_threshold(probabilities, shuffled, 0.6) == just_below(0.5)


def test_find_abstain_threshold_equal_confidences_are_kept_together():
    probabilities = build_probabilities([0.9, 0.9, 0.6])  # of the surest two one is wrong, whichever comes first
    assert find_abstain_threshold(probabilities, np.array([0, 3, 3]), 0.75) == 1.0
    assert find_abstain_threshold(probabilities, np.array([0, 3, 3]), 0.5) == just_below(0.9)


def test_find_abstain_threshold_keeps_the_same_rows_in_either_precision():
    logits, classes = draw_logits_and_classes(400)
    single = logits.astype(np.float32)
    for accuracy in np.linspace(0.7, 0.99, 30):
        calibration = calibrate(logits, classes, accuracy)
        scaled = np.exp(single / np.float32(calibration.temperature))
        confidences = (scaled / scaled.sum(axis=1, keepdims=True)).max(axis=1)
        assert (confidences >= np.float32(calibration.abstain_threshold)).mean() == calibration.coverage


def test_find_abstain_threshold_never_enough_right_keeps_nothing():
    assert find_abstain_threshold(build_probabilities(CONFIDENCES), np.full(5, 3), 0.5) == 1.0


def test_calibrate_reports_accuracy_and_coverage_at_its_threshold():
    logits, classes = draw_logits_and_classes(5_000)
    calibration = calibrate(logits * 2, classes, 0.8)
    scaled = np.exp(logits * 2 / calibration.temperature)
    probabilities = scaled / scaled.sum(axis=1, keepdims=True)
    kept = probabilities.max(axis=1) >= calibration.abstain_threshold
    assert calibration.n == 5_000
    assert calibration.coverage == kept.mean()
    assert calibration.abstain_accuracy == (probabilities.argmax(axis=1) == classes)[kept].mean()
    assert 0.8 <= calibration.abstain_accuracy < 0.805


def test_calibrate_views_each_number_has_the_calibration_of_its_mean_logits():
    logits, classes = draw_logits_and_classes(500)
    views = np.stack([logits, 3 * logits, 0 * logits, 2 * logits], axis=1)
    calibrations = calibrate_views(views, classes, 0.8, views=2)
    factors = {1: 1.0, 2: 2.0, 4: 1.5}
    assert calibrations.by_views == {
        count: calibrate(logits * factor, classes, 0.8) for count, factor in factors.items()
    }
    assert calibrations.served == calibrations.by_views[2]
