"""Pictures of both kinds, in windows that bound the memory."""

from collections.abc import Iterable, Iterator
from typing import Any

from fer_tfx.client.inputs import FileLimits, check_picture
from fer_tfx.prediction import Pixels

_MAX_BYTES = 2**24  # 16 MiB of files at once, unless a single one is larger

Window = dict[int, Pixels | bytes]
"""Position -> uint8 (48, 48, 1) or a file, in order."""


def read_windows(images: Iterable[Any], batch_size: int, limits: FileLimits) -> Iterator[Window]:
    """Checked pictures, as many as one request may hold. Raises BadRequestError when it comes to a bad one."""
    window: Window = {}
    size = 0
    for index, image in enumerate(images):
        picture = check_picture(image, index, limits)
        byte_count = len(picture) if isinstance(picture, bytes) else picture.nbytes
        if window and (len(window) == batch_size or size + byte_count > _MAX_BYTES):
            yield window
            window, size = {}, 0
        window[index] = picture
        size += byte_count
    if window:
        yield window
