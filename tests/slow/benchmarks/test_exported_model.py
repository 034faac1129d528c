"""Loading what an export holds, on a real SavedModel."""

import numpy as np
import pytest
from evaluation_doubles import RECORD, draw_pixels, write_model

from benchmarks.model.exported import load_predict, read_calibration, read_record, require_fer2013_classes
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import DataError


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("models") / "1", {"temperature": 2.0, "abstain_threshold": 0.4})


def test_load_predict_predicts_in_batches_in_order(model):
    probabilities = load_predict(model, batch_size=4)(draw_pixels([3, 1, 4, 1, 5, 2, 6, 0, 0]))
    assert probabilities.argmax(axis=1).tolist() == [3, 1, 4, 1, 5, 2, 6, 0, 0]
    assert probabilities.max(axis=1) == pytest.approx(np.full(9, 0.5))


def test_load_predict_batch_size_bounds_each_call(model, monkeypatch):
    predict = load_predict(model, batch_size=4)
    shapes = []
    original = np.concatenate
    monkeypatch.setattr(
        np, "concatenate", lambda parts: original([shapes.append(each.shape) or each for each in parts])
    )
    predict(draw_pixels(range(6)))
    assert shapes == [(4, 7), (2, 7)]


def test_read_gives_what_lies_beside_the_graph(model):
    assert read_calibration(model) == {"temperature": 2.0, "abstain_threshold": 0.4}
    assert read_record(model) == RECORD


def test_load_predict_folder_without_model_is_refused(tmp_path):
    with pytest.raises(DataError, match=r": no SavedModel; give the folder of one version"):
        load_predict(tmp_path)


def test_load_predict_model_without_the_signature_is_refused(tmp_path):
    with pytest.raises(DataError, match=r": no signature serve_pixels among other; give a model that fer-tfx exported"):
        load_predict(write_model(tmp_path / "1", signature="other"))


@pytest.mark.parametrize(("read", "name"), [(read_calibration, "calibration"), (read_record, "training_record")])
def test_read_file_missing_beside_the_graph_is_refused(tmp_path, read, name):
    with pytest.raises(
        DataError, match=rf"{name}\.json: can't be read as JSON: No such file or directory; give a model"
    ):
        read(tmp_path)


def test_require_fer2013_classes_refuses_others_and_another_order(tmp_path):
    (tmp_path / "assets.extra").mkdir()
    names = tmp_path / "assets.extra" / "class_names.txt"
    names.write_text("\n".join(DEFAULT_CLASS_NAMES))
    require_fer2013_classes(tmp_path)
    for other in (DEFAULT_CLASS_NAMES[::-1], DEFAULT_CLASS_NAMES[:2]):
        names.write_text("\n".join(other))
        with pytest.raises(DataError, match=f"has the classes {', '.join(other)}, FER2013 has angry, .*; give a model"):
            require_fer2013_classes(tmp_path)


@pytest.mark.parametrize(
    ("read", "name", "content", "message"),
    [
        (read_calibration, "calibration", "{", "can't be read as JSON: Expecting property name"),
        (read_calibration, "calibration", '{"n": 1}', "no temperature, abstain_threshold in it; give a model"),
        (read_calibration, "calibration", "[1]", "expected a JSON object, found a list; give a model"),
        (read_record, "training_record", '{"parameters": 1, "history": []}', "no code, model, trainer in it"),
    ],
)
def test_read_broken_content_names_file_and_key(tmp_path, read, name, content, message):
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / f"{name}.json").write_text(content, "utf-8")
    with pytest.raises(DataError, match=rf"{name}\.json: {message}"):
        read(tmp_path)
