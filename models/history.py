"""What happened in each epoch of a run."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class EpochMetrics:
    """Figures at the end of one epoch."""

    epoch: int
    """From 1."""
    loss: float
    """Mean training loss of the epoch, with label smoothing and augmentation."""
    accuracy: float
    """Training accuracy of the epoch, with augmentation: 0-1."""
    eval_loss: float | None
    """Cross entropy of the averaged weights on the eval split, without label smoothing, in nats; None: not measured."""
    eval_accuracy: float | None
    """Accuracy of the averaged weights on the eval split: 0-1; None: not measured."""
    learning_rate: float
    """Rate of the step that comes next; 0 after the last epoch."""
    seconds: float = field(compare=False)
    """Wall time of the epoch, its evaluation included; what a killed run lost is not counted."""


History = tuple[EpochMetrics, ...]


def format_history(history: Sequence[EpochMetrics]) -> str:
    """History -> JSON."""
    return json.dumps([asdict(metrics) for metrics in history])


def parse_history(text: str) -> History:
    """JSON of `format_history` -> history."""
    return tuple(EpochMetrics(**metrics) for metrics in json.loads(text))
