"""The whole path: drawn CSV -> pushed model, then what must and what must not happen again.

The tests of this file are one story and run in order on one root.
"""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from demo_site import open_browser, start_playwright
from planted_secret import SECRET, find_leaks
from report_browser import VIEWS, check_faces, check_plots, find_report, find_violations, open_page
from small_run import BROKEN_ROWS, EVAL_ROWS, LABELLED_ROWS, REPEATS, TINY_NETWORK, TRAIN_ROWS, UNLABELLED_ROWS
from workshop import Finished, Workshop

from components.serving_probe import ask, make_requests, read_examples
from fer_tfx.contract import PROBABILITIES_KEY, SERVE_EXAMPLES, SERVE_IMAGES, SERVE_PIXELS
from reporting.ingestion import IngestionReport
from schema.drawn_faces import DrawnCsvs


@pytest.fixture(scope="module")
def workshop(undisturbed: Path) -> Workshop:
    return Workshop(undisturbed / "sources", undisturbed / "runs")


@pytest.fixture(scope="module")
def first_run(undisturbed: Path) -> Finished:
    return Finished(**json.loads((undisturbed / "done.json").read_text()))


def test_run_of_sound_data_pushes_one_model_and_exits_0(workshop: Any, first_run: Any) -> None:
    assert first_run.exit_code == 0, first_run.stdout + first_run.stderr
    assert len(workshop.versions()) == 1
    version = workshop.root / "fer" / "serving" / workshop.versions()[0]
    assert (version / "saved_model.pb").exists()
    card = Path(workshop.nodes()["ModelCard"].outputs["card"].uri, "MODEL_CARD.md").read_bytes()
    assert (version / "assets.extra" / "MODEL_CARD.md").read_bytes() == card


def test_run_summary_gives_rows_accuracy_verdict_and_model(workshop: Any, first_run: Any) -> None:
    rows = f"{LABELLED_ROWS + UNLABELLED_ROWS:,} read"
    for expected in (
        rows,
        "95 % interval",
        "gate         passed",
        workshop.versions()[0],
        f"{BROKEN_ROWS} quarantined",
    ):
        assert expected in first_run.stdout
    assert first_run.stderr == ""
    assert "Warning" not in first_run.stdout


def test_run_accounts_for_every_drawn_row(workshop: Any, first_run: Any) -> None:
    del first_run
    folder = Path(workshop.nodes()["FerExampleGen"].outputs["quarantine"].uri)
    report = IngestionReport.from_json((folder / "ingestion.json").read_text())
    assert report.rows_read == LABELLED_ROWS + UNLABELLED_ROWS
    assert report.rows_quarantined == BROKEN_ROWS
    assert report.rows_dropped == REPEATS
    assert report.split_size("train") == TRAIN_ROWS
    assert report.split_size("eval") == EVAL_ROWS
    assert report.split_size("unlabelled") == UNLABELLED_ROWS


def test_run_writes_a_page_and_its_numbers_that_agree_with_the_summary(workshop: Any, first_run: Any) -> None:
    folder = Path(workshop.nodes()["HtmlReport"].outputs["report"].uri)
    assert f"report       {folder / 'report.html'}" in first_run.stdout
    numbers = json.loads((folder / "report.json").read_text())
    assert f"accuracy     {numbers['evaluation']['accuracy']['fraction']:.4f} on" in first_run.stdout
    assert f"macro F1 {numbers['evaluation']['macro_f1']:.4f}" in first_run.stdout
    assert numbers["verdict"] == {"is_pushed": True, "place": numbers["verdict"]["place"], "refusals": []}
    assert workshop.versions()[0] in (folder / "report.html").read_text()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with start_playwright() as playwright, open_browser(playwright) as opened:
        yield opened


@pytest.mark.parametrize("view", VIEWS, ids="-".join)
def test_page_of_the_run_is_whole_in_a_browser_and_breaks_no_rule_of_accessibility(
    first_run: Any, browser: Any, view: tuple[str, str]
) -> None:
    file = find_report(first_run)
    numbers = json.loads(file.with_name("report.json").read_text())
    with open_page(browser, file, *view) as page:
        check_plots(page, 9)
        check_faces(page, len(numbers["evaluation"]["mistakes"]))
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert find_violations(browser, file, *view) == []


def test_report_command_prints_the_page_of_the_run(workshop: Any, first_run: Any) -> None:
    shown = workshop.command("report", "--no-open", "--set", f"runtime.root={workshop.root}")
    assert (shown.exit_code, shown.stdout, shown.stderr) == (0, f"{find_report(first_run)}\n", "")


def test_pushed_model_answers_alike_on_every_signature_in_both_loaders(workshop: Any, first_run: Any) -> None:
    del first_run
    model_dir = str(workshop.root / "fer" / "serving" / workshop.versions()[0])
    examples_uri = workshop.nodes()["FerExampleGen"].outputs["examples"].uri
    requests = make_requests(read_examples(f"{examples_uri}/Split-eval"))
    by_tf1 = {name: answer[PROBABILITIES_KEY] for name, answer in ask(model_dir, requests, []).items()}
    signatures = tf.saved_model.load(model_dir).signatures
    by_tf2 = {
        name: signatures[name](tf.constant(request))[PROBABILITIES_KEY].numpy() for name, request in requests.items()
    }
    expected = by_tf1[SERVE_EXAMPLES]
    assert expected.shape == (32, 7)
    assert np.ptp(expected.argmax(axis=1)) > 0, "the model gives one and the same answer to everything"
    for answers in (by_tf1, by_tf2):
        for name in (SERVE_EXAMPLES, SERVE_PIXELS, SERVE_IMAGES):
            np.testing.assert_allclose(answers[name], expected, atol=1e-6)


def test_bulk_inference_predicts_every_unlabelled_row_once(workshop: Any, first_run: Any) -> None:
    del first_run
    folder = Path(workshop.nodes()["BulkInferrer"].outputs["output_examples"].uri, "Split-unlabelled")
    records = tf.data.TFRecordDataset([str(path) for path in folder.iterdir()], compression_type="GZIP")
    features = [tf.train.Example.FromString(record.numpy()).features.feature for record in records]
    assert sorted(each["row"].int64_list.value[0] for each in features) == list(range(UNLABELLED_ROWS))
    for each in features:
        probabilities = each[PROBABILITIES_KEY].float_list.value
        assert abs(sum(probabilities) - 1) < 1e-5
        assert each["class_index"].int64_list.value[0] == int(np.argmax(probabilities))


def test_run_on_unchanged_input_after_an_edited_comment_executes_nothing_and_pushes_no_copy(
    workshop: Any, first_run: Any, drawn: DrawnCsvs
) -> None:
    del first_run
    source = workshop.sources / "models" / "recipe.py"
    source.write_text(source.read_text() + "\n# A remark.\n")
    before = workshop.versions()
    done = workshop.run(drawn)
    assert done.exit_code == 0
    assert workshop.executed() <= {"PreviousStatistics", "Baseline"}, "only the look-ups may run again"
    assert workshop.versions() == before


def test_rollback_of_the_version_is_told_by_the_next_run_and_taken_back(
    workshop: Any, first_run: Any, drawn: DrawnCsvs
) -> None:
    del first_run
    (version,) = workshop.versions()
    source, older = workshop.root / "fer" / "serving" / version, str(int(version) - 1)
    shutil.copytree(source, source.with_name(older))
    (source.with_name(older) / "variables" / "variables.index").write_bytes(
        b"of another model, which nobody loads here"
    )
    places = ("--set", f"runtime.root={workshop.root}", "--set", "serving.settle_s=0")
    assert workshop.command("rollback", *places).exit_code == 0
    assert workshop.versions() == [older]
    for settings in ({}, {}, {"serving__keep_versions": "4"}):  # what was pushed before is in service no more
        refused = workshop.run(drawn, **settings)
        assert refused.exit_code == 3
        assert f"the model equals version {version}, which was rolled back on 2" in refused.stderr
        assert f"`fer-tfx rollback --to {version}` brings it back" in refused.stderr
    assert workshop.versions() == [older]
    assert workshop.command("rollback", "--to", version, *places).exit_code == 0
    for keep in ("4", "5"):  # the latter is the default, which the runs below have in the cache
        assert workshop.run(drawn, serving__keep_versions=keep).exit_code == 0, "the refusal isn't in the cache"
    assert workshop.versions() == [older, version]
    assert f'key: "stable" value: {version}' in (source.parent / "models.config").read_text()


def test_run_after_an_edited_gate_check_executes_the_gate_and_the_report_alone(
    workshop: Any, first_run: Any, drawn: DrawnCsvs
) -> None:
    """The data gate's verdict is no input of a later stage, so those stay cached; the page tells its code."""
    del first_run
    source = workshop.sources / "components" / "data_gate.py"
    source.write_text(
        source.read_text().replace("no example of {', '.join(missing)}", "no row of {', '.join(missing)}")
    )
    assert workshop.run(drawn).exit_code == 0
    assert workshop.executed() - {"PreviousStatistics", "Baseline"} == {"DataGate", "HtmlReport"}


def test_run_with_a_model_worse_than_the_baseline_is_refused_with_exit_3_and_executes_the_model_stages_alone(
    workshop: Any, first_run: Any, drawn: DrawnCsvs
) -> None:
    """The Trainer's code is edited as well: that this alone makes it work anew is proved by its fingerprint's tests."""
    del first_run
    source = workshop.sources / "models" / "training.py"
    source.write_text(source.read_text() + "\n\nEDITED = True\n")
    before = workshop.versions()
    # A gate whose only bound is the baseline.
    done = workshop.run(
        drawn, **TINY_NETWORK, gate__min_accuracy="0", gate__min_macro_f1="0", gate__min_class_recall="0"
    )
    assert done.exit_code == 3
    assert re.search(r"accuracy changed by -0\.\d+ against the anchor", done.stderr)
    assert workshop.versions() == before
    assert workshop.executed() - {"PreviousStatistics", "Baseline"} == {
        "Trainer", "Evaluator", "ServingCheck", "ModelCard", "Pusher", "BulkInferrer", "HtmlReport",
    }  # fmt: skip
    page = Path(workshop.nodes()["HtmlReport"].outputs["report"].uri, "report.html").read_text()
    assert "Refused" in page
    assert "The gate compares the candidate with the anchor" in page
    # The run before read the same statistics, so what came before those is compared: nothing.
    assert "No earlier data of these classes has been accepted, so there is nothing to compare with." in page
    card = Path(workshop.nodes()["ModelCard"].outputs["card"].uri, "MODEL_CARD.md").read_text()
    assert "refused, so it was not put into service\n  - `accuracy changed by -0." in card


def test_logs_hold_what_the_libraries_said(workshop: Any, first_run: Any) -> None:
    del first_run
    first_log = min((workshop.root / "fer" / "logs").iterdir())
    text = first_log.read_text(errors="replace")
    assert "Component Trainer is finished." in text
    assert "peak_learning_rate" in text, "the settings of the run are missing"


def test_pushed_model_is_known_to_predict_and_an_altered_copy_is_not(
    workshop: Any, first_run: Any, drawn: DrawnCsvs, tmp_path: Path
) -> None:
    del first_run
    words = ("predict", str(drawn.unlabelled_path), "--format", "csv", "--model")
    pushed = workshop.root / "fer" / "serving" / workshop.versions()[-1]
    answered = workshop.command(*words, str(pushed))
    assert (answered.exit_code, answered.stderr) == (0, "")
    assert answered.stdout.count("\n") == 1 + UNLABELLED_ROWS
    shutil.copytree(pushed, tmp_path / "copy")
    (tmp_path / "copy" / "assets.extra" / "model.tflite").unlink()  # the light form is no program and needs no trust
    refused = workshop.command(*words, str(tmp_path / "copy"))
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"fer-tfx: {tmp_path / 'copy'}: a SavedModel of unknown origin ")


def test_values_of_the_environment_are_found_in_no_log_metadata_page_or_artifact(workshop: Any, first_run: Any) -> None:
    """Each command of this file had the secret in its environment; what all of them left is looked through."""
    files = {path.name for path in workshop.root.rglob("*")}
    assert {"metadata.sqlite", "report.html", "report.json", "saved_model.pb"} <= files
    assert list(find_leaks(workshop.root)) == []
    assert SECRET not in first_run.stdout + first_run.stderr
