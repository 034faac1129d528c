"""Which of several files a server can't decode: it says only that it can't decode all of them."""

import io
from collections.abc import Callable, Sequence

from fer_tfx.errors import RequestRefusedError, ServingError

Ask = Callable[[list[bytes]], object]
"""Sends files; raises ServingError."""


def find_broken(ask: Ask, files: Sequence[bytes]) -> int | None:
    """Position of the first broken one of files that were refused together, by halving: 8 requests for 64 files.

    None if a sound picture is refused too, or the server stops answering: then no file is to blame.
    """
    try:
        if _is_refused(ask, [_make_sound_picture()]):
            return None
        low, high = 0, len(files)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if _is_refused(ask, files[low:middle]) else (middle, high)
        return low if _is_refused(ask, files[low:high]) else None
    except ServingError:
        return None


def _is_refused(ask: Ask, files: Sequence[bytes]) -> bool:
    try:
        ask(list(files))
    except RequestRefusedError as error:
        if not error.is_invalid_argument:
            raise
        return True
    return False


def _make_sound_picture() -> bytes:
    """A PNG of one black pixel."""
    from PIL import Image

    stream = io.BytesIO()
    Image.new("L", (1, 1)).save(stream, "PNG")
    return stream.getvalue()
