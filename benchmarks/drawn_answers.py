"""The README's picture: drawn faces, and what a model that a run on such faces pushed answers.

python -m benchmarks.drawn_answers --model runs/fer-drawn/serving
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from benchmarks.harness.command import make_parser, run_command
from fer_tfx import Model, load
from fer_tfx.prediction import Prediction
from schema.drawn_faces import draw_faces

_DRAWN = 60  # the first face of each class among them is shown
_SIDE_PX, _BAR_PX, _GAP_PX = 144, 12, 12
_INK, _PAPER, _BAR = (32, 32, 32), (255, 255, 255), (66, 120, 176)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser("drawn_answers", __doc__)
    parser.add_argument("--model", metavar="FOLDER", required=True, help="a pushed version, or the folder of all")
    parser.add_argument("--seed", metavar="N", type=int, default=7, help="of the faces (default: 7)")
    parser.add_argument("--out", metavar="FILE", type=Path, default=Path("docs/images/faces.png"))
    return run_command(parser, _write, arguments)


def _write(options: argparse.Namespace) -> None:
    with load(options.model) as model:
        draw_answers(model, options.seed).save(options.out, optimize=True)
    print(f"{options.out}: written")


def draw_answers(model: Model, seed: int) -> Image.Image:
    """One drawn face of each class in a row, below it the model's answer with a bar for its confidence."""
    faces = draw_faces(_DRAWN, seed)
    chosen = [list(faces.class_indices).index(index) for index in sorted(set(faces.class_indices))]
    answers = model.predict_faces([faces.pixels[at] for at in chosen])
    width = len(chosen) * (_SIDE_PX + _GAP_PX) + _GAP_PX
    page = Image.new("RGB", (width, _SIDE_PX + 64), _PAPER)
    for position, (at, answer) in enumerate(zip(chosen, answers, strict=True)):
        left = _GAP_PX + position * (_SIDE_PX + _GAP_PX)
        face = Image.fromarray(faces.pixels[at]).resize((_SIDE_PX, _SIDE_PX), Image.Resampling.BICUBIC)
        page.paste(face.convert("RGB"), (left, _GAP_PX))
        _draw_answer(ImageDraw.Draw(page), left, _SIDE_PX + _GAP_PX + 6, answer)
    return page


def _draw_answer(draw: ImageDraw.ImageDraw, left: int, top: int, answer: Prediction) -> None:
    font = ImageFont.load_default(18)
    draw.text((left, top), f"{answer.label} {answer.confidence:.2f}", fill=_INK, font=font)
    box = (left, top + 26, left + max(1, round(_SIDE_PX * answer.confidence)), top + 26 + _BAR_PX // 2)
    draw.rectangle(box, fill=_BAR)


if __name__ == "__main__":
    sys.exit(main())
