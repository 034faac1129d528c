"""Photos -> the faces in them, and copies with the answers drawn in."""

import io
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import count, groupby
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from fer_tfx.commands.inputs import Picture
from fer_tfx.commands.output import Row
from fer_tfx.errors import DataError
from fer_tfx.face_detection import Box
from fer_tfx.pictures import open_upright, to_rgb

_BOX_COLOUR, _TEXT_COLOUR = (255, 210, 0), (0, 0, 0)
_JPEG_QUALITY = 92


@contextmanager
def open_album(folder: Path, photos: Sequence[Picture]) -> Iterator[Callable[[Iterable[Row]], Iterator[Row]]]:
    """Yield a function that passes rows on and draws their photos; `folder` gets them only if the block ends well.

    No file is overwritten: where a name is taken, the photo gets a number. Raises DataError.
    """
    is_new = not folder.exists()
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".partial-") as name:
            drawn: list[tuple[Path, str]] = []
            yield lambda rows: _draw_all(rows, photos, Path(name), drawn)
            with ExitStack() as undone:
                for path, wanted in drawn:
                    undone.callback(_move(path, folder, wanted).unlink)
                undone.pop_all()
    except OSError as error:
        raise DataError(f"{folder}: can't be written to: {error.strerror}; give --save another folder") from None
    finally:
        if is_new:
            with suppress(OSError):
                folder.rmdir()  # which only an empty folder allows


def _draw_all(
    rows: Iterable[Row], photos: Sequence[Picture], folder: Path, drawn: list[tuple[Path, str]]
) -> Iterator[Row]:
    for place, group in groupby(rows, key=lambda row: row.subject.place):
        faces, photo, path = list(group), photos[place], folder / str(place)
        content = draw_answers(photo.read(), photo.name, faces)
        path.write_bytes(content)
        drawn.append((path, Path(photo.name).stem + (".jpg" if content.startswith(b"\xff\xd8") else ".png")))
        yield from faces


def draw_answers(content: bytes, name: str, rows: Sequence[Row]) -> bytes:
    """The upright photo with a box, a class and a confidence for each face: of a JPEG a JPEG, else a PNG."""
    is_jpeg = content.startswith(b"\xff\xd8")
    picture, buffer = to_rgb(open_upright(content, name)), io.BytesIO()
    draw_rows(picture, rows).save(buffer, "JPEG" if is_jpeg else "PNG", quality=_JPEG_QUALITY)
    return buffer.getvalue()


def draw_rows(picture: Image.Image, rows: Iterable[Row]) -> Image.Image:
    """The same picture, in mode RGB, with what is to be drawn into it."""
    draw = ImageDraw.Draw(picture)
    for row in rows:
        if row.subject.box and row.prediction:
            _draw_box(draw, row.subject.box, f"{row.subject.face} {row.class_name} {row.prediction.confidence:.2f}")
    return picture


def _draw_box(draw: ImageDraw.ImageDraw, box: Box, text: str) -> None:
    line_px = max(1, box.width // 60)
    right, bottom = box.x + box.width, box.y + box.height
    draw.rectangle((box.x, box.y, right - 1, bottom - 1), outline=_BOX_COLOUR, width=line_px)
    font = ImageFont.load_default(size=max(10, box.width // 9))
    place = (box.x + line_px, box.y + line_px)
    draw.rectangle(draw.textbbox(place, text, font=font), fill=_BOX_COLOUR)
    draw.text(place, text, font=font, fill=_TEXT_COLOUR)


def _move(path: Path, folder: Path, wanted: str) -> Path:
    """Give a drawn photo its name, or the next one that is free."""
    stem, suffix = os.path.splitext(wanted)  # noqa: PTH122 (a name, not a path)
    targets = (folder / (f"{stem}-{number}{suffix}" if number > 1 else wanted) for number in count(1))
    return path.rename(next(target for target in targets if not os.path.lexists(target)))
