"""Videos -> a row for each face in each searched frame, and a copy with the answers drawn in."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, TextIO

from PIL import Image

from fer_tfx.commands.inputs import Subject, Video
from fer_tfx.commands.output import Row, check_output
from fer_tfx.commands.photos import draw_rows
from fer_tfx.errors import ConfigError, DataError, FerError
from fer_tfx.model import Model
from fer_tfx.prediction import Prediction
from fer_tfx.video import Clip, Sampling, answer_frames, import_av, open_clip

_SUFFIXES = (".m4v", ".mkv", ".mov", ".mp4")
_TIME_BASE = Fraction(1, 90_000)  # MPEG's, which suits all usual rates
_OPTIONS = {"crf": "20", "preset": "veryfast", "bf": "0"}  # B-frames lose the end where the rate varies
Draw = Callable[[float, Image.Image], None]


def iter_rows(
    model: Model,
    videos: Sequence[Video],
    sampling: Sampling,
    judge: Callable[[Subject, Prediction | None], Row],
    draw: Draw | None,
    terminal: TextIO | None,
    errors: list[FerError] | None,
) -> Iterator[Row]:
    """Yield a row for each face in each searched frame, and one without for a frame that has none; draw every frame.

    Adds to `errors` why a video can't be read, or not to its end; None: that is raised.
    """
    for place, video in enumerate(videos):
        rows: list[Row] = []
        try:
            with open_clip(video.source, video.name) as clip, _open_progress(clip, terminal) as advance:
                for frame, seen in answer_frames(model, clip, sampling):
                    if seen:
                        subject = Subject(video.name, place, time_s=seen.time_s)
                        found = [judge(subject._replace(face=face.track, box=face.box), face) for face in seen.faces]
                        rows = found or [judge(subject, None)]
                        yield from rows
                    if draw:
                        draw(frame.time_s, draw_rows(frame.picture, rows))
                    advance(frame.time_s)
        except DataError as error:
            if errors is None:
                raise
            errors.append(error)


@contextmanager
def open_film(path: Path, videos: Sequence[Video]) -> Iterator[Draw]:
    """Yield a function that adds a picture at its time; the file appears if the block ends well. Raises DataError."""
    av = import_av(str(path))
    if len(videos) > 1:
        raise ConfigError(f"{path}: --save takes the frames of one video; give them in {len(videos)} calls")
    if path.suffix.lower() not in _SUFFIXES:
        raise ConfigError(f"{path}: a video is saved as {', '.join(_SUFFIXES)}; give --save such a name")
    check_output(path, [video.name for video in videos], "--save")
    path = path.resolve()
    partial = path.with_name(f".{os.getpid()}.partial-{path.name}")
    try:
        with av.open(str(partial), "w") as file:
            film = _Film(file, av.VideoFrame.from_image)
            yield film.add
            film.finish()
        partial.replace(path)
    except (av.FFmpegError, OSError) as error:
        raise DataError(f"{path}: can't be written: {error.strerror}; make room, or give another --save") from None
    finally:
        partial.unlink(missing_ok=True)


class _Film:
    """Pictures -> H.264 in an open file."""

    def __init__(self, file: Any, frame_of: Callable[[Image.Image], Any]) -> None:
        self._file, self._frame_of = file, frame_of
        self._stream = file.add_stream("h264", options=_OPTIONS)
        self._last, self._usual, self._offset = -1, round(0.04 / _TIME_BASE), 0

    def add(self, time_s: float, picture: Image.Image) -> None:
        """A picture at its time, scaled to the size of the first; left out where time runs backwards by a little.

        Where it does by more, another recording was joined, which follows the first one.
        """
        if self._last < 0:
            # H.264 stores colours for squares of 2x2 px.
            self._stream.width, self._stream.height = (max(2, side // 2 * 2) for side in picture.size)
            self._stream.pix_fmt, self._stream.codec_context.time_base = "yuv420p", _TIME_BASE
        size = (self._stream.width, self._stream.height)
        frame = self._frame_of(picture if picture.size == size else picture.resize(size))
        time = round(time_s / _TIME_BASE)
        if self._last - self._offset - time > 1 / _TIME_BASE:  # more than a second: here recordings were joined
            self._offset = self._last + self._usual - time
        if time + self._offset <= self._last:
            return
        if self._last >= 0:
            self._usual = time + self._offset - self._last
        self._last = time + self._offset
        frame.pts, frame.time_base = self._last, _TIME_BASE
        self._file.mux(self._stream.encode(frame))

    def finish(self) -> None:
        self._file.mux(self._stream.encode())


@contextmanager
def _open_progress(clip: Clip, terminal: TextIO | None) -> Iterator[Callable[[float], None]]:
    """Yield what moves a bar on the terminal, if there is one, to a time of the clip."""
    if terminal is None:
        yield lambda time_s: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

    columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=terminal, force_terminal=True), transient=True) as progress:
        task = progress.add_task("", total=clip.duration_s)
        yield lambda time_s: progress.update(task, completed=time_s)
