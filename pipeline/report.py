"""The nodes that write a run's page and its model's card."""

import json

from tfx.dsl.components.base.base_node import BaseNode
from tfx.types.channel import BaseChannel

from components.html_report.component import HtmlReport
from components.model_card.component import ModelCard
from configs.load import to_json
from configs.spec import PipelineConfig
from pipeline.eval_config import EVALUATOR_MODULES
from pipeline.fingerprint import compute_code_fingerprint
from reporting import model_card, render
from reporting.templates import compute_digest

# TFX's own executors run these, so its version counts.
TRANSFORM_MODULES = ("models.preprocessing", "tfx")
TRAINER_MODULES = ("models.trainer_fn", "components.span_trainer")
# Where each component's own code begins; the page tells a fingerprint of it, as the cache sees it.
_MODULES = {
    "FerExampleGen": ("components.face_example_gen.executor",),
    "DataGate": ("components.data_gate.executor",),
    "Transform": TRANSFORM_MODULES,
    "Trainer": TRAINER_MODULES,
    "Evaluator": EVALUATOR_MODULES,
    "ServingCheck": ("components.serving_check.executor", "components.serving_check.probe_process"),
    "ModelCard": ("components.model_card.executor",),
    "Pusher": ("components.atomic_pusher.executor",),
}
# Those that a model and what is said of it come from.
_MODEL_STAGES = ("FerExampleGen", "Transform", "Trainer", "Evaluator", "ServingCheck")
_MODEL_SETTINGS = ("name", "data", "spans", "validation", "model", "trainer", "training_input", "export", "gate")
# The same files may go by several paths; the card names them by what is in them.
_PATHS = ("path", "unlabelled_path")


def build_model_card(config: PipelineConfig, **inputs: BaseChannel) -> BaseNode:
    """ModelCard; `inputs` are the artifacts that it reads, by the keys of its spec."""
    sections = json.loads(to_json(config))
    settings = {name: sections[name] for name in _MODEL_SETTINGS}
    settings["data"] = {key: value for key, value in settings["data"].items() if key not in _PATHS}
    # How a search would go that nobody asked for is no property of the model.
    is_tuned = config.tuner.trials or config.tuner.hyperparameters_path
    settings["tuner"] = sections["tuner"] if is_tuned else {"trials": 0}
    return ModelCard(
        settings=settings,
        stage_code=compute_stage_code(*_MODEL_STAGES),
        code=f"{compute_code_fingerprint(*_MODULES['ModelCard'])}-{compute_digest(model_card.TEMPLATE)}",
        **inputs,
    )


def build_report(config: PipelineConfig, **inputs: BaseChannel | None) -> BaseNode:
    """HtmlReport; `inputs` are the artifacts that it reads, by the keys of its spec."""
    own_code = compute_code_fingerprint("components.html_report.executor")
    return HtmlReport(
        config=config,
        stage_code=compute_stage_code(*_MODULES),
        # The template is no module, and an edit of it is an edit of the page.
        code=f"{own_code}-{compute_digest(render.TEMPLATE)}",
        **inputs,
    )


def compute_stage_code(*names: str) -> dict[str, str]:
    """Fingerprint of the sources of each of these components, by its name."""
    return {name: compute_code_fingerprint(*_MODULES[name]) for name in names}
