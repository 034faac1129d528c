"""Progress is a log record that carries its figures."""

import logging

from configs.progress import PROGRESS_LOGGER, report_progress


def test_report_progress_record_carries_figures_and_reads_as_a_line(caplog):
    caplog.set_level(logging.INFO, logger=PROGRESS_LOGGER)
    report_progress(3, 12, "epoch 3, loss 1.21")
    (record,) = caplog.records
    assert (record.name, record.getMessage()) == ("fer_tfx.progress", "3/12 epoch 3, loss 1.21")
    assert (record.progress_done, record.progress_total, record.progress_text) == (3, 12, "epoch 3, loss 1.21")
