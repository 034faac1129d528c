"""The forms of input that are known."""

from fer_tfx.reading.csv_form import CSV
from fer_tfx.reading.form import Form
from fer_tfx.reading.picture_form import PICTURES

HEAD_BYTES = 512  # how much of a file tells what it is: one block of a tar

# The first that recognises a file reads it; the last one reads what none recognises, and says what is wrong with it.
FORMS: tuple[Form, ...] = (PICTURES, CSV)


def find_form(head: bytes, name: str) -> Form:
    """The form of a file that is not packed and begins with `head`, its first HEAD_BYTES."""
    return next((form for form in FORMS if form.recognises(head, name)), FORMS[-1])


def list_suffixes() -> tuple[str, ...]:
    """Of all forms."""
    return tuple(suffix for form in FORMS for suffix in form.suffixes)
