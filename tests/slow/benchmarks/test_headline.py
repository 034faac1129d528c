"""README's figures are those that were measured."""

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.headline import RESULTS, main, part_readme, write_table

README = Path(__file__).parents[3] / "README.md"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A copy of the figures, which a test may change."""
    for name in ("metrics.json", "peers.json"):
        shutil.copy(RESULTS / name, tmp_path)
    return tmp_path


def change(path: Path, **sections: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | sections), "utf-8")


def test_readme_has_the_table_of_the_figures_that_are_kept():
    assert part_readme(README)[1] == write_table(RESULTS)


def test_write_table_has_a_column_for_each_model_that_was_evaluated(results):
    metrics = json.loads((results / "metrics.json").read_text("utf-8"))
    head = write_table(results).splitlines()[0]
    plain = {key: metrics[key] for key in metrics if key not in ("accurate", "official", "accurate_official")}
    plain["parameters"] = 1_100_000
    (results / "metrics.json").write_text(json.dumps(plain), "utf-8")
    assert write_table(results).startswith("| | ours | `fer` ")
    assert "official" not in write_table(results)
    official = {**plain, "public_accuracy_views4": 0.7654, "parameters": 7_500_000}
    change(results / "metrics.json", accurate=official, official=plain)
    lines = write_table(results).splitlines()
    assert lines[0].startswith("| | ours | accurate | ours, official rows | `fer` ")
    assert {line.count("|") for line in lines[:12]} == {6}
    assert lines[-1].startswith("A model of the *official rows* was trained on ")
    assert lines[2].startswith("| parameters, M | 1.1 | 7.5 | 1.1 |  |")
    assert "| 0.765 |" in lines[4]
    assert head.startswith("| | ours | ")


def test_main_replaces_the_table_alone(results, tmp_path, capsys):
    readme = tmp_path / "README.md"
    shutil.copy(README, readme)
    assert main(["--readme", str(readme)]) == 0
    assert capsys.readouterr().out == f"{readme}: as it was\n"
    change(results / "metrics.json", macro_f1=0.1234)
    assert main(["--readme", str(readme), "--results", str(results)]) == 0
    before, after = README.read_text("utf-8").splitlines(), readme.read_text("utf-8").splitlines()
    (line,) = [new for old, new in zip(before, after, strict=True) if old != new]
    assert line.startswith("| macro F1 | 0.123 |")


def test_main_readme_without_the_marks_is_one_line_and_stays(results, tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text("# No table\n", "utf-8")
    assert main(["--readme", str(readme)]) == 2
    assert capsys.readouterr().err.startswith(f"headline: {readme}: no table between the lines <!-- figures, by")
    assert readme.read_text("utf-8") == "# No table\n"
