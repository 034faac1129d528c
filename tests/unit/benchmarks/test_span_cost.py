"""The table of what a new span costs, worked out by hand."""

from benchmarks.marks import BEFORE_PART
from benchmarks.measure import Cost
from benchmarks.span_cost import SpanCost, write_report


def cost(**cpu_s: float) -> Cost:
    return Cost(cpu_s, import_cpu_s=7.0, whole_cpu_s=99.0, wall_s=50.0, peak_rss_mb=1000.0, part_peaks_mb={})


def test_write_report_leaves_out_the_training_and_what_came_before_the_span() -> None:
    whole = cost(FerExampleGen=30.0, Transform=50.0, Trainer=500.0, Evaluator=20.0)
    new = cost(**{BEFORE_PART: 600.0, "FerExampleGen": 4.0, "Spans": 0.01, "Transform": 12.0, "Trainer": 700.0})
    new.part_cpu_s["Evaluator"] = 9.0
    report = write_report([SpanCost(1_000, whole, new)])
    assert "| 1,000 | CSV to Transform | 80.0 | 16.0 | 0.20 |" in report
    assert "| 1,000 | whole run but the training | 100.0 | 25.0 | 0.25 |" in report
    assert "| Evaluator | 20.0 | 9.0 |" in report
    assert "Spans" not in report
