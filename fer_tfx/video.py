"""Videos -> the faces in their frames, followed from one to the next; PyAV decodes, and no frame is kept."""

import math
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from fer_tfx.contract import MAX_LOCAL_PIXELS
from fer_tfx.errors import ConfigError, DataError, in_one_line
from fer_tfx.face_detection import Box
from fer_tfx.files import unreadable
from fer_tfx.pictures import find_name
from fer_tfx.prediction import Prediction

if TYPE_CHECKING:
    from fer_tfx.model import Model

VideoLike: TypeAlias = str | os.PathLike[str] | BinaryIO
"""A video: a path, or a file open for reading bytes."""
# Of FFmpeg's demuxers. Not those that read what the file names, such as playlists.
_FORMATS = "asf,avi,flv,gif,h264,hevc,matroska,mov,mpeg,mpegts,mpegvideo,ogg"
_MICROSECONDS = 1_000_000
_ROUNDING_S = 0.001  # of the times in a file
_MISSING_S = 0.2  # by which a video that is whole may end before its header says
_SAME_FACE_OVERLAP = 0.2  # half a face's width of movement leaves 0.33
_PATIENCE_S, _PATIENCE_FRAMES = 1.0, 2.5  # for which a face may be out of sight, in seconds or sampled frames
# The display matrix of phones: (x, y) of the stored frame is shown at (a x + c y, b x + d y).
_TURNS = {
    (0, 1, -1, 0): Image.Transpose.ROTATE_270, (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90, (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM, (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}  # fmt: skip


class DamagedVideoError(DataError):
    """A video is damaged or ends early; it is raised after all that can be read of it."""


@dataclass(frozen=True)
class TrackedFace(Prediction):
    """What a model says of a face in a frame; of the frames before it too if answers are smoothed."""

    track: int = 0
    """Its number, from 1 in order of appearance: the same in each frame through which it could be followed."""


@dataclass(frozen=True)
class VideoFrame:
    """A frame that was searched for faces."""

    time_s: float
    """When it is shown, in seconds from the start of the file."""
    faces: tuple[TrackedFace, ...]
    """From left to right; empty if there is none."""

    def to_dict(self) -> dict[str, Any]:
        """The same for `json.dumps`."""
        return {"time_s": self.time_s, "faces": [each.to_dict() for each in self.faces]}


class Sampling(NamedTuple):
    """Which frames are searched, and how; see `Model.predict_video`."""

    every_s: float = 0.5
    smooth_s: float = 0.0
    whole: bool = False
    views: int | None = None

    def check(self, *names: str) -> "Sampling":
        """The same. Raises ConfigError for what is no time, by the names of the two."""
        for name, seconds in zip(names, (self.every_s, self.smooth_s), strict=True):
            if not isinstance(seconds, int | float) or not 0 <= seconds < float("inf"):
                raise ConfigError(f"{name}: expected seconds, 0 or more, got {seconds!r}")
        return self


class Frame:
    """A decoded frame; `time_s` as in `VideoFrame`."""

    def __init__(self, time_s: float, decoded: Any, aspect: float, turn: Image.Transpose | None) -> None:
        self.time_s, self._decoded, self._aspect, self._turn = time_s, decoded, aspect, turn

    @cached_property
    def picture(self) -> Image.Image:
        """As it is shown: upright, of square pixels; in mode RGB."""
        picture: Image.Image = self._decoded.to_image(width=round(self._decoded.width * self._aspect))
        return picture if self._turn is None else picture.transpose(self._turn)


class Clip(NamedTuple):
    """A video that is open."""

    duration_s: float | None  # by the header; None: it doesn't say
    frames: Iterator[Frame]  # once, in order; raises DataError without any, DamagedVideoError at the end


@contextmanager
def open_clip(video: VideoLike, name: str | None = None) -> Iterator[Clip]:
    """Open a video, and close it; a file that was open stays so. Raises ConfigError without PyAV, DataError."""
    name = in_one_line(name or find_name(video) or "the video")
    if not isinstance(video, str | os.PathLike) and not hasattr(video, "read"):
        raise DataError(f"{name}: expected a path, or a file open for reading bytes, got {type(video).__name__}")
    av = import_av(name)
    with ExitStack() as stack:
        file = video if hasattr(video, "read") else stack.enter_context(_open_file(Path(video), name))
        try:
            limits = {"format_whitelist": _FORMATS}
            opened = av.open(file, "r", metadata_errors="replace", container_options=limits)
        except (av.FFmpegError, OSError, TypeError):  # of what a file gives that isn't open for reading bytes
            raise DataError(
                f"{name}: is no video that can be read, or it is cut off; give an MP4, MOV, MKV or AVI"
            ) from None
        container = stack.enter_context(opened)
        stream = container.streams.best("video")
        if stream is None or stream.disposition & av.stream.Disposition.attached_pic:
            raise DataError(f"{name}: holds no video, sound alone; give a video")
        if stream.codec_context is None:
            raise DataError(f"{name}: its codec is unknown to PyAV; convert it to H.264")
        if stream.width * stream.height > MAX_LOCAL_PIXELS:
            raise DataError(f"{name}: more than {MAX_LOCAL_PIXELS:,} pixels; scale it down")
        stream.thread_type = "AUTO"
        stream.codec_context.options = {"max_pixels": str(MAX_LOCAL_PIXELS)}  # should it grow on the way
        duration_s = container.duration / _MICROSECONDS if container.duration else None
        yield Clip(duration_s, _read_frames(name, container, stream))


def import_av(name: str) -> Any:
    """PyAV; raises ConfigError without it, for a video of this name."""
    try:
        import av
    except ImportError:
        raise ConfigError(f"{name}: to read videos, `pip install 'fer-tfx[video]'`") from None
    return av


def _open_file(path: Path, name: str) -> BinaryIO:
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise DataError(f"{name}: is no regular file; give a video")
        if path.is_file() and not path.stat().st_size:
            raise DataError(f"{name}: is empty; give a video")
        return path.open("rb")
    except (OSError, ValueError) as error:
        raise unreadable(name, error) from None


def _read_frames(name: str, container: Any, stream: Any) -> Iterator[Frame]:
    start_s = (container.start_time or 0) / _MICROSECONDS
    usual_s = 1 / float(stream.guessed_rate or 25)
    last_s, fault_s, turn = None, None, None
    end_s = _find_end(container, stream) - start_s
    aspect = float(stream.sample_aspect_ratio or 1)
    aspect = aspect if 0.25 < aspect < 4 else 1.0  # more is an error, or meant to take memory
    for decoded in _decode(container, stream):
        if decoded is None:
            # What comes before the first whole frame is the rest of one that was cut off.
            fault_s = last_s if fault_s is None else fault_s
            continue
        if last_s is None:
            turn = _find_turn(decoded)
        next_s = 0.0 if last_s is None else last_s + usual_s
        last_s = next_s if decoded.time is None else decoded.time - start_s
        usual_s = float(decoded.duration * decoded.time_base) if decoded.duration else usual_s
        yield Frame(last_s, decoded, aspect, turn)
    if last_s is None:
        raise DataError(f"{name}: no frame of it can be decoded; copy or record it again")
    if fault_s is None and last_s + usual_s < end_s - _MISSING_S:
        fault_s = last_s
    if fault_s is not None:
        raise DamagedVideoError(f"{name}: is damaged or cut off at {fault_s:.1f} s; copy or download it again")


def _decode(container: Any, stream: Any) -> Iterator[Any]:
    """Yield each frame, and None for what is damaged."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            frames = packet.decode() if packet else []
        except (av.FFmpegError, OSError):
            yield None
            continue
        if packet is None:
            return
        yield from (None if frame.is_corrupt else frame for frame in frames)
        if packet.is_corrupt:
            yield None


def _find_turn(decoded: Any) -> Image.Transpose | None:
    """How the frames of a video are to be turned, from its first: whose side data were read is freed much later."""
    matrix = decoded.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return None
    a, b, _, c, d = struct.unpack_from("=5i", bytes(matrix))
    return _TURNS.get((a >> 16, b >> 16, c >> 16, d >> 16))


def _find_end(container: Any, stream: Any) -> float:
    """When the stream ends by a header that is written last, in seconds; 0: there is none."""
    if stream.duration and "mov" in container.format.name:
        return float((stream.duration + (stream.start_time or 0)) * stream.time_base)
    try:  # Matroska
        hours, minutes, seconds = map(float, stream.metadata["DURATION"].split(":"))
    except (KeyError, ValueError):
        return 0.0
    return hours * 3600 + minutes * 60 + seconds


def answer_frames(model: "Model", clip: Clip, sampling: Sampling) -> Iterator[tuple[Frame, VideoFrame | None]]:
    """Yield each frame with its faces; None for one that isn't searched."""
    every_s, smooth_s, whole, views = sampling
    follower = _Follower(smooth_s, max(_PATIENCE_S, _PATIENCE_FRAMES * every_s))
    first_s, searched_s, next_s = None, 0.0, 0.0
    for frame in clip.frames:
        # Time may run backwards where recordings were joined.
        if searched_s <= frame.time_s < next_s - _ROUNDING_S:
            yield frame, None
            continue
        searched_s = frame.time_s
        first_s = searched_s if first_s is None else first_s
        # Multiples of the interval, so that late frames don't shift those after them.
        steps = math.floor((searched_s - first_s + _ROUNDING_S) / every_s) + 1 if every_s else 0
        next_s = first_s + steps * every_s
        faces = model.predict(frame.picture, whole=whole, views=views)
        yield frame, VideoFrame(searched_s, follower.follow(searched_s, faces))


def predict_video(model: "Model", video: VideoLike, sampling: Sampling) -> Iterator[VideoFrame]:
    """See `Model.predict_video`."""
    with open_clip(video) as clip:
        for _, seen in answer_frames(model, clip, sampling):
            if seen:
                yield seen


@dataclass(eq=False)
class _Track:
    number: int
    box: Box | None
    time_s: float
    values: npt.NDArray[np.float64]  # the probabilities, then the share of answers to abstain from


class _Follower:
    """Gives faces their track, and smooths along it."""

    def __init__(self, smooth_s: float, patience_s: float) -> None:
        self._smooth_s, self._patience_s = smooth_s, patience_s
        self._tracks: list[_Track] = []
        self._count = 0

    def follow(self, time_s: float, faces: Sequence[Prediction]) -> tuple[TrackedFace, ...]:
        # Where recordings were joined, time runs backwards, and nobody is followed into the next one.
        self._tracks = [each for each in self._tracks if 0 <= time_s - each.time_s <= self._patience_s]
        tracks = self._match(faces)
        return tuple(self._add(time_s, face, tracks.get(place)) for place, face in enumerate(faces))

    def _match(self, faces: Sequence[Prediction]) -> dict[int, _Track]:
        """The track of each face that has one, by its place; the pairs that overlap most go together."""
        pairs = [(_compute_overlap(track.box, face.box), place, track.number, track)
                 for place, face in enumerate(faces) for track in self._tracks]  # fmt: skip
        found: dict[int, _Track] = {}
        for overlap, place, _, track in sorted(pairs, key=lambda pair: pair[:3], reverse=True):
            if overlap >= _SAME_FACE_OVERLAP and place not in found and track not in found.values():
                found[place] = track
        return found

    def _add(self, time_s: float, face: Prediction, track: _Track | None) -> TrackedFace:
        values = np.array([*face.probabilities.values(), face.abstain], float)
        if track is None:
            self._count += 1
            track = _Track(self._count, face.box, time_s, values)
            self._tracks.append(track)
        elif self._smooth_s:
            weight = -math.expm1(-max(0.0, time_s - track.time_s) / self._smooth_s)
            values = track.values + weight * (values - track.values)
            face = _replace_values(face, values.tolist())
        track.box, track.time_s, track.values = face.box, time_s, values
        return TrackedFace(**vars(face), track=track.number)


def _replace_values(face: Prediction, values: list[float]) -> Prediction:
    *shares, abstain = values
    probabilities = dict(zip(face.probabilities, shares, strict=True))
    label = max(probabilities, key=probabilities.__getitem__)
    return replace(
        face, label=label, confidence=probabilities[label], abstain=abstain >= 0.5, probabilities=probabilities
    )


def _compute_overlap(one: Box | None, other: Box | None) -> float:
    """Intersection over union, 0 to 1; None stands for the whole frame."""
    if one is None or other is None:
        return float(one is other)
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    shared = max(0, width) * max(0, height)
    return shared / max(1, one.width * one.height + other.width * other.height - shared)
