"""The table beside stock TFX and a notebook, worked out by hand."""

from pathlib import Path

import pytest

from benchmarks import data_preparation
from benchmarks.harness.measure import Cost, draw_samples, write_sample


def cost(cpu_s: float) -> Cost:
    return Cost({"nodes": cpu_s - 1.0, "graph applied": 1.0}, 7.0, cpu_s + 10.0, 50.0, 1200.0, {})


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure_ways(ways, faces, row_counts, repeat_count):
        assert (len(faces), repeat_count) == (20, 2)
        slopes = dict(zip(ways, (0.1, 0.4, 0.2), strict=True))
        return {count: {name: cost(2.0 + slope * count) for name, slope in slopes.items()} for count in row_counts}

    monkeypatch.setattr(data_preparation, "measure_ways", measure_ways)


def run(folder: Path, *rows: str) -> str:
    data = write_sample(draw_samples(20), 20, folder / "fer.csv")
    out = folder / "report.md"
    assert data_preparation.main(["--data", str(data), "--rows", *rows, "--repeat", "2", "--out", str(out)]) == 0
    return out.read_text("utf-8")


def test_main_report_has_costs_ratios_and_slopes(measured, tmp_path, capsys):
    report = run(tmp_path, "10", "30")
    assert report == capsys.readouterr().out
    assert report.startswith("# Data preparation, fer.csv\n\n| rows | way | CPU s preparation |")
    assert "| 10 | ours | 3.0 | 7.0 | 13.0 | 50.0 | 1,200 |\n| 10 | stock | 6.0 | 7.0 | 16.0 | 50.0 | 1,200 |" in report
    assert "- ours/stock, all 20 rows: 0.40 of the CPU for preparation, 0.70 with imports\n" in report
    assert "- CPU ms for each further row, 10 to 30 rows: ours 100.00, stock 400.00, notebook 200.00\n" in report
    assert "- ratio of these slopes: ours/stock 0.25, ours/notebook 0.50\n" in report
    assert "- CPU s of the parts of ours, 30 rows: nodes 4.0, graph applied 1.0\n" in report
    assert "- 30 rows are the 20 of the data, and 10 of them again, each with one pixel changed" in report
    assert "- Each figure is the median of 2 processes.\n" in report


def test_main_one_number_of_rows_has_no_slope(measured, tmp_path):
    assert "each further row" not in run(tmp_path, "10")


def test_main_out_in_no_folder_is_refused_before_the_work(tmp_path, capsys):
    out = tmp_path / "none" / "report.md"
    assert data_preparation.main(["--data", "none.csv", "--out", str(out)]) == 2
    assert capsys.readouterr().err == f"data_preparation: {out}: no such folder; give --out a file in an existing one\n"
