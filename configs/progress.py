"""How a stage reports its progress: as a log record, which the live view shows locally and the log in a container."""

import logging

PROGRESS_LOGGER = "fer_tfx.progress"


def report_progress(done: int, total: int, text: str) -> None:
    """Report that `done` of `total` units are finished; `text` is a few words such as `epoch 3, loss 1.21`."""
    logging.getLogger(PROGRESS_LOGGER).info(
        "%d/%d %s", done, total, text, extra={"progress_done": done, "progress_total": total, "progress_text": text}
    )
