"""What must not get through: each refusal is one line, the right exit code, and nothing pushed."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from demo_site import open_browser, start_playwright
from report_browser import check_faces, check_plots, find_report, find_violations, open_page, read_refusals
from small_run import TINY_NETWORK

from fer_tfx.commands.ending import abridge
from schema.drawn_faces import DrawnCsvs

# Either width and either scheme once: all four are looked at on the page of a pushed model.
VIEWS = [("phone", "dark"), ("desktop", "light")]


def rewrite_labels(source: Path, target: Path, change: Callable[[list[str], list[str]], Sequence[str]]) -> Path:
    """Copy the sound rows of a CSV with the labels that `change` makes of labels and usages."""
    rows = [line.split(",") for line in source.read_text().splitlines()[1:]]
    sound = [row for row in rows if len(row) == 3 and len(row[1].split()) == 2304 and row[0] in "0123456"]
    labels = change([row[0] for row in sound], [row[2] for row in sound])
    lines = [f"{label},{row[1]},{row[2]}" for label, row in zip(labels, sound, strict=True)]
    target.write_text("\n".join(["emotion,pixels,Usage", *lines]))
    return target


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def own_schema(workshop: Any, drawn: DrawnCsvs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `fer-tfx schema` writes."""
    out = tmp_path_factory.mktemp("schema") / "own.pbtxt"
    done = workshop.command("schema", "--data", str(drawn.labelled_path), "--out", str(out))
    assert done.exit_code == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def shuffled(drawn: DrawnCsvs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(7)
    target = tmp_path_factory.mktemp("shuffled") / "shuffled.csv"
    return rewrite_labels(drawn.labelled_path, target, lambda labels, _: list(rng.permutation(labels)))


@pytest.fixture(scope="module")
def shuffled_run(workshop: Any, shuffled: Path, own_schema: Path) -> Any:
    """A run on labels in random order, which the model's gate refuses."""
    return workshop.run(shuffled, **TINY_NETWORK, validation__schema_path=str(own_schema))


@pytest.fixture(scope="module")
def skewed_run(
    workshop: Any, drawn: DrawnCsvs, shuffled_run: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Any]:
    """A run on data that the data gate refuses, after that on shuffled labels, and what its nodes did."""
    del shuffled_run

    def make_most_training_faces_happy(labels: list[str], usages: list[str]) -> list[str]:
        return [
            "3" if usage == "Training" and position % 3 else label
            for position, (label, usage) in enumerate(zip(labels, usages, strict=True))
        ]

    target = tmp_path_factory.mktemp("skewed") / "skewed.csv"
    done = workshop.run(rewrite_labels(drawn.labelled_path, target, make_most_training_faces_happy))
    return done, workshop.nodes()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with start_playwright() as playwright, open_browser(playwright) as opened:
        yield opened


def test_run_on_shuffled_labels_is_refused_by_the_gate(workshop: Any, shuffled_run: Any) -> None:
    assert shuffled_run.exit_code == 3
    assert last_line(shuffled_run.stderr).startswith("fer-tfx: the gate refused the model: accuracy is 0.")
    assert "at least 0.5000" in shuffled_run.stderr
    assert workshop.versions() == []


def test_run_on_skewed_labels_stops_at_the_data_gate(skewed_run: tuple[Any, Any]) -> None:
    done, nodes = skewed_run
    assert done.exit_code == 3
    assert len(done.stderr.strip().splitlines()) == 1
    assert (
        "fer-tfx: the data gate refused the examples: train against eval: emotion: the shares of happy" in done.stderr
    )
    assert nodes["DataGate"].is_failed
    assert "Trainer" not in nodes


def test_page_of_a_refused_model_gives_the_reasons_of_the_command_line(shuffled_run: Any) -> None:
    numbers = json.loads(find_report(shuffled_run).with_name("report.json").read_text())
    reasons = "; ".join(numbers["verdict"]["refusals"])
    assert shuffled_run.stderr == f"fer-tfx: the gate refused the model: {reasons}\n"


def test_page_of_refused_data_gives_the_sentence_of_the_command_line(skewed_run: tuple[Any, Any]) -> None:
    done, _ = skewed_run
    numbers = json.loads(find_report(done).with_name("report.json").read_text())
    (sentence,) = numbers["verdict"]["refusals"]
    assert done.stderr == abridge(f"fer-tfx: {sentence}") + "\n"
    (skew, drift, _) = numbers["data"]["label_shift"]["distances"]
    assert skew["between"] == "train and eval"
    assert f"{skew['distance']:.4f}"[:4] in sentence
    assert skew["distance"] > skew["bound"]
    assert drift["between"] == "train and train of the data accepted last"
    assert "train against the data accepted last: emotion: the shares of happy differ by " in sentence
    assert drift["distance"] > drift["bound"]


def test_page_of_refused_data_has_the_labels_of_the_run_before(shuffled_run: Any, skewed_run: tuple[Any, Any]) -> None:
    earlier, later = (
        json.loads(find_report(done).with_name("report.json").read_text())["data"]["label_shift"]["splits"]
        for done in (shuffled_run, skewed_run[0])
    )
    assert [each["before"] for each in earlier] == [None, None]
    assert [each["before"] for each in later] == [each["now"] for each in earlier]


@pytest.mark.parametrize("view", VIEWS, ids="-".join)
def test_page_of_a_refused_model_is_whole_in_a_browser(shuffled_run: Any, browser: Any, view: tuple[str, str]) -> None:
    file = find_report(shuffled_run)
    with open_page(browser, file, *view) as page:
        assert f"fer-tfx: the gate refused the model: {'; '.join(read_refusals(page))}\n" == shuffled_run.stderr
        check_plots(page, 9)
        check_faces(page, 12)
    assert find_violations(browser, file, *view) == []


@pytest.mark.parametrize("view", VIEWS, ids="-".join)
def test_page_of_refused_data_is_whole_in_a_browser(
    skewed_run: tuple[Any, Any], browser: Any, view: tuple[str, str]
) -> None:
    done, _ = skewed_run
    file = find_report(done)
    with open_page(browser, file, *view) as page:
        (sentence,) = read_refusals(page)
        assert done.stderr == abridge(f"fer-tfx: {sentence}") + "\n"
        check_plots(page, 1)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert find_violations(browser, file, *view) == []


def test_report_command_finds_the_page_of_refused_data(workshop: Any, skewed_run: tuple[Any, Any]) -> None:
    done, nodes = skewed_run
    listed = json.loads(workshop.command("runs", "--json", "--set", f"runtime.root={workshop.root}").stdout)
    (run,) = [each["id"] for each in listed if each["verdict"].startswith("refused: the data gate refused")][-1:]
    shown = workshop.command("report", str(run), "--no-open", "--set", f"runtime.root={workshop.root}")
    assert (shown.exit_code, shown.stdout, shown.stderr) == (0, f"{find_report(done)}\n", "")
    assert str(nodes["DataGate"].id) == find_report(done).parent.name


def test_run_with_a_schema_that_the_data_breaks_stops_at_the_data_gate(
    workshop: Any, shuffled: Path, shuffled_run: Any, tmp_path: Path
) -> None:
    del shuffled_run  # its examples are in the cache
    curated = (workshop.sources / "schema" / "schema.pbtxt").read_text()
    strict = tmp_path / "strict.pbtxt"
    strict.write_text(curated.replace("max: 6", "max: 5"))

    done = workshop.run(shuffled, validation__schema_path=str(strict))

    assert done.exit_code == 3
    assert "train: emotion: Out-of-range values" in done.stderr
    assert "Trainer" not in workshop.nodes()


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (("run", "--data", "nowhere.csv"), 2, "fer-tfx: nowhere.csv: no such file or folder"),
        (("run", "--set", "trainer.epoch=3"), 2, "did you mean 'trainer.epochs'?"),
        (("run", "--config", "nowhere.yaml"), 2, "nowhere.yaml: no such configuration file"),
        (("schema", "--data", "nowhere.csv", "--out", "schema.pbtxt"), 2, "nowhere.csv: no such file or folder"),
    ],
)
def test_command_with_bad_input_says_so_in_one_line(
    workshop: Any, arguments: tuple[str, ...], exit_code: int, message: str
) -> None:
    done = workshop.command(*arguments)
    assert (done.exit_code, done.stdout) == (exit_code, "")
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_run_on_a_file_of_broken_rows_names_file_line_and_remedy(workshop: Any, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("emotion,pixels\n" + "0,1 2 3\n" * 20)
    done = workshop.run(broken)
    assert done.exit_code == 2
    assert done.stderr.startswith("fer-tfx: broken.csv:2: wrong number of pixels: ")
    assert "20 of 20 rows" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_schema_command_writes_a_schema_that_a_run_accepts(own_schema: Path, shuffled_run: Any) -> None:
    assert 'name: "pixels"' in own_schema.read_text()
    assert "the gate refused the model" in shuffled_run.stderr, "the data gate let the rows pass"
