"""The Jinja templates beside this module, and the texts that they share."""

import hashlib
from importlib import resources
from typing import Any

import jinja2
import yaml

_TEXTS = "texts.yaml"


def render(name: str, filters: dict[str, Any], *, is_html: bool, **values: Any) -> str:
    """Fill in a template, whose `texts` are those of texts.yaml; in HTML every value is escaped."""
    environment = jinja2.Environment(
        autoescape=is_html,  # noqa: S701 (Markdown is not escaped)
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=not is_html,
    )
    environment.filters |= filters | {"count": "{:,}".format}
    return environment.from_string(_read(name)).render(values, texts=yaml.safe_load(_read(_TEXTS)))


def compute_digest(name: str) -> str:
    """First 16 digits of the SHA-256 of a template and the texts: with the code it decides what is rendered."""
    return hashlib.sha256((_read(name) + _read(_TEXTS)).encode()).hexdigest()[:16]


def _read(name: str) -> str:
    return resources.files("reporting").joinpath(name).read_text("utf-8")
