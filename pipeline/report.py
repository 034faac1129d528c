"""The node that writes a run's page."""

from tfx.dsl.components.base.base_node import BaseNode
from tfx.types.channel import BaseChannel

from components.html_report.component import HtmlReport
from configs.spec import PipelineConfig
from pipeline.eval_config import EVALUATOR_MODULES
from pipeline.fingerprint import compute_code_fingerprint
from reporting.render import compute_template_digest

# Where each component's own code begins; the page tells a fingerprint of it, as the cache sees it.
_MODULES = {
    "FerExampleGen": ("components.face_example_gen.executor",),
    "DataGate": ("components.data_gate.executor",),
    "Transform": ("models.preprocessing",),
    "Trainer": ("models.trainer_fn",),
    "Evaluator": EVALUATOR_MODULES,
    "ServingCheck": ("components.serving_check.executor", "components.serving_check.probe"),
    "Pusher": ("components.atomic_pusher.executor",),
}


def build_report(config: PipelineConfig, **inputs: BaseChannel | None) -> BaseNode:
    """HtmlReport; `inputs` are the artifacts that it reads, by the keys of its spec."""
    own_code = compute_code_fingerprint("components.html_report.executor")
    return HtmlReport(
        config=config,
        stage_code={name: compute_code_fingerprint(*modules) for name, modules in _MODULES.items()},
        # The template is no module, and an edit of it is an edit of the page.
        code=f"{own_code}-{compute_template_digest()}",
        **inputs,
    )
