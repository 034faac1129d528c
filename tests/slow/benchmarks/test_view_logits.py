import numpy as np
import pytest

from benchmarks.model.trial import ViewLogits, average_networks, describe_logits, read_view_logits
from fer_tfx.errors import DataError

CLASSES = np.array([0, 1, 1, 6])


def build_logits(predicted: list[int], margin: float = 2.0) -> np.ndarray:
    """float32 (n, 7): the predicted class is `margin` above the others."""
    return (np.eye(7)[predicted] * margin).astype(np.float32)


def test_describe_logits_figures_are_those_worked_out_by_hand():
    found = describe_logits(build_logits([0, 1, 2, 6]), CLASSES)
    norm = np.log(np.exp(2.0) + 6)
    assert found["accuracy"] == 0.75
    assert found["macro_f1"] == pytest.approx((1 + 2 / 3 + 0 + 1) / 7)
    assert found["nll"] == pytest.approx(norm - 0.75 * 2.0)
    # The best probability of the predicted class is the share that is right, 3/4, with 1/24 for each of the others.
    assert found["nll_at_best"] == pytest.approx(-0.75 * np.log(0.75) - 0.25 * np.log(0.25 / 6), abs=1e-6)
    assert found["temperature"] == pytest.approx(2.0 / np.log(0.75 * 24), rel=1e-3)


def test_describe_four_views_are_judged_by_their_mean_logits():
    views = np.stack([build_logits([0, 2, 2, 6]), *[build_logits([0, 1, 2, 6], 1.0)] * 3])
    found = ViewLogits(views, CLASSES).describe()
    assert found["n"] == 4
    assert found["one_view"]["accuracy"] == 0.5
    assert found["four_views"]["accuracy"] == 0.75  # in the second row 3 x 1.0 for class 1 outweighs 2.0 for class 2


def test_select_takes_pictures_of_every_view():
    chosen = ViewLogits(np.stack([build_logits([0, 1, 2, 6])] * 2), CLASSES).select(
        np.array([True, False, False, True])
    )
    assert chosen.logits.shape == (2, 2, 7)
    assert chosen.logits.argmax(axis=2).tolist() == [[0, 6], [0, 6]]
    assert chosen.class_indices.tolist() == [0, 6]


def test_write_reads_back_the_same(tmp_path):
    written = ViewLogits(np.random.default_rng(0).normal(size=(4, 4, 7)).astype(np.float32), CLASSES)
    written.write(tmp_path)
    found = read_view_logits(tmp_path)
    assert found.logits.tobytes() == written.logits.tobytes()
    assert found.class_indices.tolist() == CLASSES.tolist()


def test_read_view_logits_experiment_without_answers_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"answers\.npz: no answers of an experiment: .*; run the experiment first$"):
        read_view_logits(tmp_path)


def test_average_networks_mean_of_the_logits_decides():
    members = {
        "sure": ViewLogits(build_logits([0, 1, 1, 5], 4.0)[None], CLASSES),
        "unsure": ViewLogits(build_logits([0, 1, 2, 6], 2.0)[None], CLASSES),
    }
    mean = average_networks(members)
    assert mean.logits[0].argmax(axis=1).tolist() == [0, 1, 1, 5]
    assert mean.logits[0, 2, :3].tolist() == [0.0, 2.0, 1.0]


def test_average_networks_judged_by_other_rows_is_refused():
    logits = build_logits([0, 1, 1, 5])[None]
    with pytest.raises(DataError, match=r"^b: was judged by other rows than a; average"):
        average_networks({"a": ViewLogits(logits, CLASSES), "b": ViewLogits(logits, CLASSES[::-1])})
