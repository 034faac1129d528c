"""The library in Python: pictures of every kind in, faces out, by the shipped model; a double where it is the same."""

import copy
import io
import json
import pickle
import re
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from predictor_double import PredictorDouble, build_face, build_prediction
from serving_double import TensorFlowServingDouble, answer_by_first_value

import fer_tfx
from fer_tfx import Box, ConfigError, DataError, Face, Faces, Model, Prediction, errors
from fer_tfx import model as model_module
from fer_tfx.client.transport import build_refusal
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.model_files import find_shipped_model, light_folder
from fer_tfx.video import DamagedVideoError
from schema.drawn_faces import draw_faces


@pytest.fixture(scope="module")
def small() -> Model:
    return fer_tfx.load("small")


@pytest.fixture(scope="module")
def crop() -> np.ndarray:
    """uint8 (48, 48)"""
    return draw_faces(1, 8).pixels[0]


def encode(picture: Image.Image, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form)
    return buffer.getvalue()


FACE_BOX = Box(100, 20, 48, 48)


class DetectorDouble:
    """Finds one face in pictures that aren't black."""

    def detect(self, picture: Image.Image) -> list[Face]:
        return [build_face(FACE_BOX)] if picture.getbbox() else []


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> PredictorDouble:
    monkeypatch.setattr(model_module, "_open_detector", DetectorDouble)
    return PredictorDouble()


def test_predict_three_lines_find_the_face_in_a_file(tmp_path, monkeypatch, crop):
    monkeypatch.setattr(model_module, "_open_detector", DetectorDouble)
    photo = Image.new("L", (200, 100), 9)
    photo.paste(Image.fromarray(crop), FACE_BOX[:2])
    photo.save(tmp_path / "party.png")
    (expected,) = fer_tfx.load().predict_faces([fer_tfx.crop_face(photo, build_face(FACE_BOX))])
    for face in fer_tfx.predict(str(tmp_path / "party.png")):
        assert (face.box, face.label, face.confidence) == (FACE_BOX, expected.label, expected.confidence)


def test_predict_picture_of_any_kind_has_the_same_answer(small, crop, tmp_path):
    content = encode(Image.fromarray(crop))
    path = tmp_path / "face.png"
    path.write_bytes(content)
    colours = np.repeat(crop[..., np.newaxis], 3, axis=2)
    given = [
        str(path), path, content, bytearray(content), memoryview(content), io.BytesIO(content), Image.open(path),
        crop, crop[..., np.newaxis], colours, np.dstack([colours, crop]), np.asfortranarray(crop),
    ]  # fmt: skip
    (expected,) = small.predict_faces([crop])
    assert expected.views == 4
    for picture in given:
        assert small.predict(picture) == [expected], type(picture)
    with path.open("rb") as file:
        assert small.predict(file) == [expected]
    found = list(small.predict(given[:5]))
    assert found == [[expected]] * 5
    assert [(each.position, each.name) for each in found[:3]] == [(0, str(path)), (1, str(path)), (2, None)]


def test_predict_leaves_a_pillow_picture_as_it_was(small):
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.new("L", (40, 20), 9).save(buffer, "JPEG", exif=exif)
    picture = Image.open(buffer)
    small.predict(picture)
    assert (picture.size, picture.getexif()[0x0112]) == ((40, 20), 6)


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.zeros((48, 48), np.float32), "expected uint8 (h, w), (h, w, 1), (h, w, 3) RGB or (h, w, 4) RGBA, got"
         " float32 (48, 48); scale it to 0-255 and convert it by .astype('uint8')"),
        (np.zeros((48, 48), np.uint16), "got uint16 (48, 48); scale it"),
        (np.zeros((48, 48), bool), "got bool (48, 48); scale it"),
        (np.zeros((5, 48, 48), np.uint8), "got uint8 (5, 48, 48); give several as list(array)"),
        (np.zeros((5, 48, 48, 1), np.uint8), "got uint8 (5, 48, 48, 1); give several as list(array)"),
        (np.zeros((0, 48), np.uint8), "got uint8 (0, 48)"),
        (np.zeros(48, np.uint8), "got uint8 (48,)"),
        (b"", "is empty; give"),
        (io.BytesIO(b"text"), "is no picture; give"),
        (io.StringIO("text"), "is open for reading text; open the file by open(path, 'rb')"),
        (encode(Image.effect_noise((90, 90), 60))[:900], "is damaged or ends early; replace it"),
    ],
)  # fmt: skip
def test_predict_picture_that_cannot_be_used_is_one_line(small, picture, said):
    with pytest.raises(DataError) as caught:
        small.predict(picture)
    assert str(caught.value).startswith("picture 0: ")
    assert said in str(caught.value)
    with pytest.raises(DataError, match=r"^picture 1: "):
        list(small.predict([np.zeros((48, 48), np.uint8), picture]))


@pytest.mark.parametrize(
    "error",
    [
        errors.BadRequestError("no bytes", 3),
        errors.RequestRefusedError("http://a", "HTTP 400", "broken", 3),
        build_refusal("http://a", "HTTP 401", "who are you?"),
        *(each("a: broken") for each in (ConfigError, DataError, errors.GateError, errors.ServerUnreachableError,
                                         errors.DeadlineExceededError, errors.BadAnswerError, DamagedVideoError)),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_errors_leave_a_worker_process_as_they_are(error):
    """By pickle: one that can't be unpickled leaves `multiprocessing.Pool` waiting for ever."""
    copied = pickle.loads(pickle.dumps(error))
    assert (type(copied), str(copied), vars(copied)) == (type(error), str(error), vars(error))
    assert str(copy.deepcopy(Faces(position=0, error=error)).error) == str(error)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((3, 48, 48), np.float32), r"got float32 (3, 48, 48); give 0-255 as uint8, one as [crop]"),
        (np.zeros((3, 64, 64), np.uint8), r"got uint8 (3, 64, 64); give several as list(crops), one as [crop]"),
        (np.zeros((3, 48, 48, 3), np.uint8), r"got uint8 (3, 48, 48, 3); give several as list(crops), one as [crop]"),
        (np.zeros((48, 48), np.uint8), r"got uint8 (48, 48); give several as list(crops), one as [crop]"),
    ],
)
def test_predict_faces_array_that_may_be_one_or_several_is_told_what_it_is(small, array, said):
    with pytest.raises(DataError, match=rf"^crops: expected .*, {re.escape(said)}$"):
        small.predict_faces(array)


def test_predict_column_of_paths_is_told_to_come_as_a_list(small, crop, tmp_path):
    Image.fromarray(crop).save(tmp_path / "a.png")
    for paths in (np.array([str(tmp_path / "a.png")], object), np.array([str(tmp_path / "a.png")])):
        with pytest.raises(DataError, match=r"got .* \(1,\); give several as list\(array\)$"):
            small.predict(paths)
        assert small.predict_faces(paths) == small.predict_faces([crop])


@pytest.mark.parametrize("model", [3, None, b"small", ["small"]])
def test_load_what_is_no_model_is_told_what_to_give(model):
    said = r"^model: expected the name of one, its folder, a server's URL or a Client, got \w+$"
    with pytest.raises(ConfigError, match=said):
        fer_tfx.load(model)


def test_load_folder_that_cannot_be_looked_into_is_one_line(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r"^x{300}: can't be read: File name too long; check the path"):
        fer_tfx.load("x" * 300)

    def refuse(self: Path) -> object:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(ConfigError, match=rf"^{tmp_path}: can't be read: Permission denied; check the path and its"):
        fer_tfx.load(tmp_path)


@pytest.mark.parametrize("video", [0, None, b"\0\0\0\x18ftypmp42"])
def test_predict_video_what_is_no_video_is_told_what_to_give(small, video):
    with pytest.raises(DataError, match=r"^the video: expected a path, or a file open for reading bytes, got \w+$"):
        next(small.predict_video(video))


def test_predict_video_seconds_must_be_a_number(small):
    with pytest.raises(ConfigError, match=r"^every_s: expected seconds, 0 or more, got '1'$"):
        small.predict_video("a.mp4", every_s="1")


@pytest.mark.parametrize("given", [5, None, [7], [[np.zeros((48, 48), np.uint8)]]])
def test_predict_what_is_no_picture_is_told_what_to_give(small, given):
    with pytest.raises(
        DataError, match=r"expected a path, bytes, a file open for reading bytes, a Pillow picture or a"
    ):
        list(small.predict(given))


def test_predict_names_the_file_and_a_folder_is_refused(small, tmp_path):
    with pytest.raises(DataError, match=rf"^{tmp_path}/none\.png: no such file; check the path"):
        small.predict(tmp_path / "none.png")
    with pytest.raises(DataError, match=rf"^{tmp_path}: is a folder; name the files in it"):
        small.predict(tmp_path)


def test_predict_several_pictures_are_read_when_their_turn_comes(small):
    read = []
    pictures = (read.append(value) or np.full((48, 48), value, np.uint8) for value in range(9))
    answers = small.predict(pictures)
    assert read == []
    assert next(answers).position == 0
    assert read == [0]
    assert [each.position for each in answers] == list(range(1, 9))


def test_predict_pictures_of_a_model_that_takes_batches_share_one(double):
    pictures = [np.full((48, 48), value, np.uint8) for value in range(130)]
    found = list(Model(double).predict(pictures))
    assert found == [[build_prediction(value)] for value in range(130)]
    assert double.batch_sizes == [128, 2]
    assert double.views == [1, 1]


def test_predict_broken_picture_comes_after_the_answers_before_it(double):
    answers = Model(double).predict([np.full((48, 48), 9, np.uint8), b"torn", np.zeros((48, 48), np.uint8)])
    assert next(answers) == [build_prediction(9)]
    with pytest.raises(DataError, match=r"^picture 1: is no picture"):
        next(answers)


def test_predict_not_strict_passes_over_what_it_cannot_use_and_says_so(double):
    pictures = [np.full((48, 48), 9, np.uint8), b"torn", np.full((48, 48), 8, np.uint8)]
    first, torn, last = Model(double).predict(pictures, strict=False)
    assert (first, torn, last) == ([build_prediction(9)], [], [build_prediction(8)])
    assert (first.error, str(torn.error)[:23]) == (None, "picture 1: is no pictur")
    assert torn.to_dict() == {"position": 1, "name": None, "error": str(torn.error), "faces": []}
    assert Model(double).predict(b"torn", strict=False).error is not None


def test_predict_searches_what_is_no_crop_unless_told_that_it_is_one(double):
    photo = Image.new("L", (200, 100), 200)
    (found,) = Model(double).predict(photo)
    assert (found.box, found.label) == (FACE_BOX, build_prediction(200).label)
    (whole,) = Model(double).predict(photo, whole=True)
    assert (whole.box, whole.label) == (None, found.label)
    assert Model(double).predict(Image.new("L", (200, 100))) == []
    assert double.batch_sizes == [1, 1]


def test_predict_faces_takes_lists_generators_and_arrays(small):
    crops = draw_faces(3, 8).pixels
    expected = small.predict_faces(crops)
    assert small.predict_faces(list(crops)) == small.predict_faces(iter(crops)) == expected
    assert small.predict_faces(crops[..., np.newaxis]) == expected
    assert small.predict_faces([]) == small.predict_faces(crops[:0]) == []
    assert [each.views for each in small.predict_faces(crops, views=2)] == [2] * 3


@pytest.mark.parametrize("crops", ["face.png", b"", Image.new("L", (48, 48)), 3])
def test_predict_faces_single_crop_is_told_to_come_in_a_list(small, crops):
    with pytest.raises(DataError, match=r"^crops: expected a list of pictures, .*; give \[crop\] for one$"):
        small.predict_faces(crops)


def test_embed_gives_features_that_tell_faces_apart(small):
    crops = draw_faces(3, 8).pixels
    features = small.embed(crops)
    assert (features.dtype, features.shape) == (np.float32, (3, features.shape[1]))
    assert features.shape[1] > len(DEFAULT_CLASS_NAMES)
    assert len({each.tobytes() for each in features}) == 3
    np.testing.assert_array_equal(small.embed([crops[1]]), features[1:2])
    assert small.embed([]).shape == (0, features.shape[1])


def test_predict_wrong_views_are_refused_at_once(small):
    with pytest.raises(ConfigError, match=r"^views: expected 1, 2 or 4, got 3$"):
        small.predict(iter([]), views=3)


def test_prediction_is_frozen_named_and_json(small, crop):
    (face,) = small.predict_faces([crop])
    with pytest.raises(FrozenInstanceError):
        face.label = "happy"
    assert tuple(face.probabilities) == DEFAULT_CLASS_NAMES
    assert sum(face.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert (face.label, face.confidence) == max(face.probabilities.items(), key=lambda each: each[1])
    told = json.loads(json.dumps(Prediction("sad", 0.4, True, {"sad": 0.4}, 1, Box(1, 2, 3, 4)).to_dict()))
    assert told == {
        "label": "sad", "confidence": 0.4, "abstain": True, "probabilities": {"sad": 0.4}, "views": 1,
        "box": {"x": 1, "y": 2, "width": 3, "height": 4}, "landmarks": None,
    }  # fmt: skip
    assert len({face, face}) == 1
    faces = pickle.loads(pickle.dumps(Faces([face], 3, "a.png")))
    assert (faces, faces.position, faces.name) == ([face], 3, "a.png")


def test_to_pandas_has_a_row_for_each_face_and_for_each_picture_without_one():
    face = Prediction("sad", 0.4, True, dict.fromkeys(DEFAULT_CLASS_NAMES, 0.1), 4, Box(1, 2, 3, 4))
    table = fer_tfx.to_pandas(iter([Faces([face, face], 0, "a.png"), Faces([], 1)]))
    assert table[["picture", "face", "label", "width"]].fillna("-").to_numpy().tolist() == [
        ["a.png", 1, "sad", 3], ["a.png", 2, "sad", 3], [1, "-", "-", "-"]
    ]  # fmt: skip
    assert list(table)[-8:] == [*DEFAULT_CLASS_NAMES, "views"]
    assert fer_tfx.to_pandas(Faces([face])).label.tolist() == fer_tfx.to_pandas([face]).label.tolist() == ["sad"]
    assert isinstance(fer_tfx.to_pandas([]), pd.DataFrame)


def test_to_pandas_without_pandas_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigError, match=r"^to_pandas needs pandas: `pip install pandas`; or use to_dict\(\)$"):
        fer_tfx.to_pandas([])


def test_load_folder_of_a_light_form_needs_no_trust(crop, small):
    assert fer_tfx.load(find_shipped_model(light_folder())).predict_faces([crop]) == small.predict_faces([crop])


def test_load_accurate_is_the_other_model_that_is_shipped(crop, small):
    accurate = fer_tfx.load("accurate")
    (answer,) = accurate.predict_faces([crop])
    assert fer_tfx.load(find_shipped_model(light_folder("accurate"))).predict_faces([crop]) == [answer]
    assert accurate.class_names == small.class_names
    assert answer.probabilities != small.predict_faces([crop])[0].probabilities
    assert accurate.embed([crop]).shape[1] > small.embed([crop]).shape[1]


def test_load_server_answers_by_the_same_methods(tmp_path):
    with (
        TensorFlowServingDouble(answer_by_first_value) as server,
        fer_tfx.load(server.rest_url) as served,
    ):
        (one,) = served.predict(np.full((48, 48), 100, np.uint8))
        (other,) = served.predict_faces([np.full((48, 48), 100, np.uint8)])
        assert one == other
        assert (one.class_index, one.views) == (100 % 7, None)
        with pytest.raises(ConfigError, match=r"^views: a server averages as many"):
            served.predict_faces([], views=2)
        with pytest.raises(ConfigError, match=r"^a served model doesn't tell its features; load the folder"):
            served.embed([])
        assert fer_tfx.load(fer_tfx.Client(server.rest_url)).predict_faces([]) == []


def test_import_is_quick_and_brings_nothing_with_it():
    code = (
        "import sys, time; started = time.process_time(); import fer_tfx; took = time.process_time() - started;"
        "print({'numpy', 'PIL', 'ai_edge_litert', 'urllib3', 'pandas', 'tensorflow'} & set(sys.modules), took < 0.3)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set() True\n"


def test_every_public_name_is_there_and_nothing_else_is_promised():
    assert {name: getattr(fer_tfx, name).__name__ for name in fer_tfx.__all__} == {
        name: name for name in fer_tfx.__all__
    }
    assert dir(fer_tfx) == sorted(fer_tfx.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'LightModel'"):
        fer_tfx.LightModel  # noqa: B018
