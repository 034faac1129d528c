"""Whose faces a model was trained on, as far as its run can tell: card and page claim no more than that."""

from enum import Enum

from reporting.ingestion import IngestionReport
from schema.drawn_faces import is_drawn_name

# Rows of train.csv, of icml_face_data.csv without one of its tests, and of all of it; beside them those of test.csv.
_LABELLED_ROWS, _UNLABELLED_ROWS = (28_709, 32_298, 35_887), (0, 7_178)


class Origin(str, Enum):
    """Values are how the header of a card calls the data; `OWN` is whatever is not known."""

    DRAWN = "drawn"
    FER2013 = "fer2013"
    OWN = "own"


def tell_origin(name: str, rows: IngestionReport) -> Origin:
    """By the name of the run and the number of rows read, which stays whatever the pictures were converted to."""
    if is_drawn_name(name):
        return Origin.DRAWN
    sizes = {labelled + others for labelled in _LABELLED_ROWS for others in _UNLABELLED_ROWS}
    return Origin.FER2013 if rows.rows_read in sizes else Origin.OWN
