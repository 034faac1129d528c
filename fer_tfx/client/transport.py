"""What REST and gRPC have in common: one attempt to ask a server."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from fer_tfx.prediction import Pixels

AVAILABLE = "AVAILABLE"


class VersionStatus(NamedTuple):
    """How one version of a model is."""

    version: int
    state: str
    """START, LOADING, AVAILABLE, UNLOADING or END."""
    message: str
    """What went wrong with it; mostly empty."""


class Transport(Protocol):
    """One attempt to ask about one model.

    Each method takes the seconds it may last, and raises ServerUnreachableError where another attempt may help, else
    DeadlineExceededError, RequestRefusedError or BadAnswerError.
    """

    def predict(
        self, signature: str, input_name: str, batch: Pixels | Sequence[bytes], timeout_s: float
    ) -> Mapping[str, Any]:
        """All outputs by name, as arrays or nested lists, unchecked.

        Args:
            batch: uint8 (n, 48, 48, 1), or the contents of n files; n is at least 1.
        """

    def read_status(self, timeout_s: float) -> list[VersionStatus]:
        """Of the address's version, else of all versions: TensorFlow Serving passes a label over here."""

    def check_served(self, timeout_s: float) -> None:
        """Return if a request to predict would find its model."""

    def close(self) -> None:
        """Free the connections."""
