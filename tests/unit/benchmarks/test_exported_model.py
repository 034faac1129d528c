"""Loading what an export holds, on a real SavedModel."""

import numpy as np
import pytest
from evaluation_doubles import RECORD, draw_pixels, write_model

from benchmarks.model.exported import load_exported
from fer_tfx.errors import DataError


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("models") / "1", {"temperature": 2.0, "abstain_threshold": 0.4})


def test_load_exported_predicts_in_batches_in_order(model):
    exported = load_exported(model, batch_size=4)
    probabilities = exported.predict(draw_pixels([3, 1, 4, 1, 5, 2, 6, 0, 0]))
    assert probabilities.argmax(axis=1).tolist() == [3, 1, 4, 1, 5, 2, 6, 0, 0]
    assert probabilities.max(axis=1) == pytest.approx(np.full(9, 0.5))


def test_load_exported_batch_size_bounds_each_call(model, monkeypatch):
    exported = load_exported(model, batch_size=4)
    shapes = []
    original = np.concatenate
    monkeypatch.setattr(
        np, "concatenate", lambda parts: original([shapes.append(each.shape) or each for each in parts])
    )
    exported.predict(draw_pixels(range(6)))
    assert shapes == [(4, 7), (2, 7)]


def test_load_exported_reads_what_lies_beside_the_graph(model):
    exported = load_exported(model)
    assert exported.calibration == {"temperature": 2.0, "abstain_threshold": 0.4}
    assert exported.record == RECORD


def test_load_exported_folder_without_model_is_refused(tmp_path, model):
    (tmp_path / "assets.extra").symlink_to(model / "assets.extra")
    with pytest.raises(DataError, match=r": no SavedModel; give the folder of one version"):
        load_exported(tmp_path)


def test_load_exported_model_without_the_signature_is_refused(tmp_path):
    with pytest.raises(DataError, match=r": no signature serve_pixels among other; give a model that fer-tfx exported"):
        load_exported(write_model(tmp_path / "1", signature="other"))


@pytest.mark.parametrize("name", ["calibration.json", "training_record.json"])
def test_load_exported_file_missing_beside_the_graph_is_refused(tmp_path, name):
    folder = write_model(tmp_path / "1")
    (folder / "assets.extra" / name).unlink()
    with pytest.raises(DataError, match=rf"{name}: can't be read as JSON: No such file or directory; give a model"):
        load_exported(folder)


def test_load_exported_file_that_is_no_json_is_refused(tmp_path):
    folder = write_model(tmp_path / "1")
    (folder / "assets.extra/calibration.json").write_text("{", "utf-8")
    with pytest.raises(DataError, match=r"calibration\.json: can't be read as JSON: Expecting property name"):
        load_exported(folder)


@pytest.mark.parametrize(
    ("calibration", "record", "message"),
    [
        ({"n": 1}, None, r"calibration\.json: no temperature, abstain_threshold in it; give a model"),
        ([1], None, r"calibration\.json: expected a JSON object, found a list; give a model"),
        (None, {"parameters": 1, "history": []}, r"training_record\.json: no code, model, trainer in it"),
    ],
)
def test_load_exported_broken_content_names_file_and_key(tmp_path, calibration, record, message):
    with pytest.raises(DataError, match=message):
        load_exported(write_model(tmp_path / "1", calibration, record))
