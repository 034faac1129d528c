"""TFX components of this project: each file has what a component declares and what it does."""

from typing import Any


def __getattr__(name: str) -> Any:
    """The artifact types, by the names that containers look for; imported late, as a probe must not import TFX."""
    if not name[:1].isupper():
        raise AttributeError(f"module 'components' has no attribute {name!r}")
    from components import artifacts

    return getattr(artifacts, name)
