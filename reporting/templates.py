"""The templates that lie beside this module."""

import hashlib
from importlib import resources


def read_template(name: str) -> str:
    """The text of a template."""
    return resources.files("reporting").joinpath(name).read_text("utf-8")


def compute_digest(name: str) -> str:
    """First 16 digits of a template's SHA-256: with the code it decides what is rendered."""
    return hashlib.sha256(read_template(name).encode()).hexdigest()[:16]
