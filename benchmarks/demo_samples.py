"""The sample pictures of `fer-tfx demo`: drawn faces in colour, which the shipped model finds and names.

python -m benchmarks.demo_samples
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.harness.command import make_parser, run_command
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.model import Model, load
from schema.drawn_faces import drawing
from schema.drawn_faces.traits import Cover, Person, View, sample, sample_expression

_SIDE_PX, _ENLARGEMENT, _TRIES = 320, 2, 400
_NO_COVER = Cover("none", 0.0, 0.0, 0.0, 0.0, 0.0)
_SIX = ("neutral", "happy", "fear", "sad", "angry", "surprise")
# Red, green and blue, from 0 to 1: of a skin, hair and background that go together.
_PALETTES = (
    ((0.93, 0.76, 0.65), (0.30, 0.17, 0.10), (0.96, 0.80, 0.45)),
    ((0.62, 0.42, 0.31), (0.10, 0.08, 0.09), (0.47, 0.72, 0.70)),
    ((0.84, 0.62, 0.48), (0.14, 0.11, 0.12), (0.86, 0.55, 0.48)),
    ((0.96, 0.82, 0.73), (0.62, 0.34, 0.16), (0.55, 0.66, 0.86)),
    ((0.72, 0.50, 0.37), (0.22, 0.15, 0.13), (0.73, 0.80, 0.58)),
    ((0.90, 0.72, 0.58), (0.55, 0.54, 0.55), (0.70, 0.62, 0.82)),
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser("demo_samples", __doc__)
    parser.add_argument("--out", metavar="FOLDER", type=Path, default=Path("fer_tfx/demo/samples"))
    return run_command(parser, _write, arguments)


def _write(options: argparse.Namespace) -> None:
    rng = np.random.default_rng(24)
    with load() as model:
        for name, palette in zip(("happy", "surprise", "angry"), (0, 3, 1), strict=True):
            draw_named(model, name, palette, rng).save(options.out / f"{name}.jpg", quality=88)
        six = Image.new("RGB", (3 * _SIDE_PX, 2 * _SIDE_PX))
        for place, name in enumerate(_SIX):
            face = draw_named(model, name, place, rng)
            six.paste(face, (place % 3 * _SIDE_PX, place // 3 * _SIDE_PX))
        six.save(options.out / "six.jpg", quality=88)
    print(f"{options.out}: written")


def draw_named(model: Model, name: str, palette: int, rng: np.random.Generator) -> Image.Image:
    """The first of some drawn faces of this class that the model finds and is sure of; else the surest."""
    best, best_probability = None, -1.0
    for _ in range(_TRIES):
        picture = _draw(DEFAULT_CLASS_NAMES.index(name), _PALETTES[palette], rng)
        faces = model.predict(picture)
        if len(faces) == 1 and faces[0].probabilities[name] > best_probability:
            best, best_probability = picture, faces[0].probabilities[name]
            if best_probability > 0.85:
                break
    assert best, f"no drawn face of class {name} is found"
    return best


def _draw(class_index: int, palette: tuple[tuple[float, ...], ...], rng: np.random.Generator) -> Image.Image:
    """A face, drawn three times: as its red, its green and its blue."""
    person, expression = sample(Person, rng), sample_expression(class_index, rng)
    person = replace(person, beard=0.0, stroke=min(person.stroke, 0.05))
    view = replace(sample(View, rng), size=0.36, centre_x=0.5, centre_y=0.52)
    finer: dict[str, Any] = {"_SIDE_PX": _SIDE_PX * _ENLARGEMENT**2, "_ENLARGEMENT": _ENLARGEMENT}
    finer["_TURN"] = np.linspace(0, 2 * np.pi, 120)
    bands = []
    with patch.multiple(drawing, **finer):
        for skin, hair, background in zip(*palette, strict=True):
            shown = replace(person, skin=skin, hair=hair, background=background)
            bands.append(Image.fromarray(drawing._draw_face(expression, shown, view, _NO_COVER)))
    # Hair that is cut off leaves hairlines, which at 48 px nobody sees.
    return Image.merge("RGB", bands).filter(ImageFilter.MedianFilter(7)).reduce(_ENLARGEMENT)


if __name__ == "__main__":
    sys.exit(main())
