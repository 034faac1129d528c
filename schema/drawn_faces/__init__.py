"""Schematic faces in the seven expressions: what a run without data of its own trains on.

traits.py     what may vary in a face: its expression, its person, its pose, what hides it
drawing.py    one face's traits -> 48x48 grey picture
faces.py      count and seed -> many faces with light and noise: `draw_faces`
csv_files.py  faces -> files in the form of FER2013, flaws included: `write_drawn_csvs`
run_name.py   the name by which a run of drawn faces is known
"""

from schema.drawn_faces.csv_files import DrawnSummary, write_drawn_csvs
from schema.drawn_faces.faces import DrawnFaces, draw_faces
from schema.drawn_faces.run_name import is_drawn_name, name_drawn_run

__all__ = ["DrawnFaces", "DrawnSummary", "draw_faces", "is_drawn_name", "name_drawn_run", "write_drawn_csvs"]
