"""The table of growing rows, worked out by hand."""

from benchmarks.ingestion_scale import Scaled, write_report
from benchmarks.marks import INGESTION_PART, LOOP_PART, REST_PART
from benchmarks.measure import Cost


def cost(cpu_s: dict[str, float], peaks_mb: dict[str, float]) -> Cost:
    peak_mb = max(peaks_mb.values())
    return Cost(cpu_s, import_cpu_s=7.0, whole_cpu_s=99.0, wall_s=50.0, peak_rss_mb=peak_mb, part_peaks_mb=peaks_mb)


def scaled(row_count: int, cpu_s: float, rest_cpu_s: float, loop_cpu_s: float, peak_mb: float) -> Scaled:
    parts = {INGESTION_PART: cpu_s, REST_PART: rest_cpu_s}
    ingestion = cost(parts, {"import": 1000.0, INGESTION_PART: peak_mb, REST_PART: peak_mb + 100})
    return Scaled(row_count, ingestion, cost({LOOP_PART: loop_cpu_s}, {"import": 30.0, LOOP_PART: 30.0}))


def test_write_report_shows_each_number_of_rows_and_how_cost_has_grown() -> None:
    report = write_report([scaled(1_000, 3.0, 10.0, 2.0, 1100.0), scaled(10_000, 24.0, 30.0, 20.0, 1210.0)])
    assert "| 1,000 | 3.0 | 2.0 | 1.50 | 1,100 | 10.0 | 1,200 | 50 |" in report
    assert "| 10,000 | 24.0 | 20.0 | 1.20 | 1,210 | 30.0 | 1,310 | 50 |" in report
    assert "10 times the rows take" in report
    assert "- 8.0 times the CPU time of ingestion, and 1.10 of its peak" in report
    assert "- 3.0 times the CPU time of the rest, and 1.09 of the peak to its end" in report
    assert "imports 1,000 MB" in report
