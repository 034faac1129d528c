"""What may vary in a drawn face. Lengths are in half heights of the head, y points down, angles are radians.

An expression is told by brows, eyes and mouth together; the ranges of any single trait overlap between classes.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from fer_tfx.contract import CLASS_NAMES


@dataclass(frozen=True)
class Expression:
    """Where the muscles have drawn brows, eyes, nose and mouth; the defaults are a face at rest."""

    brow_lift: float = 0.0
    brow_slant: float = 0.0
    """How far the inner ends stand above the outer ones: worry is positive, wrath negative."""
    brow_arch: float = 0.04
    brow_pinch: float = 0.0
    """How far the inner ends have moved towards each other."""
    eye_opening: float = 0.095
    lid_slant: float = 0.0
    """How far the outer corner of the eye hangs below the inner one."""
    cheek_lift: float = 0.0
    """How far the lower lid bends upwards, from 0 to 1."""
    corner_lift: float = 0.0
    mouth_opening: float = 0.0
    mouth_width: float = 0.27
    mouth_boxiness: float = 0.0
    """0: the open mouth is an oval, 1: a rectangle."""
    teeth: float = 0.0
    """Share of the open mouth that shows teeth."""
    sneer: float = 0.0
    """How far the middle of the upper lip is drawn up."""
    nose_wrinkles: float = 0.0
    """Darkness of the wrinkles beside the nose, from 0 to 1."""


# Full strength. A class shows itself in more than one way, so that no single template fits it.
_FULL: dict[str, tuple[Expression, ...]] = {
    "angry": (
        Expression(-0.07, -0.22, 0.01, 0.07, 0.07, -0.05, 0.1, -0.07, 0.0, 0.25),
        Expression(-0.06, -0.22, 0.01, 0.06, 0.1, -0.05, 0.1, -0.03, 0.11, 0.29, 0.9, 0.85, 0.0, 0.15),
        Expression(-0.05, -0.22, 0.0, 0.07, 0.12, -0.05, 0.0, -0.05, 0.17, 0.25, 0.6, 0.3, 0.0, 0.15),
    ),
    "disgust": (
        Expression(-0.07, -0.08, 0.02, 0.03, 0.045, 0.0, 0.8, -0.11, 0.05, 0.28, 0.1, 0.0, 0.14, 1.0),
        Expression(-0.06, -0.06, 0.02, 0.03, 0.05, 0.0, 0.7, -0.08, 0.11, 0.27, 0.2, 0.45, 0.14, 1.0),
    ),
    "fear": (
        Expression(0.1, 0.15, 0.0, 0.05, 0.155, 0.03, 0.0, -0.08, 0.08, 0.34, 0.8, 0.2),
        Expression(0.11, 0.16, 0.0, 0.05, 0.16, 0.03, 0.0, -0.06, 0.11, 0.31, 0.7, 0.7),
    ),
    "happy": (
        Expression(0.02, 0.0, 0.06, 0.0, 0.075, 0.02, 0.9, 0.16, 0.0, 0.36),
        Expression(0.03, 0.0, 0.06, 0.0, 0.08, 0.02, 0.9, 0.16, 0.1, 0.38, 0.1, 0.7),
        Expression(0.06, 0.0, 0.07, 0.0, 0.09, 0.02, 0.5, 0.13, 0.17, 0.34, 0.1, 0.35),
    ),
    "sad": (
        Expression(0.02, 0.19, 0.0, 0.03, 0.075, 0.07, 0.0, -0.15, 0.0, 0.26),
        Expression(0.0, 0.17, 0.02, 0.03, 0.045, 0.09, 0.0, -0.12, 0.02, 0.24),
    ),
    "surprise": (
        Expression(0.15, 0.0, 0.11, -0.02, 0.165, 0.0, 0.0, 0.0, 0.2, 0.17),
        Expression(0.13, 0.0, 0.1, -0.02, 0.15, 0.0, 0.0, 0.0, 0.13, 0.14),
        Expression(0.15, 0.0, 0.1, -0.02, 0.165, 0.0, 0.0, 0.02, 0.24, 0.21, 0.1, 0.15),
    ),
    "neutral": (
        Expression(),
        Expression(mouth_opening=0.02, mouth_width=0.24),
        Expression(brow_lift=-0.03, eye_opening=0.07, mouth_width=0.3),
    ),
}

# How far a trait strays from its place in any class: this is what makes the ranges overlap.
_STRAY = Expression(
    brow_lift=0.03,
    brow_slant=0.025,
    brow_arch=0.02,
    brow_pinch=0.015,
    eye_opening=0.012,
    lid_slant=0.015,
    cheek_lift=0.1,
    corner_lift=0.018,
    mouth_opening=0.006,
    mouth_width=0.03,
    mouth_boxiness=0.1,
    teeth=0.1,
    sneer=0.01,
    nose_wrinkles=0.08,
)
_NOT_NEGATIVE = ("mouth_opening", "mouth_boxiness", "teeth", "sneer", "nose_wrinkles", "cheek_lift")
_LEAST_STRENGTH = 0.65


@dataclass(frozen=True)
class Person:
    """Who it is: nothing here tells the expression. Greys run from 0 to 1."""

    skin: float
    background: float
    hair: float
    hair_line: float
    hair_length: float
    head_width: float
    jaw: float
    """Exponent of the head's outline: 2 is an oval, more is squarer."""
    eye_distance: float
    eye_height: float
    eye_size: float
    nose_length: float
    mouth_height: float
    lip_contrast: float
    brow_thickness: float
    stroke: float
    beard: float
    """Darkness of a moustache and beard, 0 for none."""


@dataclass(frozen=True)
class View:
    """How the face is turned and placed in the picture."""

    centre_x: float
    centre_y: float
    size: float
    """Half height of the head as a share of the picture's side."""
    roll: float
    yaw: float
    pitch: float


@dataclass(frozen=True)
class Cover:
    """What hides a part of the face: `kind` is `none`, `glasses`, `bar` or `hand`."""

    kind: str
    grey: float
    x: float
    y: float
    angle: float
    size: float


def sample_expression(class_index: int, rng: np.random.Generator) -> Expression:
    """Blend one way of showing the class with the face at rest, then let every trait stray."""
    ways = _FULL[CLASS_NAMES[class_index]]
    full, rest = ways[int(rng.integers(len(ways)))], Expression()
    strength = float(rng.uniform(_LEAST_STRENGTH, 1.15))
    traits = {}
    for each in fields(Expression):
        at_rest, at_full = getattr(rest, each.name), getattr(full, each.name)
        value = at_rest + strength * (at_full - at_rest) + float(rng.normal()) * getattr(_STRAY, each.name)
        traits[each.name] = max(0.0, value) if each.name in _NOT_NEGATIVE else value
    return replace(Expression(**traits), eye_opening=max(0.02, traits["eye_opening"]))


def sample_person(rng: np.random.Generator) -> Person:
    """Anyone, with light or dark skin before a light or dark background."""
    skin = float(rng.uniform(0.4, 0.92))
    return Person(
        skin=skin,
        background=float(rng.uniform(0.02, 0.98)),
        hair=float(rng.uniform(0.02, 0.6)) if rng.random() < 0.8 else float(rng.uniform(0.5, 0.95)),
        hair_line=float(rng.uniform(0.55, 1.0)),
        hair_length=float(rng.uniform(-0.6, 1.1)),
        head_width=float(rng.uniform(0.68, 0.92)),
        jaw=float(rng.uniform(1.9, 2.9)),
        eye_distance=float(rng.uniform(0.31, 0.41)),
        eye_height=float(rng.uniform(-0.2, -0.12)),
        eye_size=float(rng.uniform(0.14, 0.19)),
        nose_length=float(rng.uniform(0.26, 0.4)),
        mouth_height=float(rng.uniform(0.48, 0.56)),
        lip_contrast=float(rng.uniform(0.3, 0.75)),
        brow_thickness=float(rng.uniform(0.05, 0.11)),
        stroke=float(rng.uniform(0.035, 0.07)),
        beard=float(rng.uniform(0.15, 0.5)) if rng.random() < 0.12 else 0.0,
    )


def sample_view(rng: np.random.Generator) -> View:
    """Mostly upright and in the middle, as a face detector leaves them."""
    return View(
        centre_x=float(rng.uniform(-0.055, 0.055)) + 0.5,
        centre_y=float(rng.uniform(-0.04, 0.04)) + 0.5,
        size=float(rng.uniform(0.41, 0.5)),
        roll=float(np.clip(rng.normal() * 0.13, -0.35, 0.35)),
        yaw=float(rng.uniform(-0.6, 0.6)),
        pitch=float(rng.uniform(-0.04, 0.04)),
    )


def sample_cover(rng: np.random.Generator) -> Cover:
    """Covers take a corner, or a thin strip, so that the expression can still be read."""
    kind = str(rng.choice(("none", "glasses", "bar", "hand"), p=(0.68, 0.14, 0.09, 0.09)))
    return Cover(
        kind=kind,
        grey=float(rng.uniform(0.0, 1.0)),
        x=float(rng.uniform(0.55, 0.85)) * (1 if rng.random() < 0.5 else -1),
        y=float(rng.uniform(-0.1, 0.95)),
        angle=float(rng.uniform(0.0, np.pi)),
        size=float(rng.uniform(0.05, 0.09)),
    )
