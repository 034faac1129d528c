from collections.abc import Iterator

import numpy as np
import pytest
from predictor_double import PredictorDouble, build_prediction

from fer_tfx.commands.inputs import Item, Subject
from fer_tfx.commands.predict import Answer, answer_items
from fer_tfx.model import Model


def draw_items(numbers: list[int]) -> Iterator[Item]:
    """Items whose pixels are all their number."""
    for place, number in enumerate(numbers):
        yield Item(Subject("a", place), np.full((48, 48, 1), number, np.uint8))


@pytest.mark.parametrize("count", [0, 1, 128, 129, 300])
def test_answer_items_each_keeps_its_own_answer_over_batches(count):
    numbers = [(37 * place) % 256 for place in range(count)]
    double = PredictorDouble()
    answers = list(answer_items(Model(double), draw_items(numbers), 1))
    assert answers == [Answer(Subject("a", place), build_prediction(each)) for place, each in enumerate(numbers)]
    assert double.batch_sizes == [128] * (count // 128) + [count % 128] * bool(count % 128)


def test_answer_items_only_one_batch_is_read_ahead():
    read = []
    items = (read.append(item.subject.place) or item for item in draw_items([1] * 400))
    next(answer_items(Model(PredictorDouble()), items, 1))
    assert len(read) == 128


class ForgetfulDouble(PredictorDouble):
    """Leaves out the last answer."""

    def predict_pixels(self, pixels, views=None):
        return super().predict_pixels(pixels)[:-1]


def test_answer_items_missing_answer_is_an_error():
    with pytest.raises(ValueError, match="argument 2 is shorter than argument 1"):
        list(answer_items(Model(ForgetfulDouble()), draw_items([1, 2, 3]), 1))
