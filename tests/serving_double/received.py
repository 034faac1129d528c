"""What came in."""

from typing import Any, NamedTuple


class ModelSpec(NamedTuple):
    """Which model is asked for: the latest version unless one of the last two is given."""

    name: str
    version: int | None = None
    label: str | None = None


class ReceivedRequest(NamedTuple):
    """One request as it came in, answered or not."""

    api: str
    """`REST`, `gRPC` or `KServe`."""
    method: str
    """`predict`, `metadata` or `status`."""
    spec: ModelSpec
    details: dict[str, Any]
    """Of a predict request in REST: its whole body; in gRPC: `signature_name` and `inputs`."""
