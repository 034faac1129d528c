"""The page of a run is replaced in one step."""

import resource
from pathlib import Path

import pytest
import tensorflow as tf
from report_doubles import make_report_of_refused_data

from components.report_folder import write_report
from reporting import PAGE_FILE


def test_write_report_on_a_full_disk_leaves_the_old_page(tmp_path: Path) -> None:
    write_report(str(tmp_path), make_report_of_refused_data("train: no example of disgust"))
    page = (tmp_path / PAGE_FILE).read_text("utf-8")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(page) // 2, limits[1]))
    try:
        with pytest.raises((OSError, tf.errors.OpError)):
            write_report(str(tmp_path), make_report_of_refused_data("train: no example of fear"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / PAGE_FILE).read_text("utf-8") == page
