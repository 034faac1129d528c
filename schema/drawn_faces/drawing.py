"""Count and seed -> drawn faces of all classes, under varied light and with noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fer_tfx.contract import DEFAULT_CLASS_NAMES, IMAGE_SIZE_PX
from schema.drawn_faces.traits import Cover, Expression, Person, View, sample, sample_expression

# Uneven as in FER2013, in the order of DEFAULT_CLASS_NAMES; disgust is kept large enough to be learnt from few rows.
CLASS_SHARES = (0.14, 0.06, 0.14, 0.22, 0.16, 0.12, 0.16)
_ENLARGEMENT = 3  # faces are drawn larger and then reduced, which smooths the strokes
_SIDE_PX = IMAGE_SIZE_PX * _ENLARGEMENT
_TURN = np.linspace(0.0, 2 * np.pi, 28, endpoint=False)
_ALONG = np.linspace(-1.0, 1.0, 11)  # from the left end of a curve to the right one

Curve = NDArray[np.float64]  # (n,)


@dataclass(frozen=True)
class DrawnFaces:
    """Pictures (count, 48, 48), and the class from 0 to 6 that each was drawn as."""

    pixels: NDArray[np.uint8]
    class_indices: NDArray[np.int64]


def draw_faces(count: int, seed: int) -> DrawnFaces:
    """Draw `count` faces, CLASS_SHARES of each class in random order; the same seed gives the same bytes."""
    rng = np.random.default_rng(seed)
    bounds = np.rint(np.cumsum((0.0, *CLASS_SHARES)) * count).astype(np.int64)
    class_indices = rng.permutation(np.repeat(np.arange(len(DEFAULT_CLASS_NAMES), dtype=np.int64), np.diff(bounds)))
    pixels = np.empty((count, IMAGE_SIZE_PX, IMAGE_SIZE_PX), np.uint8)
    for position, class_index in enumerate(class_indices):
        expression = sample_expression(int(class_index), rng)
        pixels[position] = _draw_face(expression, sample(Person, rng), sample(View, rng), sample(Cover, rng))
    return DrawnFaces(_light(pixels, rng), class_indices)


def _light(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Light (count, 48, 48) from one side, change contrast and level, add noise."""

    def uniform(low: float, high: float) -> NDArray[np.float32]:
        return rng.uniform(low, high, (len(pixels), 1, 1)).astype(np.float32)

    ramp = np.linspace(-1, 1, IMAGE_SIZE_PX, dtype=np.float32)
    angle, slope = uniform(0, 2 * np.pi), uniform(0, 0.45)
    shade = 1 + slope * (np.cos(angle) * ramp[None, None, :] + np.sin(angle) * ramp[None, :, None])
    contrast, level = uniform(0.7, 1.1), uniform(-30, 30)
    lit = np.asarray(128 + (pixels * shade - 128) * contrast + level, np.float32)
    lit += rng.standard_normal(pixels.shape, dtype=np.float32) * uniform(2, 10)
    return np.asarray(np.clip(np.rint(lit), 0, 255), np.uint8)


@dataclass(frozen=True)
class _Canvas:
    """Takes curves in face coordinates and puts them where the view says."""

    draw: ImageDraw.ImageDraw
    view: View

    def _place(self, x: Curve, y: Curve) -> list[float]:
        """Turn the head (features slide, its rim stays), then roll, scale and shift it."""
        view = self.view
        turned_x = x * (1 - 0.12 * abs(view.yaw)) + 0.24 * view.yaw * np.maximum(0.0, 1 - x * x)
        turned_y = y + view.pitch * np.maximum(0.0, 1 - y * y)
        cos, sin = np.cos(view.roll), np.sin(view.roll)
        across = view.centre_x + view.size * (cos * turned_x - sin * turned_y)
        down = view.centre_y + view.size * (sin * turned_x + cos * turned_y)
        return list((np.stack([across, down], axis=1) * _SIDE_PX).ravel().tolist())

    def fill(self, x: Curve, y: Curve, grey: float) -> None:
        self.draw.polygon(self._place(x, y), fill=_byte(grey))

    def stroke(self, x: Curve, y: Curve, grey: float, width: float) -> None:
        width_px = max(1, round(width * self.view.size * _SIDE_PX))
        self.draw.line(self._place(x, y), fill=_byte(grey), width=width_px, joint="curve")

    def oval(self, x: float, y: float, radius_x: float, radius_y: float, grey: float) -> None:
        self.fill(x + radius_x * np.cos(_TURN), y + radius_y * np.sin(_TURN), grey)


def _draw_face(expression: Expression, person: Person, view: View, cover: Cover) -> NDArray[np.uint8]:
    """-> uint8 (48, 48), before light and noise."""
    picture = Image.new("L", (_SIDE_PX, _SIDE_PX), _byte(person.background))
    canvas = _Canvas(ImageDraw.Draw(picture), view)
    _draw_head(canvas, person)
    _draw_nose(canvas, expression, person)
    _draw_mouth(canvas, expression, person)
    for side in (-1, 1):
        _draw_eye(canvas, side, expression, person)
        _draw_brow(canvas, side, expression, person)
    x, y = _head_outline(person, 1.02)
    canvas.fill(x, np.minimum(y, -person.hair_line + 0.12 * x), person.hair)  # the fringe
    _draw_cover(canvas, cover, person)
    return np.asarray(picture.reduce(_ENLARGEMENT), dtype=np.uint8)


def _byte(grey: float) -> int:
    return int(min(max(grey, 0.0), 1.0) * 255)


def _head_outline(person: Person, scale: float = 1.0) -> tuple[Curve, Curve]:
    """A superellipse that narrows towards the chin."""
    cos, sin = np.cos(_TURN), np.sin(_TURN)
    x = np.sign(cos) * np.abs(cos) ** (2 / person.jaw) * person.head_width
    return scale * x * (1 - 0.1 * sin), scale * sin


def _draw_head(canvas: _Canvas, person: Person) -> None:
    """From back to front: shoulders, neck, hair, ears, head, beard."""
    shoulders_x, shoulders_y = np.array([-1.4, 1.4, 1.1, 0.4, -0.4, -1.1]), np.array([2.6, 2.6, 1.35, 1.1, 1.1, 1.35])
    canvas.fill(shoulders_x, shoulders_y, 1 - person.background)
    canvas.fill(np.array([-0.35, 0.35, 0.38, -0.38]), np.array([0.6, 0.6, 1.35, 1.35]), person.skin * 0.8)
    x, y = _head_outline(person, 1.12)
    canvas.fill(x, np.minimum(y - 0.04, person.hair_length), person.hair)
    for side in (-1, 1):
        canvas.oval(side * person.head_width, person.eye_height + 0.15, 0.1, 0.18, person.skin * 0.85)
    canvas.fill(*_head_outline(person), person.skin)
    if person.beard:
        x, y = _head_outline(person, 0.99)
        canvas.fill(x, np.maximum(y, 0.3 + 0.25 * (1 - (x / person.head_width) ** 2)), person.skin - person.beard * 0.5)


def _draw_nose(canvas: _Canvas, expression: Expression, person: Person) -> None:
    dark, top = person.skin * 0.6, person.eye_height + 0.1
    tip = person.eye_height + person.nose_length + 0.08
    lean = 0.05 if canvas.view.yaw > 0 else -0.05
    canvas.stroke(np.array([lean, 2 * lean, 0.0]), np.array([top, tip - 0.04, tip]), dark, person.stroke * 0.8)
    canvas.stroke(0.1 * _ALONG, tip + 0.03 * (1 - _ALONG**2), dark, person.stroke)
    if expression.nose_wrinkles < 0.1:
        return
    wrinkle = person.skin * (1 - 0.55 * min(1.0, expression.nose_wrinkles))
    for side in (-1.0, 1.0):
        for step in (0.0, 0.11):
            y = np.array([top - 0.03, top - 0.1]) + step
            canvas.stroke(np.array([0.03, 0.15]) * side, y, wrinkle, person.stroke)
        fold_x, fold_y = np.array([0.13, 0.22, 0.3]), np.array([tip - 0.06, tip, tip + 0.14])
        canvas.stroke(fold_x * side, fold_y, wrinkle, person.stroke)


def _draw_mouth(canvas: _Canvas, expression: Expression, person: Person) -> None:
    """Two lips between two corners; what they leave open is dark and may show teeth."""
    width, opening = expression.mouth_width, expression.mouth_opening
    bulge = (1 - np.abs(_ALONG) ** (2 + 6 * min(1.0, expression.mouth_boxiness))) ** 0.6
    middle = person.mouth_height + expression.corner_lift * (0.45 - _ALONG**2)
    sneer = expression.sneer * np.maximum(0.0, 1 - (2.2 * _ALONG) ** 2)
    upper, lower = middle - opening * bulge * 0.8 - sneer, middle + opening * bulge * 1.2
    lip = person.skin * (1 - person.lip_contrast)
    outline_x = width * np.concatenate([_ALONG, _ALONG[::-1]])
    if opening > 0.012:
        canvas.fill(outline_x, np.concatenate([upper, lower[::-1]]), 0.06)
        if expression.teeth > 0.15:
            teeth = upper + min(1.0, expression.teeth) * (lower - upper)
            canvas.fill(outline_x * 0.94, np.concatenate([upper, teeth[::-1]]), 0.9)
    canvas.stroke(width * _ALONG, upper, lip, person.stroke * 1.3)
    canvas.stroke(width * _ALONG, lower, lip, person.stroke * 1.3)


def _draw_eye(canvas: _Canvas, side: int, expression: Expression, person: Person) -> None:
    """`side` is -1 for the left of the picture; the inner corner of either eye points to the nose."""
    opening, half = expression.eye_opening, person.eye_size
    x = side * (person.eye_distance + half * _ALONG)  # from the inner corner to the outer one
    bow = 1 - _ALONG**2
    base = person.eye_height + expression.lid_slant * (_ALONG * 0.8)
    upper = base - opening * bow
    lower = base + opening * bow * (0.8 - 1.1 * min(1.0, expression.cheek_lift))
    canvas.fill(np.concatenate([x, x[::-1]]), np.concatenate([upper, lower[::-1]]), min(1.0, person.skin * 0.4 + 0.6))
    middle = float(upper[5] + lower[5]) / 2
    iris = min(half * 0.55, float(lower[5] - upper[5]) / 2)
    canvas.oval(side * person.eye_distance, middle, half * 0.5, iris, 0.08)
    canvas.stroke(x, upper, person.skin * 0.25, person.stroke)
    canvas.stroke(x, lower, person.skin * 0.6, person.stroke * 0.7)


def _draw_brow(canvas: _Canvas, side: int, expression: Expression, person: Person) -> None:
    inner = 0.17 - expression.brow_pinch
    x = side * (inner + (0.34 + 0.5 * person.eye_size) * (_ALONG + 1) / 2)
    height = person.eye_height - 0.22 - expression.brow_lift
    y = height + expression.brow_slant * _ALONG * 0.6 - expression.brow_arch * (1 - _ALONG**2)
    canvas.stroke(x, y, min(person.hair, person.skin - 0.2), person.brow_thickness)


def _draw_cover(canvas: _Canvas, cover: Cover, person: Person) -> None:
    if cover.kind == "glasses":
        for side in (-1, 1):
            x = side * person.eye_distance + 0.25 * np.cos(np.append(_TURN, 0.0))
            y = person.eye_height + 0.02 + 0.21 * np.sin(np.append(_TURN, 0.0))
            canvas.stroke(x, y, cover.grey * 0.5, cover.size * 0.6)
        canvas.stroke(np.array([-0.1, 0.1]), np.full(2, person.eye_height), cover.grey * 0.5, cover.size * 0.6)
    elif cover.kind == "bar":
        along_x, along_y = np.cos(cover.angle), np.sin(cover.angle)
        ends = np.array([-2.5, 2.5])
        canvas.stroke(0.6 * cover.x + ends * along_x, cover.y + ends * along_y, cover.grey, cover.size * 1.6)
    elif cover.kind == "hand":
        for finger in range(4):
            y = cover.y + 0.13 * finger
            reach = abs(cover.x) - (0.05 if finger in (1, 2) else 0.0)
            x = np.sign(cover.x) * np.array([reach, 1.6])
            canvas.stroke(x, np.array([y, y + 0.15]), person.skin * (0.92 - 0.06 * (finger % 2)), 0.13)
