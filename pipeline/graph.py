"""The one graph: every runner builds its nodes here."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tfx import v1 as tfx
from tfx.dsl.components.base.base_node import BaseNode
from tfx.proto import bulk_inferrer_pb2, trainer_pb2
from tfx.types.channel import BaseChannel

from components.acceptance import LATENCY_MODEL_KEY, MODEL_KEY, SERVICE_MODEL_KEY
from components.artifacts import CARD_KEY, QUARANTINE_KEY, TARGETS_KEY, UNLABELLED_EXAMPLES_KEY
from components.atomic_pusher import AtomicPusher
from components.data_gate import DataGate
from components.face_example_gen.component import FerExampleGen
from components.gated_bulk_inferrer import GatedBulkInferrer
from components.html_report import HtmlReport
from components.hyperparameters_importer import HyperparametersImporter
from components.inline_schema import InlineSchema
from components.model_card import ModelCard
from components.serving_check import ServingCheck
from components.soft_targets import TEACHER_KEYS, SoftTargets
from components.span_trainer import MEMBER_KEYS, Trainer
from configs.convert import overlay
from configs.library import class_names_of
from configs.load import to_json
from configs.spec import EnsembleConfig, ExportConfig, PipelineConfig, Recipe
from fer_tfx.contract import (
    CLASS_INDEX_KEY,
    EVAL_SPLIT,
    PROBABILITIES_KEY,
    SERVE_EXAMPLES,
    TRAIN_SPLIT,
    UNLABELLED_SPLIT,
)
from pipeline.eval_config import EVALUATOR_MODULES, EXTRACTOR_MODULE, build_eval_config
from pipeline.fingerprint import compute_code_fingerprint
from pipeline.history.acceptance import CACHE_KEY, EXAMPLES_KEY, STATISTICS_KEY
from pipeline.inputs import EarlierModel, ImportedHyperparameters, Input
from pipeline.lookups import Comparison, Lookup, find_first_weights, find_span_window
from reporting import model_card, render
from reporting.templates import compute_digest

HYPERPARAMETERS_KEY = "hyperparameters"
TUNER, IMPORTER = "Tuner", "ImportHyperparameters"
TUNING_OUTPUTS = {TUNER: "best_hyperparameters", IMPORTER: "hyperparameters"}
"""By node: the output that holds the hyperparameters."""

# Where the code of each component begins. TFX's own executors run Transform, so its version counts.
_MODULES = {
    "FerExampleGen": ("components.face_example_gen.component",),
    "DataGate": ("components.data_gate",),
    "Transform": ("models.preprocessing", "tfx"),
    "Trainer": ("models.trainer_fn", "components.span_trainer"),
    "Evaluator": EVALUATOR_MODULES,
    "ServingCheck": ("components.serving_check",),
    "ModelCard": ("components.model_card",),
    "Pusher": ("components.atomic_pusher",),
}
# What the model card names: the components and settings that a model and what is said of it depend on.
_MODEL_STAGES = ("FerExampleGen", "Transform", "Trainer", "Evaluator", "ServingCheck")
_MODEL_SETTINGS = ("name", "data", "spans", "validation", "model", "trainer", "training_input", "export", "gate")


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
    earlier_models: Sequence[EarlierModel] = ()
    lifted: int = 0
    """How many versions were brought back after a push had been refused for them."""
    trainer_class: type[BaseNode] = Trainer
    """One with the interface of TFX's."""
    trainer_settings: dict[str, Any] = field(default_factory=dict)
    """What such a one needs in its `custom_config`."""
    lost_spans: Sequence[int] = ()
    """Older spans to be ingested again; see `pipeline.history.acceptance.find_lost_spans`."""


def build_components(config: PipelineConfig, places: Places) -> list[BaseNode]:
    """All nodes of a run, in topological order. A node belongs to one pipeline, so each call builds new ones."""
    schema_gen = InlineSchema(schema_text=places.schema_text).with_id("ImportSchemaGen")
    schema = schema_gen.outputs["schema"]
    data = {node.id: node for node in _ingest(config, places, schema)}
    example_gen, gate = data["FerExampleGen"], data["DataGate"]
    examples, quarantine = example_gen.outputs[EXAMPLES_KEY], example_gen.outputs[QUARANTINE_KEY]
    statistics = data["StatisticsGen"].outputs[STATISTICS_KEY]
    remade = [node for span in places.lost_spans for node in _ingest(config, places, schema, span)]
    window = find_span_window(config.spans, places.data.labelled_pattern, example_gen, remade)

    transform = tfx.components.Transform(
        examples=window.outputs[EXAMPLES_KEY],
        analyzer_cache=window.outputs.get(CACHE_KEY),
        schema=schema,
        preprocessing_fn="models.preprocessing.preprocessing_fn",
        splits_config=tfx.proto.SplitsConfig(analyze=[TRAIN_SPLIT], transform=[TRAIN_SPLIT, EVAL_SPLIT]),
        # Trainer and export apply the graph themselves: normalised pictures would take ten times the space.
        materialize=False,
        disable_statistics=True,
        custom_config={"code": _code_of("Transform")},
    )
    transform.add_upstream_node(gate)
    training_data = {"examples": window.outputs[EXAMPLES_KEY], "transform_graph": transform.outputs["transform_graph"]}
    tuning = build_tuning(config, places.hyperparameters, places.checkpoints, **training_data)
    first_weights = find_first_weights(config.spans, examples)
    training_data["schema"] = schema
    teaching = build_teaching(config, places, **training_data)
    training_data |= teaching.outputs
    ensemble = build_members(config, places, **training_data)
    trainer = _build_trainer(
        "Trainer",
        places,
        **training_data,
        base_model=first_weights.outputs.get(MODEL_KEY),
        hyperparameters=tuning.outputs.get(HYPERPARAMETERS_KEY),
        custom_config=_settle_trainer(config, places),
        **ensemble.outputs,
    )
    model = trainer.outputs["model"]

    references, found = places.comparison.find_models(model) if config.gate.use_baseline else Lookup([], {})
    evaluator = tfx.components.Evaluator(
        examples=examples,
        model=model,
        baseline_model=found.get(MODEL_KEY),
        example_splits=[EVAL_SPLIT],
        eval_config=build_eval_config(config.gate, _code_of("Evaluator")),
        module_path=EXTRACTOR_MODULE,
    )
    serving_check = ServingCheck(
        model=model,
        examples=examples,
        baseline_model=found.get(LATENCY_MODEL_KEY),
        max_model_mb=config.gate.max_model_mb,
        max_latency_ratio=config.gate.max_latency_ratio,
        code=_code_of("ServingCheck"),
    )
    evaluation = evaluator.outputs["evaluation"]
    blessings = {"model_blessing": evaluator.outputs["blessing"], "infra_blessing": serving_check.outputs["blessing"]}
    judged = {"examples": examples, "quarantine": quarantine, "model": model, "evaluation": evaluation, **blessings}
    card = build_model_card(config, places.earlier_models, **judged)
    pusher = AtomicPusher(
        model=model,
        **blessings,
        card=card.outputs[CARD_KEY],
        evaluation=evaluation,
        folder=places.serving,
        config=config.serving,
        code=_code_of("Pusher"),
        lifted=places.lifted,
    ).with_id("Pusher")
    pushed_model = pusher.outputs["pushed_model"]
    report = HtmlReport(
        settings=to_json(config),
        stage_code={name: _code_of(name) for name in _MODULES},
        # The template is no module, and an edit of it is an edit of the page.
        code=f"{compute_code_fingerprint('components.html_report')}-{compute_digest(render.TEMPLATE)}",
        **judged,
        schema=schema,
        statistics=statistics,
        previous_statistics=gate.inputs.get("previous_statistics"),
        anomalies=data["ExampleValidator"].outputs["anomalies"],
        baseline_model=found.get(MODEL_KEY),
        service_model=found.get(SERVICE_MODEL_KEY),
        card=card.outputs[CARD_KEY],
        pushed_model=pushed_model,
    )
    return [
        schema_gen, *data.values(), *remade, *window.nodes, transform, *tuning.nodes, *first_weights.nodes,
        *teaching.nodes, *ensemble.nodes, trainer, *references, evaluator, serving_check, card, pusher,
        _infer_in_bulk(examples=example_gen.outputs[UNLABELLED_EXAMPLES_KEY], model=model, **blessings),
        *places.comparison.record(gate, statistics, model, pushed_model), report,
    ]  # fmt: skip


def _code_of(component: str) -> str:
    return compute_code_fingerprint(*_MODULES[component])


def _ingest(config: PipelineConfig, places: Places, schema: BaseChannel, span: int | None = None) -> list[BaseNode]:
    """Takes data in and judges them: this run's, or an older span's again, whose drift was judged when it came."""
    suffix = "" if span is None else f"OfSpan{span}"
    example_gen = FerExampleGen(
        input_base=places.data.base,
        patterns=places.data.patterns,
        data_config=config.data,
        code=_code_of("FerExampleGen"),
        span=span,
    ).with_id(f"FerExampleGen{suffix}")
    # The schema tells StatisticsGen that labels are categories and pixels are not words.
    statistics_gen = tfx.components.StatisticsGen(examples=example_gen.outputs[EXAMPLES_KEY], schema=schema)
    statistics = statistics_gen.with_id(f"StatisticsGen{suffix}").outputs[STATISTICS_KEY]
    validator = tfx.components.ExampleValidator(statistics=statistics, schema=schema)
    previous = places.comparison.find_statistics(statistics) if span is None else Lookup([], {})
    gate = DataGate(
        statistics=statistics,
        previous_statistics=previous.outputs.get(STATISTICS_KEY),
        schema=schema,
        anomalies=validator.with_id(f"ExampleValidator{suffix}").outputs["anomalies"],
        quarantine=example_gen.outputs[QUARANTINE_KEY],
        name=config.name,
        code=_code_of("DataGate"),
    ).with_id(f"DataGate{suffix}")
    return [example_gen, statistics_gen, validator, *previous.nodes, gate]


def build_tuning(
    config: PipelineConfig,
    imported: ImportedHyperparameters | None,
    checkpoints: str,
    examples: BaseChannel,
    transform_graph: BaseChannel,
) -> Lookup:
    """A Tuner if trials are asked for, what imports an earlier result if one is given, otherwise nothing."""
    if config.tuner.trials:
        tuner = tfx.components.Tuner(
            tuner_fn="models.tuner_fn.tuner_fn",
            examples=examples,
            transform_graph=transform_graph,
            train_args=trainer_pb2.TrainArgs(splits=[TRAIN_SPLIT]),
            eval_args=trainer_pb2.EvalArgs(splits=[EVAL_SPLIT]),
            custom_config={
                "classes": json.dumps(class_names_of(config.data)),
                "model": to_json(config.model),
                # With the length of a trial, so that another length of the final training repeats no search.
                "trainer": to_json(replace(config.trainer, epochs=config.tuner.epochs)),
                "tuner": to_json(config.tuner),
                "checkpoint_root": checkpoints,
                "code": compute_code_fingerprint("models.tuner_fn"),
            },
        )
        return Lookup([tuner], {HYPERPARAMETERS_KEY: tuner.outputs[TUNING_OUTPUTS[TUNER]]})
    if imported:
        importer = HyperparametersImporter(folder=imported.uri, fingerprint=imported.fingerprint).with_id(IMPORTER)
        return Lookup([importer], {HYPERPARAMETERS_KEY: importer.outputs[TUNING_OUTPUTS[IMPORTER]]})
    return Lookup([], {})


def build_teaching(config: PipelineConfig, places: Places, **training_data: BaseChannel) -> Lookup:
    """Teachers, and what writes their answers beside the training rows; nothing if no distillation is asked for."""
    folds = config.distillation.folds
    if not folds:
        return Lookup([], {})
    recipe = overlay(Recipe(config.model, config.trainer), config.distillation.teacher)
    export = replace(config.export, views=config.distillation.views)
    teachers = []
    for fold in range(folds):
        name = f"Teacher{fold}"
        # A folder for each: a finished training clears its own of what is left of others.
        settings = _settle_training(config, recipe, export, f"{places.checkpoints}-{name}")
        unseen = {"unseen": json.dumps([fold, folds])} if folds > 1 else {}
        settings |= {**unseen, **places.trainer_settings}
        teachers.append(_build_trainer(name, places, **training_data, custom_config=settings))
    targets = SoftTargets(
        examples=training_data["examples"],
        code=compute_code_fingerprint("components.soft_targets"),
        **{key: teacher.outputs["model"] for key, teacher in zip(TEACHER_KEYS, teachers, strict=False)},
    ).with_id("SoftTargets")
    return Lookup([*teachers, targets], {TARGETS_KEY: targets.outputs[TARGETS_KEY]})


def build_members(config: PipelineConfig, places: Places, **training_data: BaseChannel) -> Lookup:
    """The trainings of an ensemble's further networks; the Trainer, which has the first, puts all into its model."""
    members = []
    for number, differences in enumerate(config.ensemble.members, start=1):
        name, recipe = f"Member{number}", overlay(Recipe(config.model, config.trainer), differences)
        # A folder for each recipe, whatever its number: it finds what it has trained among other members too.
        digest = hashlib.sha256(to_json(recipe).encode()).hexdigest()[:8]
        settings = _settle_training(config, recipe, config.export, f"{places.checkpoints}-Member-{digest}")
        settings |= {**_settle_teaching(config), **places.trainer_settings}
        members.append(_build_trainer(name, places, **training_data, custom_config=settings))
    return Lookup(members, {key: each.outputs["model"] for key, each in zip(MEMBER_KEYS, members, strict=False)})


def _build_trainer(name: str, places: Places, **given: Any) -> BaseNode:
    return places.trainer_class(
        run_fn="models.trainer_fn.run_fn",
        train_args=trainer_pb2.TrainArgs(splits=[TRAIN_SPLIT]),
        eval_args=trainer_pb2.EvalArgs(splits=[EVAL_SPLIT]),
        **given,
    ).with_id(name)


def _settle_trainer(config: PipelineConfig, places: Places) -> dict[str, Any]:
    """The Trainer's settings, and what its cache key must know besides."""
    settings = _settle_training(config, Recipe(config.model, config.trainer), config.export, places.checkpoints)
    if places.hyperparameters and not config.tuner.trials:
        settings["hyperparameters"] = places.hyperparameters.fingerprint
    if places.earlier_models:
        settings["earlier_models"] = json.dumps([(each.uri, each.fingerprint) for each in places.earlier_models])
    if config.spans.warm_start:
        settings["warm_start_code"] = compute_code_fingerprint("models.warm_start")
    return {**settings, **_settle_teaching(config), **places.trainer_settings}


def _settle_teaching(config: PipelineConfig) -> dict[str, str]:
    return {"distillation": to_json(config.distillation)} if config.distillation.folds else {}


def _settle_training(config: PipelineConfig, recipe: Recipe, export: ExportConfig, checkpoints: str) -> dict[str, Any]:
    return {
        "classes": json.dumps(class_names_of(config.data)),
        "model": to_json(recipe.model),
        "trainer": to_json(recipe.trainer),
        "export": to_json(export),
        "training_input": to_json(config.training_input),
        "checkpoint_root": checkpoints,
        "code": _code_of("Trainer"),
        "training_code": compute_code_fingerprint("models.training", "models.networks"),
        "streaming_code": compute_code_fingerprint("models.streaming"),
    }


def build_model_card(
    config: PipelineConfig, earlier_models: Sequence[EarlierModel] = (), **inputs: BaseChannel
) -> BaseNode:
    """ModelCard; `inputs` are the artifacts that it reads, by the keys of its spec."""
    sections = json.loads(to_json(config))
    settings = {name: sections[name] for name in _MODEL_SETTINGS}
    # The same files may have several paths; the card names them by their content.
    for key in ("path", "unlabelled_path", "votes_path"):
        del settings["data"][key]
    # The settings of a search that did not happen are no property of the model.
    is_tuned = config.tuner.trials or config.tuner.hyperparameters_path
    settings["tuner"] = sections["tuner"] if is_tuned else {"trials": 0}
    if config.distillation.folds:
        settings["distillation"] = sections["distillation"]
    if config.ensemble != EnsembleConfig():
        models = [each.fingerprint or each.uri for each in earlier_models]
        settings["ensemble"] = sections["ensemble"] | {"models": models}
    return ModelCard(
        settings=settings,
        stage_code={name: _code_of(name) for name in _MODEL_STAGES},
        code=f"{_code_of('ModelCard')}-{compute_digest(model_card.TEMPLATE)}",
        **inputs,
    )


def _infer_in_bulk(**inputs: BaseChannel) -> BaseNode:
    keys = (PROBABILITIES_KEY, CLASS_INDEX_KEY)
    columns = [bulk_inferrer_pb2.PredictOutputCol(output_key=key, output_column=key) for key in keys]
    predict_output = bulk_inferrer_pb2.PredictOutput(output_columns=columns)
    return GatedBulkInferrer(
        **inputs,
        data_spec=bulk_inferrer_pb2.DataSpec(example_splits=[UNLABELLED_SPLIT]),
        model_spec=bulk_inferrer_pb2.ModelSpec(model_signature_name=[SERVE_EXAMPLES]),
        output_example_spec=bulk_inferrer_pb2.OutputExampleSpec(
            output_columns_spec=[bulk_inferrer_pb2.OutputColumnsSpec(predict_output=predict_output)]
        ),
        code=compute_code_fingerprint("components.gated_bulk_inferrer"),
    ).with_id("BulkInferrer")
