"""The nodes that choose hyperparameters: a search, the import of an earlier one, or none."""

from dataclasses import dataclass, field, replace

from tfx import v1 as tfx
from tfx.dsl.components.base.base_node import BaseNode
from tfx.proto import trainer_pb2
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel

from configs.load import to_json
from configs.spec import PipelineConfig
from fer_tfx.contract import EVAL_SPLIT, TRAIN_SPLIT
from pipeline.fingerprint import compute_code_fingerprint
from pipeline.hyperparameters import ImportedHyperparameters

TUNER, IMPORTER = "Tuner", "ImportHyperparameters"
TUNING_OUTPUTS = {TUNER: "best_hyperparameters", IMPORTER: "result"}
"""By node: where the hyperparameters come out."""


@dataclass(frozen=True)
class Tuning:
    """What a Trainer gets of it."""

    nodes: list[BaseNode] = field(default_factory=list)
    hyperparameters: BaseChannel | None = None
    trainer_settings: dict[str, str] = field(default_factory=dict)
    """What the Trainer's cache must know besides."""


def build_tuning(
    config: PipelineConfig,
    imported: ImportedHyperparameters | None,
    checkpoints: str,
    examples: BaseChannel,
    transform_graph: BaseChannel,
) -> Tuning:
    """A Tuner if trials are asked for, an Importer if a result is given, otherwise nothing."""
    if config.tuner.trials:
        tuner = _build_tuner(config, checkpoints, examples, transform_graph)
        return Tuning([tuner], tuner.outputs[TUNING_OUTPUTS[TUNER]])
    if imported:
        importer = tfx.dsl.Importer(source_uri=imported.uri, artifact_type=standard_artifacts.HyperParameters).with_id(
            IMPORTER
        )
        return Tuning([importer], importer.outputs[TUNING_OUTPUTS[IMPORTER]], {"hyperparameters": imported.fingerprint})
    return Tuning()


def _build_tuner(
    config: PipelineConfig, checkpoints: str, examples: BaseChannel, transform_graph: BaseChannel
) -> BaseNode:
    return tfx.components.Tuner(
        tuner_fn="models.tuner_fn.tuner_fn",
        examples=examples,
        transform_graph=transform_graph,
        train_args=trainer_pb2.TrainArgs(splits=[TRAIN_SPLIT]),
        eval_args=trainer_pb2.EvalArgs(splits=[EVAL_SPLIT]),
        custom_config={
            "model": to_json(config.model),
            # The length of a trial is put in here, so that another length of the final training repeats no search.
            "trainer": to_json(replace(config.trainer, epochs=config.tuner.epochs)),
            "tuner": to_json(config.tuner),
            "checkpoint_root": checkpoints,
            "code": compute_code_fingerprint("models.tuner_fn"),
        },
    )
