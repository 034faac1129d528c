"""TFX components of this project: `component.py` declares, `executor.py` works."""

from typing import Any


def __getattr__(name: str) -> Any:
    """The artifact types, by which name a container asks for them: late, as a probe must not bring in TFX.

    Raises:
        AttributeError: there is no such type.
    """
    if not name[:1].isupper():
        raise AttributeError(f"module 'components' has no attribute {name!r}")
    from components import artifacts

    return getattr(artifacts, name)
