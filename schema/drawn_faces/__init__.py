"""Schematic faces in the seven expressions: what a run without data trains on.

traits.py     what varies in a face: its expression, its person, its pose, what hides it
drawing.py    count and seed -> 48x48 grey pictures: `draw_faces`
csv_files.py  faces -> files in the form of FER2013, flaws included: `write_drawn_csvs`
"""

from schema.drawn_faces.csv_files import DrawnCsvs, write_drawn_csvs
from schema.drawn_faces.drawing import DrawnFaces, draw_faces

__all__ = ["DrawnCsvs", "DrawnFaces", "draw_faces", "is_drawn_name", "name_drawn_run", "write_drawn_csvs"]


def name_drawn_run(name: str) -> str:
    """fer -> fer-drawn: a model of drawn faces is no baseline for a real one, nor served beside it."""
    return f"{name}-drawn"


def is_drawn_name(name: str) -> bool:
    """Whether a run of that name was trained on drawn faces."""
    return name.endswith("-drawn")
