"""Reads what the other components left and writes the card; no model is loaded."""

import json
import os
from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.artifacts import CARD_KEY
from components.model_card.figures import read_confidence, read_figures
from components.model_facts import Artifacts, describe_lineage, read_extra, read_rows, read_training
from components.refusals import find_refusals
from fer_tfx.contract import CALIBRATION_FILE, TRAINING_RECORD_FILE
from reporting.model_card import CARD_FILE, CardData, render_card
from schema.drawn_faces import is_drawn_name


class Executor(base_executor.BaseExecutor):  # type: ignore[misc]
    """Hands plain figures to `reporting`, which knows no TensorFlow."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Write `MODEL_CARD.md`."""
        self._log_startup(input_dict, output_dict, exec_properties)
        card = collect(input_dict, json.loads(exec_properties["settings"]), json.loads(exec_properties["stage_code"]))
        path = os.path.join(artifact_utils.get_single_uri(output_dict[CARD_KEY]), CARD_FILE)
        io_utils.write_string_file(path, render_card(card))


def collect(inputs: Artifacts, settings: dict[str, Any], stage_code: dict[str, str]) -> CardData:
    """All that the card says.

    Args:
        inputs: by the keys of `ModelCardSpec`.
        settings: of the run, by section.
        stage_code: fingerprint of the sources by component.
    """
    model_dir = path_utils.serving_model_path(artifact_utils.get_single_uri(inputs["model"]))
    calibration, record = (read_extra(model_dir, name) for name in (CALIBRATION_FILE, TRAINING_RECORD_FILE))
    rows = read_rows(artifact_utils.get_single_uri(inputs["quarantine"]))
    return CardData(
        name=settings["name"],
        is_drawn=is_drawn_name(settings["name"]),
        refusals=_read_refusals(inputs),
        rows=rows,
        training=read_training(record, rows),
        figures=read_figures(artifact_utils.get_single_uri(inputs["evaluation"])),
        confidence=read_confidence(calibration),
        lineage=describe_lineage(inputs, settings, record, stage_code),
    )


def _read_refusals(inputs: Artifacts) -> tuple[str, ...]:
    """Why Pusher, which comes later, will refuse the model."""
    evaluation, blessing, infra = (
        artifact_utils.get_single_instance(inputs[key]) for key in ("evaluation", "model_blessing", "infra_blessing")
    )
    refusals = find_refusals(
        evaluation.uri,
        is_blessed=bool(blessing.get_int_custom_property("blessed")),
        infra_blessing=infra.uri,
        is_servable=bool(infra.get_int_custom_property("blessed")),
        is_pushed=True,
    )
    return tuple(refusals)
