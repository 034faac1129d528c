"""What varies in a drawn face. Lengths are in half heights of the head, y points down, angles are in radians.

Brows, eyes and mouth together make an expression; the ranges of any single trait overlap between classes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.random import Generator

from fer_tfx.contract import DEFAULT_CLASS_NAMES


@dataclass(frozen=True)
class Expression:
    """Positions of brows, eyes, nose and mouth; the defaults are a face at rest."""

    brow_lift: float = 0.0
    brow_slant: float = 0.0  # height of the inner ends above the outer ones: positive in worry, negative in anger
    brow_arch: float = 0.04
    brow_pinch: float = 0.0  # shift of the inner ends towards each other
    eye_opening: float = 0.095
    lid_slant: float = 0.0  # drop of the eye's outer corner below the inner one
    cheek_lift: float = 0.0  # upward bend of the lower lid, 0-1
    corner_lift: float = 0.0
    mouth_opening: float = 0.0
    mouth_width: float = 0.27
    mouth_boxiness: float = 0.0  # 0: the open mouth is an oval, 1: a rectangle
    teeth: float = 0.0  # share of the open mouth that shows teeth
    sneer: float = 0.0  # rise of the middle of the upper lip
    nose_wrinkles: float = 0.0  # darkness of the wrinkles beside the nose, 0-1


# At full strength. Each class looks more than one way, so that no single template fits it.
_LOOKS = (
    ("angry", Expression(-0.07, -0.22, 0.01, 0.07, 0.07, -0.05, 0.1, -0.07, 0.0, 0.25)),
    ("angry", Expression(-0.06, -0.22, 0.01, 0.06, 0.1, -0.05, 0.1, -0.03, 0.11, 0.29, 0.9, 0.85, 0.0, 0.15)),
    ("angry", Expression(-0.05, -0.22, 0.0, 0.07, 0.12, -0.05, 0.0, -0.05, 0.17, 0.25, 0.6, 0.3, 0.0, 0.15)),
    ("disgust", Expression(-0.07, -0.08, 0.02, 0.03, 0.045, 0.0, 0.8, -0.11, 0.05, 0.28, 0.1, 0.0, 0.14, 1.0)),
    ("disgust", Expression(-0.06, -0.06, 0.02, 0.03, 0.05, 0.0, 0.7, -0.08, 0.11, 0.27, 0.2, 0.45, 0.14, 1.0)),
    ("fear", Expression(0.1, 0.15, 0.0, 0.05, 0.155, 0.03, 0.0, -0.08, 0.08, 0.34, 0.8, 0.2)),
    ("fear", Expression(0.11, 0.16, 0.0, 0.05, 0.16, 0.03, 0.0, -0.06, 0.11, 0.31, 0.7, 0.7)),
    ("happy", Expression(0.02, 0.0, 0.06, 0.0, 0.075, 0.02, 0.9, 0.16, 0.0, 0.36)),
    ("happy", Expression(0.03, 0.0, 0.06, 0.0, 0.08, 0.02, 0.9, 0.16, 0.1, 0.38, 0.1, 0.7)),
    ("happy", Expression(0.06, 0.0, 0.07, 0.0, 0.09, 0.02, 0.5, 0.13, 0.17, 0.34, 0.1, 0.35)),
    ("sad", Expression(0.02, 0.19, 0.0, 0.03, 0.075, 0.07, 0.0, -0.15, 0.0, 0.26)),
    ("sad", Expression(0.0, 0.17, 0.02, 0.03, 0.045, 0.09, 0.0, -0.12, 0.02, 0.24)),
    ("surprise", Expression(0.15, 0.0, 0.11, -0.02, 0.165, 0.0, 0.0, 0.0, 0.2, 0.17)),
    ("surprise", Expression(0.13, 0.0, 0.1, -0.02, 0.15, 0.0, 0.0, 0.0, 0.13, 0.14)),
    ("surprise", Expression(0.15, 0.0, 0.1, -0.02, 0.165, 0.0, 0.0, 0.02, 0.24, 0.21, 0.1, 0.15)),
    ("neutral", Expression()),
    ("neutral", Expression(mouth_opening=0.02, mouth_width=0.24)),
    ("neutral", Expression(brow_lift=-0.03, eye_opening=0.07, mouth_width=0.3)),
)
# Standard deviation of each trait within a class, which makes the ranges overlap.
_SPREAD = Expression(0.03, 0.025, 0.02, 0.015, 0.012, 0.015, 0.1, 0.018, 0.006, 0.03, 0.1, 0.1, 0.01, 0.08)
_NOT_NEGATIVE = ("mouth_opening", "mouth_boxiness", "teeth", "sneer", "nose_wrinkles", "cheek_lift")


def sample_expression(class_index: int, rng: Generator) -> Expression:
    """Blend one look of the class with the face at rest, then vary every trait."""
    looks = [look for name, look in _LOOKS if name == DEFAULT_CLASS_NAMES[class_index]]
    full, rest = looks[int(rng.integers(len(looks)))], Expression()
    strength = rng.uniform(0.65, 1.15)
    traits = {}
    for each in fields(Expression):
        at_rest, at_full = getattr(rest, each.name), getattr(full, each.name)
        value = at_rest + strength * (at_full - at_rest) + rng.normal() * getattr(_SPREAD, each.name)
        traits[each.name] = max(0.0, value) if each.name in _NOT_NEGATIVE else value
    return replace(Expression(**traits), eye_opening=max(0.02, traits["eye_opening"]))


def _sampled(sampler: Callable[[Generator], Any]) -> Any:
    return field(metadata={"sampler": sampler})


def _between(low: float, high: float) -> Any:
    return _sampled(lambda rng: rng.uniform(low, high))


@dataclass(frozen=True)
class Person:
    """Who it is, whatever the expression. Greys run from 0 to 1."""

    skin: float = _between(0.4, 0.92)
    background: float = _between(0.02, 0.98)
    hair: float = _sampled(lambda rng: rng.uniform(0.02, 0.6) if rng.random() < 0.8 else rng.uniform(0.5, 0.95))
    hair_line: float = _between(0.55, 1.0)
    hair_length: float = _between(-0.6, 1.1)
    head_width: float = _between(0.68, 0.92)
    jaw: float = _between(1.9, 2.9)  # exponent of the head's outline: 2 is an oval, more is squarer
    eye_distance: float = _between(0.31, 0.41)
    eye_height: float = _between(-0.2, -0.12)
    eye_size: float = _between(0.14, 0.19)
    nose_length: float = _between(0.26, 0.4)
    mouth_height: float = _between(0.48, 0.56)
    lip_contrast: float = _between(0.3, 0.75)
    brow_thickness: float = _between(0.05, 0.11)
    stroke: float = _between(0.035, 0.07)
    beard: float = _sampled(lambda rng: rng.uniform(0.15, 0.5) if rng.random() < 0.12 else 0.0)
    """Darkness of a moustache and beard, 0 for none."""


@dataclass(frozen=True)
class View:
    """How the face is turned and placed: mostly upright and centred, as a face detector leaves it."""

    centre_x: float = _sampled(lambda rng: rng.uniform(-0.055, 0.055) + 0.5)
    centre_y: float = _sampled(lambda rng: rng.uniform(-0.04, 0.04) + 0.5)
    size: float = _between(0.41, 0.5)  # half height of the head as a share of the picture's side
    roll: float = _sampled(lambda rng: float(np.clip(rng.normal() * 0.13, -0.35, 0.35)))
    yaw: float = _between(-0.6, 0.6)
    pitch: float = _between(-0.04, 0.04)


@dataclass(frozen=True)
class Cover:
    """What hides a corner or a thin strip of the face, so that the expression stays readable."""

    kind: str = _sampled(lambda rng: str(rng.choice(("none", "glasses", "bar", "hand"), p=(0.68, 0.14, 0.09, 0.09))))
    grey: float = _between(0.0, 1.0)
    x: float = _sampled(lambda rng: rng.uniform(0.55, 0.85) * (1 if rng.random() < 0.5 else -1))
    y: float = _between(-0.1, 0.95)
    angle: float = _between(0.0, np.pi)
    size: float = _between(0.05, 0.09)


Traits = TypeVar("Traits", Person, View, Cover)


def sample(cls: type[Traits], rng: Generator) -> Traits:
    """A random person, view or cover."""
    return cls(**{each.name: each.metadata["sampler"](rng) for each in fields(cls)})
