"""How many faces the library finds, beside OpenCV's cascade, which `fer` and `deepface` use by default.

    python -m benchmarks.faces --data FOLDER --out FILE

Without FER2013's files in FOLDER, the parts that need them are left out. Scenes are drawn from fixed seeds.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.harness.command import ROOT, make_parser, parse_count, print_report, render, run_command, tell
from benchmarks.model.fer2013 import TRAIN_FILE, iter_candidates, read_public_test
from benchmarks.peer.pictures import WITH_A_FACE, WITHOUT_A_PERSON
from fer_tfx.contract import IMAGE_SHAPE, TRAIN_SPLIT
from fer_tfx.face_detection import Box, Face, FaceDetector, crop_face
from fer_tfx.model import load
from pipeline.environment import ensure_environment

_LOCK = ROOT / "benchmarks/peer/pictures.lock"
_SCENE_PX, _SIZES_PX, _ANGLES = 1_000, (24, 32, 40, 64, 100, 200, 400), (0, 10, 20, 30, 45)
_HEAD = (225, 125, 106)  # of the astronaut: centre and side in px
_ACCURACY_COUNT, _ACCURACY_PX = 600, 100
Finder = Callable[[Image.Image], Sequence[Box]]


class Scene(NamedTuple):
    """A picture with its faces, each the centre and side of a square in px."""

    picture: Image.Image
    faces: list[tuple[float, float, float]]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser("faces", __doc__)
    parser.add_argument("--data", metavar="FOLDER", type=Path, help="FER2013's files")
    parser.add_argument("--crops", metavar="N", type=parse_count, default=200, help="faces of FER2013 (default: 200)")
    parser.add_argument("--out", metavar="FILE", type=Path, help="also write the report there, as Markdown")
    return run_command(
        parser, lambda options: print_report(options.out, lambda: compare(options.data, options.crops)), arguments
    )


def compare(data: Path | None, crop_count: int) -> str:
    with TemporaryDirectory() as folder:
        python = ensure_environment(ROOT / ".build/pictures", _LOCK)
        subprocess.run([python, "-m", "benchmarks.peer.pictures", folder], cwd=ROOT, check=True)
        photos = {path.stem: Image.open(path).convert("RGB") for path in Path(folder).iterdir()}
    crops: list[npt.NDArray[np.uint8]] = []
    if data:
        rows = islice(iter_candidates(data / TRAIN_FILE, TRAIN_SPLIT), crop_count)
        crops = [np.frombuffer(each.pixels, np.uint8).reshape(IMAGE_SHAPE[:2]) for each in rows]
    groups = draw_groups(photos, crops)
    detector = FaceDetector()
    finders: dict[str, Finder] = {
        "fer-tfx": lambda picture: [face.box for face in detector.detect(picture)],
        "cascade, as fer-tfx had it": make_cascade(5, 30),
        "cascade, as `fer` calls it": make_cascade(5, 50),
        "cascade, as `deepface` calls it": make_cascade(10, 0),
    }
    figures = {name: {group: measure(find, groups[group]) for group in groups} for name, find in finders.items()}
    return render("faces.md", figures=figures, accuracy=judge(data, detector, photos) if data else None)


def draw_groups(photos: dict[str, Image.Image], crops: list[npt.NDArray[np.uint8]]) -> dict[str, list[Scene]]:
    random = np.random.default_rng(0)
    astronaut, (x, y, side) = photos[WITH_A_FACE], _HEAD
    around = astronaut.crop((x - side, y - side, x + side, y + side))  # the head takes half of it
    grounds = [photos[name].resize((_SCENE_PX, _SCENE_PX)) for name in ("coffee", "china", "grass")]
    groups = {f"scikit-image's astronaut turned by {angle} degrees": [
        _turn(astronaut, _HEAD, sign * angle) for sign in ((1, -1) if angle else (1,))
    ] for angle in _ANGLES}  # fmt: skip
    for angle in (0, 30):
        for px in _SIZES_PX:
            heads = [_paste(grounds, [around] * 9, 2 * px, angle, random, share=0.5)] if px <= 100 else [
                _paste([ground], [around], 2 * px, angle, random, share=0.5) for ground in grounds]  # fmt: skip
            groups[f"the same head, {px} px in a scene of 1,000, turned by {angle}"] = heads
    noise = Image.fromarray(random.integers(0, 256, (_SCENE_PX, _SCENE_PX, 3), np.uint8))
    for px in (40, 64, 100, 200) if crops else ():
        for angle in (0, 30):
            count = 16 if px < 200 else 9
            parts = [crops[start : start + count] for start in range(0, len(crops), count)]
            faces = [[Image.fromarray(crop).convert("RGB") for crop in part] for part in parts]
            groups[f"FER2013's faces on noise, {px} px, turned by {angle}"] = [
                _paste([noise], part, px, angle, random) for part in faces
            ]
    groups["pictures without a person"] = [Scene(photos[name], []) for name in WITHOUT_A_PERSON]
    return groups


def _turn(picture: Image.Image, face: tuple[int, int, int], degrees: float) -> Scene:
    centre = complex(picture.width / 2, picture.height / 2)
    moved = centre + (complex(*face[:2]) - centre) * np.exp(-1j * np.deg2rad(degrees))
    return Scene(picture.rotate(degrees, Image.Resampling.BICUBIC), [(moved.real, moved.imag, face[2])])


def _paste(
    grounds: list[Image.Image], parts: list[Image.Image], px: int, degrees: float, random: Any, share: float = 1.0
) -> Scene:
    """Parts of `px`, of which the face takes a share, in a grid that is a little shaken."""
    scene, count = grounds[random.integers(len(grounds))].copy(), int(np.ceil(len(parts) ** 0.5))
    cell, faces = _SCENE_PX / count, []
    for number, part in enumerate(parts):
        row, column = divmod(number, count)
        room = max(0.0, cell - px * (1.4 if degrees else 1.0)) / 2
        x, y = ((place + 0.5) * cell + random.uniform(-room, room) for place in (column, row))
        square, mask = part.resize((px, px), Image.Resampling.BICUBIC), Image.new("L", (px, px), 255)
        if degrees:
            square, mask = (each.rotate(degrees, Image.Resampling.BICUBIC, expand=True) for each in (square, mask))
        scene.paste(square, (round(x - square.width / 2), round(y - square.height / 2)), mask)
        faces.append((x, y, px * share))
    return Scene(scene, faces)


def make_cascade(neighbours: int, least_px: int) -> Finder:
    """OpenCV's cascade for frontal faces, in pictures of up to 1,024 px."""
    cv2.setNumThreads(1)
    folder = cv2.data.haarcascades  # type: ignore[attr-defined]
    cascade = cv2.CascadeClassifier(str(Path(folder, "haarcascade_frontalface_default.xml")))

    def find(picture: Image.Image) -> list[Box]:
        scale = min(1.0, 1_024 / max(picture.size))
        small = picture.convert("L").resize([round(side * scale) for side in picture.size])
        size = (least_px, least_px) if least_px else None
        found = cascade.detectMultiScale(np.asarray(small), scaleFactor=1.1, minNeighbors=neighbours, minSize=size)
        return [Box(*(round(float(value) / scale) for value in each)) for each in found]

    return find


def measure(find: Finder, scenes: list[Scene]) -> dict[str, float]:
    """`found` of `faces`, `false` boxes, and CPU seconds a picture."""
    find(scenes[0].picture)
    before_s = time.process_time()
    answers = [find(scene.picture) for scene in scenes]
    cpu_s = (time.process_time() - before_s) / len(scenes)
    pairs = [(scene, boxes) for scene, boxes in zip(scenes, answers, strict=True)]
    found = sum(any(_is_on(box, face) for box in boxes) for scene, boxes in pairs for face in scene.faces)
    false = sum(not any(_is_on(box, face) for face in scene.faces) for scene, boxes in pairs for box in boxes)
    return {"faces": sum(len(scene.faces) for scene in scenes), "found": found, "false": false, "cpu_s": cpu_s}


def _is_on(box: Box, face: tuple[float, float, float]) -> bool:
    x, y, side = face
    offsets = (box.x + box.width / 2 - x, box.y + box.height / 2 - y)
    return max(map(abs, offsets)) < 0.4 * side and 0.4 < box.width / side < 2


def judge(data: Path, detector: FaceDetector, photos: dict[str, Image.Image]) -> dict[str, float]:
    """Accuracy on faces of the public test as they are, and as they are found and cropped in scenes."""
    test, model, random = read_public_test(data), load(), np.random.default_rng(1)
    chosen = random.permutation(len(test.pixels))[:_ACCURACY_COUNT]
    grounds = [photos[name].resize((_SCENE_PX, _SCENE_PX)) for name in ("coffee", "china", "grass", "rocket")]
    found: list[tuple[int, npt.NDArray[np.uint8]]] = []
    for start in range(0, len(chosen), 16):
        tell(f"accuracy, {start} of {len(chosen)}")
        rows = chosen[start : start + 16]
        squares = [Image.fromarray(test.pixels[row]).convert("RGB") for row in rows]
        scene = _paste(grounds, squares, _ACCURACY_PX, 0, random)
        faces = detector.detect(scene.picture)
        for row, place in zip(rows, scene.faces, strict=True):
            found += [(row, crop_face(scene.picture, face)) for face in _find_best(faces, place)]
    answers = model.predict_faces([test.pixels[row] for row in chosen], views=4)
    hits = [each.class_index == test.class_indices[row] for each, row in zip(answers, chosen, strict=True)]
    seen = model.predict_faces([crop for _, crop in found], views=4)
    right = [each.class_index == test.class_indices[row] for each, (row, _) in zip(seen, found, strict=True)]
    return {
        "n": len(chosen), "px": _ACCURACY_PX, "found": len(found), "crops": float(np.mean(hits)),
        "scenes": sum(right) / len(chosen), "of_found": float(np.mean(right)),
    }  # fmt: skip


def _find_best(faces: Iterable[Face], place: tuple[float, float, float]) -> list[Face]:
    return sorted((face for face in faces if _is_on(face.box, place)), key=lambda face: -face.score)[:1]


if __name__ == "__main__":
    sys.exit(main())
