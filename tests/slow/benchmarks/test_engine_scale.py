"""The tables of what Flink adds, worked out by hand."""

from benchmarks.engine_scale import Spent, main, write_report
from benchmarks.harness.measure import Cost


def spent(process_s: float, flink_s: float) -> Spent:
    return Spent(Cost({"FerExampleGen": process_s - 1, "Transform": 1.0}, 7.0, 99.0, 50.0, 1000.0, {}), flink_s)


SPENT = {
    1_000: {"one process": spent(3, 0), "Flink, 1 TaskManager": spent(5, 20), "Flink, 2 TaskManagers": spent(6, 30)},
    11_000: {"one process": spent(4, 0), "Flink, 1 TaskManager": spent(7, 21), "Flink, 2 TaskManagers": spent(8, 32)},
}


def test_write_report_shows_what_process_and_cluster_took_and_its_extrapolation() -> None:
    report = write_report(SPENT)
    assert "| 1,000 | one process | 2.0 | 1.0 | 3.0 | 0.0 | 3.0 | 50 |" in report
    assert "| 11,000 | Flink, 2 TaskManagers | 7.0 | 1.0 | 8.0 | 32.0 | 40.0 | 50 |\n\n| both, CPU |" in report
    assert (
        "1,000,000,000 rows, h |\n|---|---:|---:|---:|---:|---:|\n| one process | 2.9 | 100 | 0.029 | 2.8 | 28 |"
        in report
    )
    assert "| Flink, 1 TaskManager | 24.7 | 300 | 0.09 | 8.3 | 83 |" in report


def test_main_one_number_of_rows_is_refused(capsys) -> None:
    assert main(["--rows", "100", "--python", "python"]) == 2
    assert capsys.readouterr().err == "engine_scale: --rows: expected at least two numbers, to draw a line through\n"
