"""How a training reports: progress as a log record, which the live view shows, and the figures of each epoch."""

import logging
from dataclasses import dataclass, field

PROGRESS_LOGGER = "fer_tfx.progress"


def report_progress(done: int, total: int, text: str) -> None:
    """Report that `done` of `total` units are finished; `text` is a few words such as `epoch 3, loss 1.21`."""
    logging.getLogger(PROGRESS_LOGGER).info(
        "%d/%d %s", done, total, text, extra={"progress_done": done, "progress_total": total, "progress_text": text}
    )


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
