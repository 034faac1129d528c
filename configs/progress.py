"""How a stage tells whoever is watching how far it is.

A log record carries the figures, so a stage needs no handle on the view: locally the live view listens, in a
container the same lines stand in the log.
"""

import logging

PROGRESS_LOGGER = "fer_tfx.progress"


def report_progress(done: int, total: int, text: str) -> None:
    """Say that `done` of `total` units are finished; `text` is a few words such as `epoch 3, loss 1.21`."""
    logging.getLogger(PROGRESS_LOGGER).info(
        "%d/%d %s", done, total, text, extra={"progress_done": done, "progress_total": total, "progress_text": text}
    )
