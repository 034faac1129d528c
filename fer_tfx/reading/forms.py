"""The forms of input that are known."""

from functools import lru_cache

from fer_tfx.reading.csv_form import CSV
from fer_tfx.reading.form import Form
from fer_tfx.reading.json_form import JSON_LINES
from fer_tfx.reading.lines import LineForm
from fer_tfx.reading.parquet_form import PARQUET
from fer_tfx.reading.picture_form import PICTURES
from fer_tfx.reading.words import ClassTable

HEAD_BYTES = 512  # how much of a file tells what it is: one block of a tar

# The first that recognises a file reads it; the last one reads what none recognises, and says what is wrong with it.
FORMS: tuple[Form, ...] = (PICTURES, PARQUET, JSON_LINES, CSV)


def find_form(head: bytes, name: str) -> Form:
    """The form of a file that is not packed and begins with `head`, its first HEAD_BYTES."""
    return next((form for form in FORMS if form.recognises(head, name)), FORMS[-1])


def lists_pictures(head: bytes, name: str, classes: ClassTable | None) -> bool:
    """Whether a file is a table of the paths of pictures, and of their classes unless they are to be predicted."""
    form = find_form(head, name)
    return isinstance(form, LineForm) and form.lists_pictures(head, classes)


def list_suffixes() -> tuple[str, ...]:
    """Of all forms."""
    return _join_suffixes(FORMS)


@lru_cache(maxsize=2)
def _join_suffixes(forms: tuple[Form, ...]) -> tuple[str, ...]:
    return tuple(suffix for form in forms for suffix in form.suffixes)
