"""What a run notes about itself, by real runs of one node that does nothing; and what it means for the cache."""

import dataclasses
import json
from pathlib import Path

import pytest
from tfx import v1 as tfx
from tfx.dsl.compiler import constants
from tfx.orchestration.portable import inputs_utils
from tfx.orchestration.portable.input_resolution.exceptions import InputResolutionError
from tfx.types.channel import Channel
from tfx.types.standard_artifacts import ExampleStatistics

from configs.spec import PipelineConfig, TrainerConfig
from fer_tfx.errors import DataError
from pipeline.history import RunRecord, acceptance, open_store, open_store_for_reading
from pipeline.history.figures import Figures, read_figures
from pipeline.history.notes import NotingRunner, note_figures
from pipeline.history.records import NODE_CONTEXT, RUN_CONTEXT, has_all_settings, read_runs, read_settings
from pipeline.runners.local import assemble
from reporting.report_data import RunFacts

FIGURES = Figures(3, 0.5, 0.25, {"sad": 1.0}, ["accuracy is 0.5000, at least 0.6000"])


@tfx.dsl.components.component
def DoNothing(word: tfx.dsl.components.Parameter[str]):  # noqa: N802 (TFX names components like classes)
    del word


def run(folder: Path, config: PipelineConfig | None) -> None:
    """One run; with settings as this project runs it, without as TFX does."""
    dag = assemble("fer", [DoNothing(word="same")], str(folder), folder / "metadata.sqlite")
    runner = (
        NotingRunner(config, RunFacts("2026-11-30 03:00:00 UTC", 7, "fer-tfx run", "0.1.0"))
        if config
        else tfx.orchestration.LocalDagRunner()
    )
    runner.run(dag)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[RunRecord]:
    """Three runs, oldest first: without notes, and with 3 and with 4 epochs; the last noted figures too."""
    folder = tmp_path_factory.mktemp("noted")
    for epochs in (None, 3, 4):
        run(folder, PipelineConfig(trainer=TrainerConfig(epochs=epochs)) if epochs else None)
    note_figures(open_store(folder / "metadata.sqlite"), FIGURES)
    return read_runs(open_store_for_reading(folder / "metadata.sqlite"))[::-1]


def test_notes_of_settings_let_every_node_stay_cached(runs):
    assert [run.nodes["DoNothing"].is_cached for run in runs] == [False, True, True]


def test_notes_hold_the_whole_configuration_of_their_run(runs):
    assert [has_all_settings(run) for run in runs] == [False, True, True]
    assert [read_settings(run)["trainer.epochs"] for run in runs[1:]] == [3, 4]
    sections = {key.partition(".")[0] for key in read_settings(runs[1])}
    assert sections == {field.name for field in dataclasses.fields(PipelineConfig)}


def test_notes_of_figures_belong_to_the_latest_run_and_keep_its_settings(runs):
    assert [read_figures(run) for run in runs] == [None, None, FIGURES]
    assert json.loads(str(runs[2].notes["settings"]))["trainer"]["epochs"] == 4


def run_after_a_look_up(folder: Path) -> None:
    """Run a look-up, and a node after it."""
    look_up = tfx.dsl.Resolver(
        strategy_class=acceptance.AcceptedStrategy,
        config={"question": "statistics"},
        statistics=Channel(type=ExampleStatistics),
    ).with_id("LookUp")
    after = DoNothing(word="after")
    after.add_upstream_node(look_up)
    dag = assemble("fer", [look_up, after], str(folder), folder / "metadata.sqlite")
    NotingRunner(PipelineConfig(), RunFacts("2026-11-30 03:00:00 UTC", 1, "fer-tfx run", "0.1.0")).run(dag)


def read_states(folder: Path) -> dict[str, bool]:
    """Whether each node that started finished."""
    (run,) = read_runs(open_store_for_reading(folder / "metadata.sqlite"))
    return {name: node.is_finished for name, node in run.nodes.items()}


@pytest.mark.parametrize("error", [DataError("roll_backs.json: is damaged; bring it back"), KeyError("gone")])
def test_run_ends_at_a_look_up_that_fails_with_the_error_it_failed_with(tmp_path, monkeypatch, error):
    """TFX would log it and judge a model without what it is to be compared with."""

    def fail(store, given):
        raise error

    monkeypatch.setattr(acceptance, "find_drift_reference", fail)
    with pytest.raises(type(error)) as raised:
        run_after_a_look_up(tmp_path)
    assert raised.value is error
    assert read_states(tmp_path) == {"LookUp": False}


def test_run_ends_at_a_node_whose_inputs_cannot_be_found(tmp_path, monkeypatch):
    resolve = inputs_utils.resolve_input_artifacts

    def fail(*, pipeline_node, metadata_handle):
        if pipeline_node.node_info.id == "DoNothing":
            raise InputResolutionError("database is locked")
        return resolve(pipeline_node=pipeline_node, metadata_handle=metadata_handle)

    monkeypatch.setattr(inputs_utils, "resolve_input_artifacts", fail)
    monkeypatch.setattr(acceptance, "find_drift_reference", lambda store, given: {})
    with pytest.raises(RuntimeError, match="database is locked"):
        run_after_a_look_up(tmp_path)
    assert read_states(tmp_path) == {"LookUp": True, "DoNothing": False}


def test_run_of_look_ups_that_answer_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(acceptance, "find_drift_reference", lambda store, given: {})
    run_after_a_look_up(tmp_path)
    assert read_states(tmp_path) == {"LookUp": True, "DoNothing": True}


def test_contexts_are_named_as_tfx_names_them():
    assert (RUN_CONTEXT, NODE_CONTEXT) == (
        constants.PIPELINE_RUN_CONTEXT_TYPE_NAME,
        constants.NODE_CONTEXT_TYPE_NAME,
    )
