"""The one graph: every runner builds its nodes here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tfx import v1 as tfx
from tfx.dsl.components.base.base_node import BaseNode
from tfx.proto import bulk_inferrer_pb2, trainer_pb2
from tfx.types.channel import BaseChannel

from components.artifacts import CARD_KEY, QUARANTINE_KEY, UNLABELLED_EXAMPLES_KEY
from components.atomic_pusher.component import AtomicPusher
from components.data_gate.component import DataGate
from components.face_example_gen.component import FerExampleGen
from components.gated_bulk_inferrer.component import GatedBulkInferrer
from components.inline_schema.component import InlineSchema
from components.serving_check.component import ServingCheck
from components.span_trainer import Trainer
from configs.load import to_json
from configs.spec import PipelineConfig
from fer_tfx.contract import (
    CLASS_INDEX_KEY,
    EVAL_SPLIT,
    PROBABILITIES_KEY,
    SERVE_EXAMPLES,
    TRAIN_SPLIT,
    UNLABELLED_SPLIT,
)
from pipeline.baseline import Comparison
from pipeline.eval_config import EVALUATOR_MODULES, EXTRACTOR_MODULE, build_eval_config
from pipeline.fingerprint import compute_code_fingerprint
from pipeline.hyperparameters import ImportedHyperparameters
from pipeline.inputs import Input
from pipeline.report import TRAINER_MODULES, TRANSFORM_MODULES, build_model_card, build_report
from pipeline.spans import build_span_window
from pipeline.tuning import build_tuning
from pipeline.warm_start import build_warm_start


@dataclass(frozen=True)
class Places:
    """What depends on where a run happens."""

    data: Input
    schema_text: str
    serving: str
    """Folder of the pushed versions."""
    checkpoints: str
    comparison: Comparison
    hyperparameters: ImportedHyperparameters | None = None
    lifted: int = 0
    """How many versions there were brought back after a push had been refused for them."""
    trainer_class: type[BaseNode] = Trainer
    """One with the interface of TFX's."""
    trainer_settings: dict[str, Any] = field(default_factory=dict)
    """What such a one needs in its `custom_config`."""
    lost_spans: Sequence[int] = ()
    """Older spans to be ingested anew; see `pipeline.spans`."""


def build_components(config: PipelineConfig, places: Places) -> list[BaseNode]:
    """All nodes of a run, in topological order. A node belongs to one pipeline, so they are built anew."""
    data_nodes, schema, gate = _build_data_nodes(config, places)
    mended = [node for span in places.lost_spans for node in _build_mending_nodes(config, places, schema, span)]
    window = build_span_window(config.spans, places.data.labelled_pattern, data_nodes[0], mended)
    transform = tfx.components.Transform(
        examples=window.examples,
        analyzer_cache=window.analyzer_cache,
        schema=schema,
        preprocessing_fn="models.preprocessing.preprocessing_fn",
        splits_config=tfx.proto.SplitsConfig(analyze=[TRAIN_SPLIT], transform=[TRAIN_SPLIT, EVAL_SPLIT]),
        # Trainer and export apply the graph themselves: writing normalised floats would take ten times the
        # space of the pictures and more time than computing them.
        materialize=False,
        disable_statistics=True,
        custom_config={"code": compute_code_fingerprint(*TRANSFORM_MODULES)},
    )
    transform.add_upstream_node(gate)
    transform_graph = transform.outputs["transform_graph"]
    tuning = build_tuning(config, places.hyperparameters, places.checkpoints, window.examples, transform_graph)
    warm_start = build_warm_start(config.spans, data_nodes[0].outputs["examples"])
    trainer = places.trainer_class(
        run_fn="models.trainer_fn.run_fn",
        examples=window.examples,
        transform_graph=transform_graph,
        schema=schema,
        base_model=warm_start.base_model,
        hyperparameters=tuning.hyperparameters,
        train_args=trainer_pb2.TrainArgs(splits=[TRAIN_SPLIT]),
        eval_args=trainer_pb2.EvalArgs(splits=[EVAL_SPLIT]),
        custom_config={
            "model": to_json(config.model),
            "trainer": to_json(config.trainer),
            "export": to_json(config.export),
            "training_input": to_json(config.training_input),
            "checkpoint_root": places.checkpoints,
            "code": compute_code_fingerprint(*TRAINER_MODULES),
            "training_code": compute_code_fingerprint("models.training", "models.networks"),
            "streaming_code": compute_code_fingerprint("models.streaming"),
            **tuning.trainer_settings,
            **warm_start.trainer_settings,
            **places.trainer_settings,
        },
    ).with_id("Trainer")
    model = trainer.outputs["model"]
    model_nodes = _build_model_nodes(config, places, model, data_nodes[0])
    nodes = [*data_nodes, *mended, *window.nodes, transform, *tuning.nodes, *warm_start.nodes, trainer, *model_nodes]
    outputs = {node.id: node.outputs for node in nodes}
    kept = places.comparison.build_nodes_after_acceptance(
        gate, outputs["StatisticsGen"]["statistics"], model, outputs["Pusher"]["pushed_model"]
    )
    return [*nodes, *kept, _build_report(config, places, outputs)]


def _build_data_nodes(config: PipelineConfig, places: Places) -> tuple[list[BaseNode], BaseChannel, BaseNode]:
    """The nodes, FerExampleGen first; the schema and the gate."""
    example_gen = _build_example_gen(config, places)
    schema_gen = InlineSchema(places.schema_text).with_id("ImportSchemaGen")
    schema = schema_gen.outputs["schema"]
    # The schema tells StatisticsGen that labels are categories and pixels no words.
    statistics_gen = tfx.components.StatisticsGen(examples=example_gen.outputs["examples"], schema=schema)
    statistics = statistics_gen.outputs["statistics"]
    validator = tfx.components.ExampleValidator(statistics=statistics, schema=schema)
    comparison_nodes = places.comparison.build_nodes_before_data_gate(statistics)
    gate = _build_data_gate(config, example_gen, statistics, schema, validator, places.comparison.previous_statistics)
    nodes = [example_gen, schema_gen, statistics_gen, validator, *comparison_nodes, gate]
    return nodes, schema, gate


def _build_mending_nodes(
    config: PipelineConfig, places: Places, schema: BaseChannel, span: int
) -> tuple[BaseNode, BaseNode, BaseNode, BaseNode]:
    """Ingests an older span anew and holds it to the schema; its drift was judged when it came."""
    suffix = f"OfSpan{span}"
    example_gen = _build_example_gen(config, places, span).with_id(f"FerExampleGen{suffix}")
    statistics_gen = tfx.components.StatisticsGen(examples=example_gen.outputs["examples"], schema=schema)
    statistics = statistics_gen.with_id(f"StatisticsGen{suffix}").outputs["statistics"]
    validator = tfx.components.ExampleValidator(statistics=statistics, schema=schema)
    validator = validator.with_id(f"ExampleValidator{suffix}")
    gate = _build_data_gate(config, example_gen, statistics, schema, validator).with_id(f"DataGate{suffix}")
    return example_gen, statistics_gen, validator, gate


def _build_example_gen(config: PipelineConfig, places: Places, span: int | None = None) -> FerExampleGen:
    return FerExampleGen(
        input_base=places.data.base,
        patterns=places.data.patterns,
        data_config=config.data,
        code=compute_code_fingerprint("components.face_example_gen.executor"),
        span=span,
    )


def _build_data_gate(
    config: PipelineConfig,
    example_gen: BaseNode,
    statistics: BaseChannel,
    schema: BaseChannel,
    validator: BaseNode,
    previous_statistics: BaseChannel | None = None,
) -> DataGate:
    return DataGate(
        statistics=statistics,
        previous_statistics=previous_statistics,
        schema=schema,
        anomalies=validator.outputs["anomalies"],
        quarantine=example_gen.outputs[QUARANTINE_KEY],
        name=config.name,
        code=compute_code_fingerprint("components.data_gate.executor"),
    )


def _build_model_nodes(
    config: PipelineConfig, places: Places, model: BaseChannel, example_gen: BaseNode
) -> list[BaseNode]:
    examples, unlabelled = (example_gen.outputs[key] for key in ("examples", UNLABELLED_EXAMPLES_KEY))
    resolvers = places.comparison.build_nodes_before_evaluation(model) if config.gate.use_baseline else []
    references = places.comparison if config.gate.use_baseline else None
    evaluator = tfx.components.Evaluator(
        examples=examples,
        model=model,
        baseline_model=references.anchor if references else None,
        example_splits=[EVAL_SPLIT],
        eval_config=build_eval_config(config.gate, compute_code_fingerprint(*EVALUATOR_MODULES)),
        module_path=EXTRACTOR_MODULE,
    )
    serving_check = ServingCheck(
        model=model,
        examples=examples,
        baseline_model=references.latency_model if references else None,
        gate=config.gate,
        code=compute_code_fingerprint("components.serving_check.executor", "components.serving_check.probe_process"),
    )
    blessings = {
        "model_blessing": evaluator.outputs["blessing"],
        "infra_blessing": serving_check.outputs["blessing"],
    }
    card = build_model_card(
        config,
        examples=examples,
        quarantine=example_gen.outputs[QUARANTINE_KEY],
        model=model,
        evaluation=evaluator.outputs["evaluation"],
        **blessings,
    )
    pusher = AtomicPusher(
        model=model,
        **blessings,
        card=card.outputs[CARD_KEY],
        evaluation=evaluator.outputs["evaluation"],
        folder=places.serving,
        config=config.serving,
        code=compute_code_fingerprint("components.atomic_pusher.executor"),
        lifted=places.lifted,
    ).with_id("Pusher")
    bulk_inferrer = _build_bulk_inferrer(examples=unlabelled, model=model, **blessings)
    return [*resolvers, evaluator, serving_check, card, pusher, bulk_inferrer]


def _build_report(config: PipelineConfig, places: Places, outputs: dict[str, Any]) -> BaseNode:
    """The page, of a refused model too. `outputs` are those of each node, by its id."""
    return build_report(
        config,
        examples=outputs["FerExampleGen"]["examples"],
        quarantine=outputs["FerExampleGen"][QUARANTINE_KEY],
        schema=outputs["ImportSchemaGen"]["schema"],
        statistics=outputs["StatisticsGen"]["statistics"],
        previous_statistics=places.comparison.previous_statistics,
        anomalies=outputs["ExampleValidator"]["anomalies"],
        model=outputs["Trainer"]["model"],
        baseline_model=places.comparison.anchor if config.gate.use_baseline else None,
        service_model=places.comparison.service_model if config.gate.use_baseline else None,
        evaluation=outputs["Evaluator"]["evaluation"],
        model_blessing=outputs["Evaluator"]["blessing"],
        infra_blessing=outputs["ServingCheck"]["blessing"],
        card=outputs["ModelCard"][CARD_KEY],
        pushed_model=outputs["Pusher"]["pushed_model"],
    )


def _build_bulk_inferrer(**inputs: BaseChannel) -> BaseNode:
    columns = [
        bulk_inferrer_pb2.PredictOutputCol(output_key=key, output_column=key)
        for key in (PROBABILITIES_KEY, CLASS_INDEX_KEY)
    ]
    predict_output = bulk_inferrer_pb2.PredictOutput(output_columns=columns)
    return GatedBulkInferrer(
        **inputs,
        data_spec=bulk_inferrer_pb2.DataSpec(example_splits=[UNLABELLED_SPLIT]),
        model_spec=bulk_inferrer_pb2.ModelSpec(model_signature_name=[SERVE_EXAMPLES]),
        output_example_spec=bulk_inferrer_pb2.OutputExampleSpec(
            output_columns_spec=[bulk_inferrer_pb2.OutputColumnsSpec(predict_output=predict_output)]
        ),
        code=compute_code_fingerprint("components.gated_bulk_inferrer.executor"),
    ).with_id("BulkInferrer")
