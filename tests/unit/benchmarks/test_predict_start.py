import re
import sys

import pytest

from benchmarks.measure import BenchmarkError
from benchmarks.predict_start import format_figures, write_drawn_rows
from benchmarks.process_cost import measure_process
from fer_tfx.predict.inputs import open_rows


def test_measure_process_counts_what_the_process_used():
    cost = measure_process([sys.executable, "-c", "x = bytearray(300_000_000); x[::4096] = b'a' * len(x[::4096])"])
    assert cost.peak_rss_mb > 300
    assert cost.cpu_s > 0
    assert cost.wall_s > 0


def test_measure_process_that_fails_is_an_error_with_its_last_line():
    with pytest.raises(BenchmarkError, match=r"exit code 3: bad$"):
        measure_process([sys.executable, "-c", "import sys; print('good'); print('bad'); sys.exit(3)"])


def test_write_drawn_rows_can_be_read_back(tmp_path):
    items = list(open_rows(str(write_drawn_rows(tmp_path / "a.csv", 130))).iter_items())
    assert len(items) == 130
    pixels = [item.pixels.tobytes() for item in items]
    assert pixels[100:] == pixels[:30]
    assert len(set(pixels[:100])) == 100


def test_format_figures_has_a_row_for_each_and_the_ratio():
    figures = {
        "one picture": {"wall_s": 0.4, "cpu_s": 0.3, "peak_rss_mb": 80.0},
        "import tensorflow": {"wall_s": 4.0, "cpu_s": 3.3, "peak_rss_mb": 400.0},
    }
    text = format_figures(figures)
    assert re.findall(r"^\| (\w[\w ]*) \| ([\d.]+) \|", text, re.MULTILINE) == [
        ("one picture", "0.40"), ("import tensorflow", "4.00")
    ]  # fmt: skip
    assert text.endswith("import tensorflow / one picture: 10.0 (wall), 11.0 (CPU)")
