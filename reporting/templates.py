"""The Jinja templates in the folder `pages`, and the texts that they share."""

import hashlib
from collections.abc import Iterator
from importlib import resources
from typing import Any

import jinja2
import yaml
from jinja2 import meta

from fer_tfx.counted import counted

_TEXTS = "texts.yaml"


def render(name: str, filters: dict[str, Any], *, is_html: bool, **values: Any) -> str:
    """Fill in a template, whose `texts` are those of texts.yaml; in HTML every value is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_read),
        autoescape=is_html,  # noqa: S701 (Markdown is not escaped)
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=not is_html,
    )
    environment.filters |= filters | {"count": "{:,}".format, "counted": counted}
    return environment.get_template(name).render(values, texts=yaml.safe_load(_read(_TEXTS)))


def compute_digest(name: str) -> str:
    """First 16 digits of the SHA-256 of a template, what it includes, and the texts: with the code they decide all."""
    return hashlib.sha256("".join([*_iter_sources(name), _read(_TEXTS)]).encode()).hexdigest()[:16]


def _iter_sources(name: str) -> Iterator[str]:
    source = _read(name)
    yield source
    for each in meta.find_referenced_templates(jinja2.Environment().parse(source)):  # noqa: S701 (renders nothing)
        if each:
            yield from _iter_sources(each)


def _read(name: str) -> str:
    return resources.files("reporting").joinpath("pages", name).read_text("utf-8")
