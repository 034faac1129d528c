"""The name of a run of drawn faces: a model of those is no baseline for a real one, nor served beside it."""

_SUFFIX = "-drawn"


def name_drawn_run(name: str) -> str:
    """fer -> fer-drawn."""
    return f"{name}{_SUFFIX}"


def is_drawn_name(name: str) -> bool:
    """Whether a run of that name saw drawn faces."""
    return name.endswith(_SUFFIX)
