"""The table of what a new span costs, worked out by hand."""

from benchmarks.marks import BEFORE_PART, INGESTION_PART, REST_PART
from benchmarks.measure import Cost
from benchmarks.span_cost import SpanCost, write_report


def cost(**cpu_s: float) -> Cost:
    return Cost(cpu_s, import_cpu_s=7.0, whole_cpu_s=99.0, wall_s=50.0, peak_rss_mb=1000.0, part_peaks_mb={})


def test_write_report_leaves_out_what_came_before_the_span() -> None:
    whole = cost(**{INGESTION_PART: 30.0, REST_PART: 50.0})
    new = cost(**{BEFORE_PART: 70.0, INGESTION_PART: 4.0, REST_PART: 12.0})
    report = write_report([SpanCost(1_000, whole, new)])
    assert "| 1,000 | 80.0 = 30.0 + 50.0 | 16.0 = 4.0 + 12.0 | 0.20 |" in report
