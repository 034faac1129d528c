"""A server in memory, for tests of what happens before and after the wire."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from serving_double import ServingFault, answer_by_first_value

from fer_tfx.client.transport import VersionStatus
from fer_tfx.errors import RequestRefusedError


class TransportDouble:
    """Answers as `answer_by_first_value` does, or with `outputs`.

    Attributes:
        batches: what was sent, in order.
        outputs: instead of the right answer.
        on_predict: is called with each signature and batch.
    """

    def __init__(self, outputs: Mapping[str, Any] | None = None) -> None:
        self.batches: list[Any] = []
        self.outputs = outputs
        self.on_predict: Callable[[str, Any], None] = lambda signature, batch: None
        self.is_closed = False

    def predict(
        self, signature: str, input_name: str, batch: np.ndarray | Sequence[bytes], timeout_s: float
    ) -> Mapping[str, Any]:
        self.batches.append(batch)
        self.on_predict(signature, batch)
        if self.outputs is not None:
            return self.outputs
        try:
            array = batch if isinstance(batch, np.ndarray) else np.array(batch, object)
            return answer_by_first_value(signature, {input_name: array})
        except ServingFault as fault:
            raise RequestRefusedError("double", fault.code, fault.message) from None

    def read_status(self, timeout_s: float) -> list[VersionStatus]:
        return [VersionStatus(1, "AVAILABLE", "")]

    def check_served(self, timeout_s: float) -> None:
        """It is."""

    def close(self) -> None:
        self.is_closed = True
