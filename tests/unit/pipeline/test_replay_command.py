"""`fer-tfx replay` on pipelines of small scripts, in processes as the real one's."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from replay_double import PipelineDouble

from fer_tfx.errors import ConfigError, DataError, FerError, GateError
from pipeline.replay.command import replay

PROJECT = Path(__file__).parents[3]
REPORT = "components.Report"


@pytest.fixture
def double(tmp_path):
    return PipelineDouble(tmp_path)


@pytest.fixture
def run(double, tmp_path):
    def run_it(*overrides, flavor="", workers=2):
        return replay(double.write(), flavor, tmp_path / "replays", overrides, workers)

    return run_it


def names(notes):
    return [note["task"] for note in notes]


def test_replay_tasks_run_after_those_whose_artifacts_they_take(double, run):
    double.add("Last", "First", "Middle").add("Middle", "First").add("First")
    assert run() == 0
    assert names(double.take_notes()) == ["First", "Middle", "Last"]


def test_replay_kubeflow_message_is_as_its_backend_renders_it(double, run, tmp_path):
    double.add("First", text="sound").add("Second", "First")
    run()
    first, second = (note["given"] for note in double.take_notes())
    assert set(first["outputs"]["artifacts"]) == {"made", "executor-logs"}
    assert first["outputs"]["artifacts"]["executor-logs"]["artifacts"][0]["type"] == {"schemaTitle": "system.Artifact"}
    (made,) = first["outputs"]["artifacts"]["made"]["artifacts"]
    assert made["uri"].startswith("minio://mlpipeline/v2/artifacts/double/1/First/")
    (taken,) = second["inputs"]["artifacts"]["First"]["artifacts"]
    assert taken["type"] == {"instanceSchema": ""}
    assert taken["name"].isdecimal()
    assert taken["uri"] == made["uri"]
    assert taken["metadata"]["length"] == len("sound")
    mounts = tmp_path / "replays" / "kubeflow" / "double" / "mounts"
    assert (mounts / made["uri"].replace("://", "/") / "text").read_text() == "sound"
    assert first["outputs"]["outputFile"].startswith(f"{mounts}/minio/mlpipeline/")


def test_replay_vertex_message_is_as_tfx_expects_it(double, run, tmp_path):
    double.add("First", text="sound").add("Second", "First")
    run(flavor="vertex")
    first, second = (note["given"] for note in double.take_notes())
    assert set(first["outputs"]["artifacts"]) == {"made"}
    (made,) = first["outputs"]["artifacts"]["made"]["artifacts"]
    assert made["uri"].startswith(f"{tmp_path}/replays/vertex/double/artifacts/1/First_")
    assert second["inputs"]["artifacts"]["First"]["artifacts"] == [{**made, "metadata": {"length": 5}}]


@pytest.mark.parametrize("flavor", ["kubeflow", "vertex"])
def test_replay_placeholder_is_filled_in_with_the_parameter(double, run, flavor):
    double.add("First")
    run("word=cheerful", flavor=flavor)
    (note,) = double.take_notes()
    assert note["given"]["inputs"]["parameterValues"]["text"] == "cheerful"


def test_replay_again_runs_only_what_is_not_cached_and_what_follows_from_it(double, run):
    double.add("Steady").add("Fresh", is_cached=False).add("After", "Fresh").add("Aside", "Steady")
    run()
    double.take_notes()
    assert run() == 0
    assert sorted(names(double.take_notes())) == ["After", "Fresh"]


def test_replay_changed_parameter_runs_what_takes_it(double, run):
    double.add("First").add("Constant", text="x", word={"runtimeValue": {"constant": "y"}})
    run()
    double.take_notes()
    run("word=other")
    assert names(double.take_notes()) == ["First"]


def test_replay_driver_runs_before_the_cache_is_asked_on_vertex(double, run, tmp_path):
    double.add("First", driver=True)
    executed = []
    for fingerprint in ("one", "one", "two"):
        (tmp_path / "print").write_text(fingerprint)
        run(flavor="vertex")
        executed.append(len(notes := double.take_notes()))
        if notes:
            (made,) = notes[0]["given"]["outputs"]["artifacts"]["made"]["artifacts"]
            assert made["metadata"] == {"print": "p1"}
    assert executed == [1, 0, 1]


def test_replay_driver_is_not_run_on_kubeflow(double, run):
    double.add("First", driver=True)  # it would fail, as nobody has written the fingerprint
    assert run() == 0
    assert names(double.take_notes()) == ["First"]


@pytest.mark.parametrize(("exit_code", "kind"), [(2, DataError), (3, GateError)])
def test_replay_task_that_is_refused_ends_the_run_with_its_sentence_and_code(double, run, exit_code, kind):
    double.add("First").add("Gate", "First", exit_code=exit_code, text="too many bad rows").add("Last", "Gate")
    with pytest.raises(kind) as caught:
        run()
    assert str(caught.value) == "Gate: too many bad rows"
    assert caught.value.exit_code == exit_code
    assert names(double.take_notes()) == ["First", "Gate"]


def test_replay_task_that_fails_names_exit_code_and_log(double, run, tmp_path):
    double.add("First", exit_code=7, text="broken")
    with pytest.raises(FerError) as caught:
        run()
    log = tmp_path / "replays" / "kubeflow" / "double" / "logs" / "1" / "First.log"
    assert str(caught.value) == f"First: broken (exit code 7); see {log}"
    assert caught.value.exit_code == 1
    assert "Traceback: long" in log.read_text()


def test_replay_refused_model_is_told_in_one_line_with_code_3(double, run, capsys):
    double.add("Report", title=REPORT, refusals=json.dumps(["accuracy is 0.1", "recall is 0.2"]))
    assert run() == 3
    assert capsys.readouterr().err == "fer-tfx: the gate refused the model: accuracy is 0.1; recall is 0.2\n"


def test_replay_pushed_model_is_told_with_the_page(double, run, capsys):
    double.add("Report", title=REPORT)
    assert run() == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "/Report/" in printed.out
    assert "report.html" in printed.out


def test_replay_interrupted_resumes_with_the_unfinished_tasks(double, run, tmp_path):
    hold = tmp_path / "hold"
    hold.touch()
    double.add("First", is_cached=False).add("Slow", "First", is_cached=False, hold=str(hold))
    notes = tmp_path / "notes.jsonl"
    words = [sys.executable, "-m", "pipeline", "replay", str(double.write()), "--root", str(tmp_path / "replays")]
    process = subprocess.Popen(words, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not (notes.exists() and '"task": "Slow"' in notes.read_text()):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 1
    assert error == "fer-tfx: interrupted; the same command resumes with the unfinished tasks\n"
    double.take_notes()
    hold.unlink()
    assert run() == 0
    (note,) = double.take_notes()
    assert note["task"] == "Slow"
    assert "/double/1/Slow/" in note["given"]["outputs"]["outputFile"]
    assert run() == 0
    assert "/double/2/" in double.take_notes()[0]["given"]["outputs"]["outputFile"]


def test_replay_after_a_failure_is_a_new_run(double, run):
    double.add("First", is_cached=False).add("Gate", "First", is_cached=False, exit_code=3)
    for _ in range(2):
        with pytest.raises(GateError):
            run()
    assert names(double.take_notes()) == ["First", "Gate", "First", "Gate"]


UNSUPPORTED = {
    "dag": ("components", {"dag": {}}),
    "iterator": ("tasks", {"parameterIterator": {}, "iterator": {}}),
    "resolver": ("executors", {"resolver": {}}),
    "triggerPolicy": ("tasks", {"triggerPolicy": {"condition": "1.0 == 1.0"}}),
    "taskOutputParameter": ("tasks", {"inputs": {"parameters": {"rows": {"taskOutputParameter": {}}}}}),
    "componentInputArtifact": ("tasks", {"inputs": {"artifacts": {"model": {"componentInputArtifact": "model"}}}}),
}


@pytest.mark.parametrize("part", UNSUPPORTED)
def test_replay_part_that_it_has_no_means_for_is_named_before_anything_runs(double, run, part):
    kind, content = UNSUPPORTED[part]
    double.add("First").add("Other")
    held = {"components": double._components, "tasks": double._tasks, "executors": double._executors}[kind]
    held["Other_executor" if kind == "executors" else "Other"].update(content)
    with pytest.raises(ConfigError, match=rf"pipeline.yaml: task Other: {part} can't be replayed"):
        run()
    assert double.take_notes() == []


def test_replay_importer_hands_on_the_artifact_that_is_named(double, run):
    double.add("First").add("Second", "First")
    double._executors["First_executor"] = {
        "importer": {"artifactUri": {"constant": "minio://b/{{$.inputs.parameters['word']}}"}, "metadata": {"span": 4},
                     "typeSchema": {"schemaTitle": "tfx.Model"}}
    }  # fmt: skip
    run("word=given")
    (note,) = double.take_notes()
    (taken,) = note["given"]["inputs"]["artifacts"]["First"]["artifacts"]
    assert (taken["uri"], taken["metadata"]["span"]) == ("minio://b/given", 4)


def test_replay_negative_number_of_workers_is_refused(double, tmp_path):
    double.add("Task")
    with pytest.raises(ConfigError, match=r"^--workers: expected how many, 0 for one per core, got -1$"):
        replay(double.write(), "", tmp_path / "replays", (), -1)
