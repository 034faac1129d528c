import re
import sys

import pytest

from benchmarks.harness.command import render
from benchmarks.harness.measure import BenchmarkError, draw_samples, measure_process, write_sample
from fer_tfx.commands.inputs import open_rows


def test_measure_process_counts_what_the_process_used():
    cost = measure_process([sys.executable, "-c", "x = bytearray(300_000_000); x[::4096] = b'a' * len(x[::4096])"])
    assert cost.peak_rss_mb > 300
    assert cost.cpu_s > 0
    assert cost.wall_s > 0


def test_measure_process_that_fails_is_an_error_with_its_last_line():
    with pytest.raises(BenchmarkError, match=r"exit code 3; its output ends with\ngood\nbad$"):
        measure_process([sys.executable, "-c", "import sys; print('good'); print('bad'); sys.exit(3)"])


def test_write_sample_repeats_no_picture_and_can_be_predicted(tmp_path):
    items = list(open_rows(str(write_sample(draw_samples(10), 25, tmp_path / "a.csv"))).iter_items())
    assert len({item.pixels.tobytes() for item in items}) == 25
    assert sum(first != second for first, second in zip(items[0].pixels.flat, items[20].pixels.flat, strict=True)) == 1


def test_table_has_a_row_for_each_and_the_ratio():
    figures = {
        "one picture": {"wall_s": 0.4, "cpu_s": 0.3, "peak_rss_mb": 80.0},
        "import tensorflow": {"wall_s": 4.0, "cpu_s": 3.3, "peak_rss_mb": 400.0},
    }
    text = render("predict_start.md", figures=figures)
    assert re.findall(r"^\| (\w[\w ]*) \| ([\d.]+) \|", text, re.MULTILINE) == [
        ("one picture", "0.40"), ("import tensorflow", "4.00")
    ]  # fmt: skip
    assert text.endswith("import tensorflow / one picture: 10.0 (wall), 11.0 (CPU)\n")
