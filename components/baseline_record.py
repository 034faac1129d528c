"""What the last push on a cluster left behind for later runs, in the folder that all of them share.

<folder>/latest.json            which version is the baseline; written last, so that it never names half a copy
<folder>/<version>/model/       the Model artifact as the Trainer gave it
<folder>/<version>/statistics/  of its examples
"""

import json
import os
from typing import Any

from tfx.dsl.io import fileio
from tfx.utils import io_utils

_LATEST = "latest.json"


def read_latest(folder: str) -> dict[str, Any]:
    """The last push; empty if there was none yet.

    `version`, `destination`, the `digest` of the model, the `splits` of the statistics, and `folder` of the copies.
    """
    path = os.path.join(folder, _LATEST)
    if not fileio.exists(path):
        return {}
    record = json.loads(io_utils.read_string_file(path))
    return {**record, "folder": os.path.join(folder, record["version"])}


def write_latest(folder: str, record: dict[str, Any]) -> None:
    """Make `record` the latest in one step."""
    path = os.path.join(folder, _LATEST)
    io_utils.write_string_file(f"{path}.partial", json.dumps(record, sort_keys=True))
    fileio.rename(f"{path}.partial", path, overwrite=True)
