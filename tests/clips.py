"""Video files made of pictures."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

RATE = 25
_CODECS = {".avi": "mpeg4", ".gif": "gif", ".mpg": "mpeg2video", ".webm": "libvpx", ".wmv": "wmv2"}
_OPTIONS = {"h264": {"crf": "12", "preset": "ultrafast"}, "libvpx": {"deadline": "realtime", "cpu-used": "8"}}


def write_clip(
    path: Path,
    pictures: Iterable[Image.Image],
    times_s: Iterable[float] | None = None,
    matrix: Sequence[int] | None = None,
    sound_s: float = 0.0,
    aspect: Fraction | None = None,
) -> Path:
    """A video of pictures of one size, its kind by the suffix; returns the path.

    `times_s`: when each is shown; None: 25 a second. `matrix`: (a, b, c, d) of the display matrix. `sound_s`: silence.
    `aspect`: width of a pixel by its height.
    """
    codec = _CODECS.get(path.suffix, "h264")
    # With its index in front, an MP4 can be read as far as it goes.
    with av.open(str(path), "w", container_options={"movflags": "faststart"} if path.suffix == ".mp4" else {}) as file:
        stream = None
        sound = file.add_stream("aac", rate=16_000) if sound_s else None
        for number, picture in enumerate(pictures):
            if stream is None:
                stream = file.add_stream(codec, rate=RATE, options=_OPTIONS.get(codec, {}))
                stream.width, stream.height, stream.pix_fmt = *picture.size, "rgb8" if codec == "gif" else "yuv420p"
                if times_s is not None:
                    stream.codec_context.time_base = Fraction(1, 1000)
                if aspect:
                    stream.codec_context.sample_aspect_ratio = aspect
                if matrix:
                    a, b, c, d = (value << 16 for value in matrix)
                    stream.set_display_matrix((a, b, 0, c, d, 0, 0, 0, 1 << 30))
            frame = av.VideoFrame.from_image(picture.convert("RGB")).reformat(format=stream.pix_fmt)
            if times_s is not None:
                times_s = iter(times_s)
                frame.pts, frame.time_base = round(next(times_s) * 1000), Fraction(1, 1000)
            else:
                frame.pts, frame.time_base = number, Fraction(1, RATE)
            file.mux(stream.encode(frame))
        if stream:
            file.mux(stream.encode())
        if sound:
            for start in range(0, int(16_000 * sound_s), 1024):
                samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                samples.sample_rate, samples.pts = 16_000, start
                file.mux(sound.encode(samples))
            file.mux(sound.encode())
    return path
