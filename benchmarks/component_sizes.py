"""What the components of a run have left on disk."""

from collections.abc import Mapping
from pathlib import Path

from pipeline.history import NodeRecord


def measure_outputs(nodes: Mapping[str, NodeRecord]) -> dict[str, int]:
    """Bytes of all files below the output artifacts of each node, by node."""
    return {
        node: sum(_measure_folder(Path(each.uri)) for each in record.outputs.values()) for node, record in nodes.items()
    }


def _measure_folder(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
