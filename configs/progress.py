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
    """Figures at the end of one epoch; those of the eval split are of the averaged weights, None if not measured."""

    epoch: int  # from 1
    loss: float  # mean over the epoch, with label smoothing and augmentation
    accuracy: float  # 0-1, with augmentation
    eval_loss: float | None  # cross entropy without label smoothing, in nats
    eval_accuracy: float | None  # 0-1
    learning_rate: float  # of the next step; 0 after the last epoch
    seconds: float = field(compare=False)  # wall time with evaluation, without what a killed run lost
