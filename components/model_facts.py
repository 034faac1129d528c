"""What page and card both say about a model: why it was refused, how it was trained, what it was made from."""

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.artifacts import Artifacts
from components.metrics.evaluation import explain_validation
from configs.progress import EpochMetrics
from fer_tfx.contract import CALIBRATION_FILE, CLASS_NAMES_FILE, EXTRA_ASSETS_DIR, TRAIN_SPLIT, TRAINING_RECORD_FILE
from reporting.ingestion import IngestionReport
from reporting.report_data import Lineage, TrainedSpan, TrainingFigures, UsedArtifact
from reporting.serving_figures import FIGURES_FILE, ServingFigures

REFUSAL_FILE = "INFRA_NOT_BLESSED"
REFUSAL_PROPERTY = "refusal"  # on a PushedModel: why Pusher didn't push a model that passed every gate, in one sentence
# Settings that the training itself recorded.
_RECORDED = ("model", "trainer", "training_input")


def find_refusals(
    evaluation: str,
    class_names: Sequence[str],
    *,
    is_blessed: bool,
    infra_blessing: str,
    is_servable: bool,
    is_pushed: bool,
    push_refusal: str = "",
) -> list[str]:
    """One sentence for each bound that was missed; empty: the model was pushed.

    `evaluation` and `infra_blessing` are URIs. The Evaluator decides `is_blessed`, ServingCheck `is_servable`, and
    `push_refusal` is Pusher's reason if it did not push.
    """
    refusals = [] if is_blessed else explain_validation(evaluation, class_names) or ["the Evaluator gave no blessing"]
    if not is_servable:
        reason = io_utils.read_string_file(os.path.join(infra_blessing, REFUSAL_FILE))
        # An export that could be served missed bounds, a line each.
        refusals += reason.splitlines() if read_serving(infra_blessing) else [f"the export can't be served: {reason}"]
    if not refusals and not is_pushed:
        return [push_refusal or "Pusher did not push, though the model passed every gate"]
    return refusals


def read_refusals(inputs: Artifacts) -> tuple[str, ...]:
    """`find_refusals` of the `model`, from its evaluation, blessings and, if there is one yet, `pushed_model`."""
    evaluation, model, blessing, infra = (
        artifact_utils.get_single_instance(inputs[key])
        for key in ("evaluation", "model", "model_blessing", "infra_blessing")
    )
    pushed = inputs.get("pushed_model")
    return tuple(
        find_refusals(
            evaluation.uri,
            read_class_names(path_utils.serving_model_path(model.uri)),
            is_blessed=bool(blessing.get_int_custom_property("blessed")),
            infra_blessing=infra.uri,
            is_servable=bool(infra.get_int_custom_property("blessed")),
            is_pushed=not pushed or bool(pushed[0].get_int_custom_property("pushed")),
            push_refusal=pushed[0].get_string_custom_property(REFUSAL_PROPERTY) if pushed else "",
        )
    )


def read_serving(infra_blessing: str) -> ServingFigures | None:
    """What ServingCheck measured, from the URI of its blessing; None: the export could not be served."""
    path = os.path.join(infra_blessing, FIGURES_FILE)
    return ServingFigures.from_json(io_utils.read_string_file(path)) if fileio.exists(path) else None


def read_extras(model_dir: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Calibration and training record, from beside an exported graph."""
    paths = (os.path.join(model_dir, EXTRA_ASSETS_DIR, name) for name in (CALIBRATION_FILE, TRAINING_RECORD_FILE))
    calibration, record = (json.loads(io_utils.read_string_file(path)) for path in paths)
    return calibration, record


def read_class_names(model_dir: str) -> tuple[str, ...]:
    """The classes of an exported model, by class index; empty: it lacks the list."""
    path = os.path.join(model_dir, EXTRA_ASSETS_DIR, CLASS_NAMES_FILE)
    return tuple(io_utils.read_string_file(path).splitlines()) if fileio.exists(path) else ()


def read_training(record: dict[str, Any], rows: IngestionReport) -> TrainingFigures:
    """The training record of an exported model; `rows`, of the newest span, has the count that older records lack."""
    spans = tuple(
        TrainedSpan(each["span"], each["train_rows"], each["fingerprint"] or "") for each in record.get("spans", ())
    )
    return TrainingFigures(
        epochs=tuple(EpochMetrics(**epoch) for epoch in record["history"]),
        parameters=record["parameters"],
        precision=record["precision"],
        train_rows=sum(each.train_rows for each in spans) or rows.split_size(TRAIN_SPLIT),
        warm_start=(record.get("warm_start") or {}).get("weights", ""),
        threads=tuple(record.get("threads", ())),
        device=record.get("device", ""),
        spans=spans,
        networks=1 + len(record.get("members", ())),
        epoch_fraction=0.5 if record.get("trainer", {}).get("consistency_weight") else 1.0,
    )


def describe_lineage(
    inputs: Artifacts, settings: dict[str, Any], record: dict[str, Any], stage_code: dict[str, str]
) -> Lineage:
    """What the model was made from; versions and settings are those of the training.

    After a search they are settings that train the same networks without it: its values stand in `model` and `trainer`,
    and teachers and members, which it doesn't touch, differ from these by what it changed.
    """
    (examples,) = inputs["examples"]
    used = [(role, artifact) for role, artifacts in sorted(inputs.items()) for artifact in artifacts]
    recorded = {name: record[name] for name in _RECORDED if name in record}
    return Lineage(
        input_fingerprint=examples.get_string_custom_property("input_fingerprint"),
        code=stage_code,
        versions=record.get("versions", {}),
        settings=_settle_tuned({**settings, **recorded}, dict(_list_changes(settings, recorded))),
        artifacts=tuple(UsedArtifact(role, each.type_name, each.id, each.uri) for role, each in used),
    )


def _settle_tuned(settings: dict[str, Any], untuned: dict[str, Any]) -> dict[str, Any]:
    """`untuned` has the values, by dotted key, in whose place a search put others."""
    tuner = settings.get("tuner", {})
    if not tuner.get("trials") and not tuner.get("hyperparameters_path"):
        return settings
    settled = {**settings, "tuner": {"trials": 0}}
    if members := settings.get("ensemble", {}).get("members"):
        settled["ensemble"] = {**settings["ensemble"], "members": [{**untuned, **each} for each in members]}
    if settings.get("distillation", {}).get("folds"):
        teacher = {**untuned, **settings["distillation"]["teacher"]}
        settled["distillation"] = {**settings["distillation"], "teacher": teacher}
    return settled


def _list_changes(before: dict[str, Any], after: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and earlier value of each setting that differs."""
    for key in before.keys() & after.keys():
        if isinstance(before[key], dict) and isinstance(after[key], dict):
            yield from _list_changes(before[key], after[key], f"{prefix}{key}.")
        elif before[key] != after[key]:
            yield f"{prefix}{key}", before[key]
