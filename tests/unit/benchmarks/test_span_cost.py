"""The table of what a new span costs, worked out by hand."""

from benchmarks.harness.measure import Cost
from benchmarks.span_cost import Turn, write_report
from benchmarks.ways import BEFORE_PART


def cost(**cpu_s: float) -> Cost:
    return Cost(cpu_s, import_cpu_s=7.0, whole_cpu_s=99.0, wall_s=50.0, peak_rss_mb=1000.0, part_peaks_mb={})


def make_turn(slowness: float, evaluator_s: float = 9.0) -> Turn:
    """A turn on a machine that is so many times as slow."""
    whole = {BEFORE_PART: 0.1, "FerExampleGen": 30.0, "Transform": 50.0, "Trainer": 500.0, "Evaluator": 20.0}
    new = {BEFORE_PART: 600.0, "FerExampleGen": 4.0, "Spans": 0.01, "Transform": 12.0, "Trainer": 700.0}
    new["Evaluator"] = evaluator_s
    return Turn(*(cost(**{node: cpu_s * slowness for node, cpu_s in each.items()}) for each in (whole, new)))


def test_write_report_leaves_out_the_training_and_what_came_before_the_span() -> None:
    report = write_report({1_000: [make_turn(1.0)]})
    assert "| 1,000 | CSV to Transform | 80.0 | 16.0 | 0.20 (0.20 to 0.20) |" in report
    assert "| 1,000 | whole run but the training | 100.0 | 25.0 | 0.25 (0.25 to 0.25) |" in report
    assert "| Evaluator | 20.0 | 9.0 |" in report
    assert "Spans" not in report


def test_write_report_takes_the_share_of_each_turn() -> None:
    turns = [make_turn(1.0), make_turn(2.0, evaluator_s=14.0), make_turn(4.0, evaluator_s=4.0)]
    report = write_report({1_000: turns})
    assert "| 1,000 | CSV to Transform | 160.0 | 32.0 | 0.20 (0.20 to 0.20) |" in report
    assert "| 1,000 | whole run but the training | 200.0 | 60.0 | 0.25 (0.20 to 0.30) |" in report
    assert "| Evaluator | 40.0 | 16.0 |" in report
