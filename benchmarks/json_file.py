"""JSON files that benchmarks hand to each other."""

import json
from pathlib import Path
from typing import Any

from fer_tfx.errors import DataError


def read_json_object(path: Path, remedy: str) -> dict[str, Any]:
    """The content of a file that holds one JSON object.

    Raises:
        DataError: it can't be read or holds something else; the message ends with `remedy`.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: can't be read as JSON: {reason}; {remedy}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object, found a {type(content).__name__}; {remedy}")
    return content
