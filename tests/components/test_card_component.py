"""ModelCard's executor on what the other components leave; no model is there that it could ask."""

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow_model_analysis as tfma
from tfx import types

import fer_tfx
from components.artifacts import CARD_KEY, Card
from components.model_card import Executor, ModelCard
from configs.spec import GateConfig
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from pipeline.eval_config import build_eval_config
from reporting.ingestion import IngestionReport

TRUE = [0, 1, 2, 3, 4, 5, 6, 3]
SAID = [0, 1, 2, 3, 4, 5, 6, 6]  # 7 of 8 right
CALIBRATION = {"temperature": 1.5, "abstain_threshold": 0.6, "abstain_accuracy": 0.8, "coverage": 0.5, "n": 8}
EPOCH = {"epoch": 1, "loss": 1.5, "accuracy": 0.4, "eval_loss": 1.2, "eval_accuracy": 0.5, "learning_rate": 0.0}
RECORD = {
    "parameters": 99_000, "precision": "float32", "model": {"stem_filters": 8}, "trainer": {"epochs": 1},
    "history": [{**EPOCH, "seconds": 2.0}],
}  # fmt: skip


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of an evaluation of eight rows, fewer than the gate asks for."""
    config = tfma.utils.update_eval_config_with_defaults(
        build_eval_config(GateConfig(), ""), has_baseline=False, rubber_stamp=True
    )
    answers = np.where(np.arange(7) == np.array(SAID)[:, None], 0.4, 0.1).tolist()
    folder = str(tmp_path_factory.mktemp("evaluation"))
    tfma.analyze_raw_data(pd.DataFrame({"emotion": TRUE, "probabilities": answers}), config, output_path=folder)
    return folder


@pytest.fixture
def inputs(make_artifact: Callable[..., Any], evaluation: str) -> dict[str, list[Any]]:
    """Artifacts of a model that passed every gate."""
    made = {key: make_artifact(channel.type) for key, channel in ModelCard.SPEC_CLASS.INPUTS.items()}
    extra = Path(made["model"].uri, "Format-Serving", "assets.extra")
    extra.mkdir(parents=True)
    (extra / "calibration.json").write_text(json.dumps(CALIBRATION))
    (extra / "class_names.txt").write_text("".join(f"{name}\n" for name in DEFAULT_CLASS_NAMES))
    (extra / "training_record.json").write_text(json.dumps(RECORD))
    made["examples"].set_string_custom_property("input_fingerprint", "split:labelled,num_files:1")
    rows = IngestionReport({"a.csv": 12}, {"train": {"happy": 3}, "eval": {"angry": 8}}, {}, {"unknown label": 1})
    Path(made["quarantine"].uri, "ingestion.json").write_text(rows.to_json())
    made["evaluation"].uri = evaluation
    for key in ("model_blessing", "infra_blessing"):
        made[key].set_int_custom_property("blessed", 1)
    return {key: [artifact] for key, artifact in made.items()}


@pytest.fixture
def run(make_artifact: Callable[..., Any]) -> Callable[..., str]:
    """A function that runs the executor as the component declares it and gives the card."""

    def do(inputs: dict[str, list[Any]], name: str = "fer") -> str:
        card = make_artifact(Card)
        channels = {key: types.Channel(type=each.type) for key, each in ModelCard.SPEC_CLASS.INPUTS.items()}
        node = ModelCard(settings={"name": name, "export": {}}, stage_code={"Trainer": "0abc"}, code="1", **channels)
        Executor().Do(inputs, {CARD_KEY: [card]}, node.exec_properties)
        (file,) = Path(card.uri).iterdir()
        assert file.name == "MODEL_CARD.md"
        return file.read_text("utf-8")

    return do


def test_model_card_tells_the_runs_figures_rows_training_and_origin(inputs: Any, run: Any) -> None:
    card = run(inputs)
    for line in (
        "- **Gates**: passed", "| accuracy | 0.8750 | 0.5291 to 0.9776 | 8 |", "| read | `a.csv` | 12 |",
        "| quarantined | `unknown label` | 1 |", "- **Network**: 99,000 parameters, trained from scratch",
        "| `Trainer` | `0abc` |", "- `split:labelled,num_files:1`",
        "| accuracy on those | 0.8000 | 0.3368 to 0.9692 | 4 |",
    ):  # fmt: skip
        assert f"{line}\n" in card
    assert f"| {inputs['model'][0].id} | `{inputs['model'][0].uri}` |\n" in card
    assert '"stem_filters": 8' in card
    assert "Drawn faces" not in card


def test_model_card_of_a_warm_start_names_the_weights_that_it_began_with(inputs: Any, run: Any) -> None:
    change_record(inputs, warm_start={"model": "/earlier", "weights": "0123abcd"})
    line = "- **Network**: 99,000 parameters, trained further from the weights `0123abcd` of an earlier model\n"
    assert line in run(inputs)


def change_record(inputs: Any, **changes: Any) -> None:
    path = Path(inputs["model"][0].uri, "Format-Serving", "assets.extra", "training_record.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_model_card_versions_threads_and_spans_are_those_of_the_training(inputs: Any, run: Any) -> None:
    spans = [
        {"span": 7, "fingerprint": "num_files:1", "train_rows": 40},
        {"span": 8, "fingerprint": "num_files:9", "train_rows": 3},
    ]
    change_record(
        inputs, versions={"tensorflow": "2.0.1"}, threads=[6], device="Another Machine", spans=spans,
        training_input={"mode": "stream"},
    )  # fmt: skip
    card = run(inputs)
    for line in (
        "| `tensorflow` | `2.0.1` |", "| 7 | 40 |", "| 8 | 3 |", "- span 7: `num_files:1`", "- span 8: `num_files:9`",
        "43 training rows, 2 s of wall time:",
    ):  # fmt: skip
        assert f"\n{line}\n" in card
    assert "with 6 threads on `Another Machine`" in card
    assert version("tensorflow") not in card
    assert '"mode": "stream"' in card


def test_model_card_record_of_an_earlier_version_has_one_all_the_same(inputs: Any, run: Any) -> None:
    """A record from before 2026-11-28, which says nothing of versions, threads and spans."""
    path = Path(inputs["model"][0].uri, "Format-Serving", "assets.extra", "training_record.json")
    shipped = json.loads((Path(fer_tfx.__path__[0]) / "shipped_model/assets.extra/training_record.json").read_text())
    earlier = {key: value for key, value in shipped.items() if key not in {"versions", "threads", "spans", "device"}}
    path.write_text(json.dumps(earlier))
    card = run(inputs)
    assert "The library versions that trained it were not recorded.\n" in card
    assert f"{len(shipped['history'])} epochs in `mixed_bfloat16`,\n3 training rows" in card
    assert version("tensorflow") not in card


def test_model_card_refused_model_has_one_with_every_reason(inputs: Any, run: Any) -> None:
    inputs["infra_blessing"][0].set_int_custom_property("blessed", 0)
    Path(inputs["infra_blessing"][0].uri, "INFRA_NOT_BLESSED").write_text("has no signature")
    inputs["model_blessing"][0].set_int_custom_property("blessed", 0)
    card = run(inputs)
    assert "- **Gates**: refused, so it was not put into service\n" in card
    assert "  - `number of eval rows is 8, at least 100`\n" in card
    assert "  - `the export can't be served: has no signature`\n" in card


def test_model_card_of_a_drawn_run_says_so(inputs: Any, run: Any) -> None:
    assert "figures say nothing about real faces" in run(inputs, name="fer-drawn")
