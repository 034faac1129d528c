"""The tables of what each component costs, worked out by hand."""

from benchmarks.component_costs import fit, main, write_report
from benchmarks.harness.measure import Cost


def scaled(cpu_s: dict[str, float], ingested_bytes: float, peak_mb: float, loop_s: float) -> dict[str, Cost]:
    peaks_mb = {"import": 900.0, "FerExampleGen": peak_mb - 20, "Transform": peak_mb - 10}
    run = Cost(cpu_s, 7.0, 99.0, 50.0, peak_mb, peaks_mb, {"FerExampleGen": ingested_bytes, "Trainer": 5e4})
    return {"run": run, "loop": Cost({"loop": loop_s}, 0.1, 1.0, 1.0, 30.0, {})}


COSTS = {
    1_000: scaled({"FerExampleGen": 3.0, "Transform": 5.0, "Trainer": 10.0, "Evaluator": 4.0}, 2e6, 1000.0, 1.0),
    11_000: scaled({"FerExampleGen": 4.0, "Transform": 4.5, "Trainer": 110.0, "Evaluator": 6.0}, 2.2e7, 1100.0, 2.0),
}


def test_line_through_two_points_goes_on_beyond_them() -> None:
    line = fit({10: 5.0, 20: 0.0, 30: 9.0}, float)
    assert line == (3.0, 0.2)
    assert line.at(100) == 23.0


def test_line_of_a_cost_that_falls_does_not_grow() -> None:
    assert fit({10: 5.0, 30: 4.0}, float) == (5.0, 0.0)


def test_write_report_shows_costs_and_their_extrapolation() -> None:
    report = write_report(COSTS)
    assert "| Evaluator | 4.0 | 6.0 | 3.8 | 200 |" in report
    assert "| FerExampleGen | 3.0 | 4.0 | 2.9 | 100 |" in report
    assert "| loop | 1.0 | 2.0 | 0.9 | 100 |\n| peak memory, MB: imports | 900 | 900 | | |" in report
    assert "| until FerExampleGen ended | 980 | 1,080 | | |" in report
    assert "| until the run ended | 1,000 | 1,100 | | |" in report
    assert "| MB on disk | 1,000 rows | 11,000 rows | each further million |\n|---|---:|---:|---:|\n" in report
    assert "| FerExampleGen | 2.0 | 22.0 | 2,000 |\n\n| extrapolated |" in report
    # A million rows: 102.9 s of ingestion and 5 of Transform, 10,000 s of Trainer, 203.8 of Evaluator.
    assert "| ingestion to Transform, CPU h | 0.03 | " in report
    assert "| Trainer, CPU h for one epoch of a network of 12 filters | 2.8 | 278 | 2,778 |" in report
    assert "| all others, CPU h | 0.057 | " in report
    assert "| on disk, GB | 2.0 | 200 | 2,000 |" in report


def test_main_one_number_of_rows_is_refused(capsys) -> None:
    assert main(["--rows", "100"]) == 2
    assert capsys.readouterr().err == "component_costs: --rows: expected at least two numbers, to draw a line through\n"
