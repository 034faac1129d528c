"""Schematic faces in the seven expressions, as pictures and as FER2013's files: what a run without data trains on."""

from schema.drawn_faces.csv_files import DrawnCsvs, write_drawn_csvs
from schema.drawn_faces.drawing import DrawnFaces, draw_faces

__all__ = ["DrawnCsvs", "DrawnFaces", "draw_faces", "is_drawn_name", "name_drawn_run", "write_drawn_csvs"]


def name_drawn_run(name: str) -> str:
    """fer -> fer-drawn: a model of drawn faces is no baseline for a real one, nor served beside it."""
    return f"{name}-drawn"


def is_drawn_name(name: str) -> bool:
    """Whether a run of that name was trained on drawn faces."""
    return name.endswith("-drawn")
