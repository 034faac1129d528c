"""Pictures -> the faces in them, and what a model says of each: `predict`, and `load` for a model to keep."""

import os
from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from fer_tfx.contract import IMAGE_SHAPE
from fer_tfx.errors import ConfigError, DataError
from fer_tfx.face_detection import Face, FaceDetector, crop_face, is_crop
from fer_tfx.light import LightModel
from fer_tfx.local_model import Floats, LocalModel
from fer_tfx.model_files import (
    SHIPPED_NAMES,
    KnownModels,
    find_light_form,
    find_model,
    find_shipped_model,
    light_folder,
    require_known,
)
from fer_tfx.pictures import EXPECTED, PictureLike, find_name, is_picture, open_picture, to_pixels
from fer_tfx.prediction import Faces, Prediction
from fer_tfx.saved_model import SavedModel
from fer_tfx.views import VIEW_COUNTS, Pixels

if TYPE_CHECKING:
    from fer_tfx.client.client import Client
    from fer_tfx.video import VideoFrame, VideoLike

FEW = 128
"""Pictures in one call up to which a model averages the most views unless told how many."""


class Model:
    """A model that answers for faces: in this process, or behind a server; `load` makes one. Threads may share it."""

    def __init__(self, source: "LocalModel | Client") -> None:
        self._source = source

    def __enter__(self) -> "Model":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the connections to a server."""
        if not isinstance(self._source, LocalModel):
            self._source.close()

    @property
    def class_names(self) -> tuple[str, ...]:
        """By class index; a server is asked about a black picture. Raises ServingError."""
        if isinstance(self._source, LocalModel):
            return self._source.class_names
        (black,) = self._source.predict_pixels(np.zeros((1, *IMAGE_SHAPE), np.uint8))
        return tuple(black.probabilities)

    # A text or bytes are iterable too, but one picture.
    @overload
    def predict(  # type: ignore[overload-overlap]
        self, pictures: PictureLike, *, whole: bool = False, views: int | None = None, strict: bool = True
    ) -> Faces: ...
    @overload
    def predict(
        self, pictures: Iterable[PictureLike], *, whole: bool = False, views: int | None = None, strict: bool = True
    ) -> Iterator[Faces]: ...
    def predict(
        self,
        pictures: PictureLike | Iterable[PictureLike],
        *,
        whole: bool = False,
        views: int | None = None,
        strict: bool = True,
    ) -> Faces | Iterator[Faces]:
        """The faces in one picture; of several pictures, one after the other and each when its turn comes.

        Args:
            pictures: one, or any iterable of them. A picture is a path, the bytes of a file, a file open for reading
                bytes, a Pillow picture, or a uint8 array (h, w), (h, w, 1), (h, w, 3) RGB or (h, w, 4) RGBA, of 0 to
                255. Floats are refused: nobody can tell whether they end at 1 or at 255.
            whole: take each picture for one face; else it is searched for faces unless it is small enough to be a crop.
            views: 1, 2 or 4 views of each face to average; None: the most for one picture or a collection of up to
                `FEW`, else as many as the model itself averages.
            strict: whether a picture that can't be used raises an error; else its `Faces` are none and have an `error`.

        Raises DataError, which names the picture; ConfigError for a number of views that the model can't average;
        ServingError if a server fails.
        """
        is_one = is_picture(pictures)
        given: Any = [pictures] if is_one else pictures
        if not isinstance(given, Iterable):
            raise DataError(f"pictures: expected {EXPECTED}, or several; got {type(pictures).__name__}")
        count = len(given) if isinstance(given, Sized) else None
        answers = self._answer_all(given, whole, self.choose_views(count, views), strict)
        return next(answers) if is_one else answers

    def predict_faces(self, crops: Iterable[PictureLike], *, views: int | None = None) -> list[Prediction]:
        """Answers for crops of faces as they are, in order: pictures as in `predict`, or uint8 (n, 48, 48[, 1]).

        A crop of another size is scaled to 48x48. Raises as `predict`.
        """
        pixels = _read_crops(crops)
        return self._predict_pixels(pixels, self.choose_views(len(pixels), views))

    def predict_video(
        self,
        video: "VideoLike",
        *,
        every_s: float = 0.5,
        smooth_s: float = 0.0,
        whole: bool = False,
        views: int | None = None,
    ) -> "Iterator[VideoFrame]":
        """The faces in frames of a video, each when its turn comes; it is closed at the end, or when nobody asks on.

        Args:
            video: a path, or a file open for reading bytes, which stays open.
            every_s: seconds from one searched frame to the next; 0: each frame is searched.
            smooth_s: the time constant of an exponential moving average of a face's probabilities along its track: what
                was seen that long ago weighs 1/e. Then `abstain` says whether most of these answers advise it.
            whole, views: of each frame, as of a picture in `predict`.

        Raises ConfigError for an argument or without PyAV (the extra `video`); while reading, DataError for what is no
        video, ServingError if a server fails, and DamagedVideoError, a DataError, after the last frame of a video that
        is damaged or cut off.
        """
        from fer_tfx.video import Sampling, predict_video

        sampling = Sampling(every_s, smooth_s, whole, self.choose_views(1, views)).check("every_s", "smooth_s")
        return predict_video(self, video, sampling)

    def embed(self, crops: Iterable[PictureLike]) -> Floats:
        """What the model's last layer sees of each crop, float32 (n, d); crops as in `predict_faces`.

        Raises ConfigError for a served model, or one that doesn't tell; DataError.
        """
        if not isinstance(self._source, LocalModel):
            raise ConfigError("a served model doesn't tell its features; load the folder of its version instead")
        return self._source.embed_pixels(_read_crops(crops))

    def choose_views(self, picture_count: int | None, views: int | None = None) -> int | None:
        """How many views answers average in a call with so many pictures; None: a server doesn't tell.

        `picture_count` is None if nobody knows it. Raises ConfigError if `views` is given and can't be had.
        """
        if views is not None and views not in VIEW_COUNTS:
            raise ConfigError(f"views: expected 1, 2 or 4, got {views}")
        if not isinstance(self._source, LocalModel):
            if views is not None:
                raise ConfigError("views: a server averages as many as its model was exported with; omit views")
            return None
        if views is not None:
            self._source.check_views(views)
            return views
        is_few = picture_count is not None and picture_count <= FEW
        return max(self._source.view_choices) if is_few else self._source.own_views

    def _answer_all(
        self, pictures: Iterable[Any], is_whole: bool, views: int | None, is_strict: bool
    ) -> Iterator[Faces]:
        """Reads no further ahead than the model can answer at a time."""
        waiting: list[_Sight] = []
        for position, picture in enumerate(pictures):
            try:
                waiting.append(_look_at(picture, position, is_whole))
            except DataError as error:
                if is_strict:
                    yield from self._answer(waiting, views)
                    raise
                waiting.append(_Sight(Faces(position=position, name=find_name(picture), error=error)))
            if max(len(waiting), sum(len(each.crops) for each in waiting)) >= self._source.batch_size:
                yield from self._answer(waiting, views)
                waiting = []
        yield from self._answer(waiting, views)

    def _answer(self, sights: "Sequence[_Sight]", views: int | None) -> Iterator[Faces]:
        crops = [crop for sight in sights for crop in sight.crops]
        predictions = iter(self._predict_pixels(np.stack(crops), views) if crops else [])
        for sight in sights:
            sight.faces.extend(_place(next(predictions), face) for face in sight.found)
            yield sight.faces

    def _predict_pixels(self, pixels: Pixels, views: int | None) -> list[Prediction]:
        if isinstance(self._source, LocalModel):
            return self._source.predict_pixels(pixels, views)
        return self._source.predict_pixels(pixels)


class _Sight(NamedTuple):
    """A picture whose faces wait for their answers."""

    faces: Faces  # none yet
    found: Sequence[Face | None] = ()  # None: the whole picture
    crops: Sequence[Pixels] = ()  # uint8 (48, 48, 1)


def _look_at(picture: Any, position: int, is_whole: bool) -> _Sight:
    faces = Faces(position=position, name=find_name(picture))
    image = open_picture(picture, faces.name or f"picture {position}")
    if is_whole or is_crop(image):
        return _Sight(faces, [None], [to_pixels(image)])
    found = _open_detector().detect(image)
    return _Sight(faces, found, [crop_face(image, face) for face in found])


def _place(prediction: Prediction, face: Face | None) -> Prediction:
    return replace(prediction, box=face.box, landmarks=asdict(face.landmarks)) if face else prediction


def _read_crops(crops: Iterable[Any]) -> Pixels:
    """-> uint8 (n, 48, 48, 1)"""
    if isinstance(crops, np.ndarray) and crops.shape[1:] in {IMAGE_SHAPE, IMAGE_SHAPE[:2]} and crops.dtype == np.uint8:
        return crops.reshape(-1, *IMAGE_SHAPE)
    if isinstance(crops, np.ndarray) and crops.ndim > 1:  # whether one or several, nobody can tell
        several = "several as list(crops)" if crops.dtype == np.uint8 else "0-255 as uint8"
        found = f"got {crops.dtype} {crops.shape}; give {several}, one as [crop]"
        raise DataError(f"crops: expected a list of pictures, or uint8 (n, 48, 48, 1), {found}")
    if isinstance(crops, np.ndarray):
        crops = list(crops)  # such as a column of paths
    if is_picture(crops) or not isinstance(crops, Iterable):
        raise DataError("crops: expected a list of pictures, or uint8 (n, 48, 48, 1); give [crop] for one")
    images = (open_picture(crop, find_name(crop) or f"crop {index}") for index, crop in enumerate(crops))
    return np.array([to_pixels(image) for image in images], np.uint8).reshape(-1, *IMAGE_SHAPE)


@cache
def _open_detector() -> FaceDetector:
    return FaceDetector()


def load(source: "str | os.PathLike[str] | Client" = "small", *, trust: bool = False) -> Model:
    """A model to keep.

    Args:
        source: `small` and `accurate` come with the package. A folder holds a model that `fer-tfx run` pushed, or
            versions of it, of which the latest is taken, or a light form. A server is `http(s)://host:8501`,
            `grpc(s)://host:8500` or `kserve(s)://host:8000`, or a `Client` of your own settings.
        trust: load a SavedModel without a light form wherever it comes from: it is a program. Models that were pushed
            here, or confirmed once by `fer-tfx predict --trust`, need it not.

    Raises ConfigError or DataError: no such model, damaged, or of unknown origin.
    """
    if not isinstance(source, str | os.PathLike):
        if not hasattr(source, "predict_pixels"):
            found = type(source).__name__
            raise ConfigError(f"model: expected the name of one, its folder, a server's URL or a Client, got {found}")
        return Model(source)
    name = os.fspath(source)
    if "://" in name:
        from fer_tfx.client.client import Client

        return Model(Client(name))
    if isinstance(source, str) and name in SHIPPED_NAMES:
        return Model(LightModel(find_shipped_model(light_folder(name)), remedy="install fer-tfx again"))
    folder = find_model(Path(name))
    if light := find_light_form(folder):
        return Model(LightModel(light))
    if not trust:
        require_known(folder, KnownModels.of_user())
    return Model(SavedModel(folder))


@overload
def predict(  # type: ignore[overload-overlap]
    pictures: PictureLike,
    *,
    model: str | os.PathLike[str] | Model = "small",
    whole: bool = False,
    views: int | None = None,
    strict: bool = True,
) -> Faces: ...
@overload
def predict(
    pictures: Iterable[PictureLike],
    *,
    model: str | os.PathLike[str] | Model = "small",
    whole: bool = False,
    views: int | None = None,
    strict: bool = True,
) -> Iterator[Faces]: ...
def predict(
    pictures: PictureLike | Iterable[PictureLike],
    *,
    model: str | os.PathLike[str] | Model = "small",
    whole: bool = False,
    views: int | None = None,
    strict: bool = True,
) -> Faces | Iterator[Faces]:
    """The faces in one picture, or in each of several: `Model.predict`, by a model or what `load` takes for one.

    A shipped model is loaded once; for any other, `load` it before many calls.
    """
    if not isinstance(model, Model):
        model = _load_shipped(str(model)) if model in SHIPPED_NAMES else load(model)
    return model.predict(pictures, whole=whole, views=views, strict=strict)


@cache
def _load_shipped(name: str) -> Model:
    return load(name)
