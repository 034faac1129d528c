"""The rows that ingestion set aside, as they lie in the quarantine artifact."""

import json
import os
from collections.abc import Iterator
from typing import Any

from tfx.dsl.io import fileio


def iter_quarantined(folder: str) -> Iterator[dict[str, Any]]:
    """Yield what `Quarantine` says of each row, in no certain order and one at a time: there may be millions.

    Args:
        folder: URI of a `Quarantine` artifact.
    """
    for path in fileio.glob(os.path.join(folder, "rows-*.jsonl")):
        with fileio.open(path) as lines:
            yield from map(json.loads, lines)
