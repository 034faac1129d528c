"""A machine that tries histories of runs: Hypothesis draws them, the real rule of acceptance answers.

Real are the metadata (ML Metadata in SQLite), the look-ups, the data gate's decision on drift, the interval of the
accuracy gate, the bounds of ServingCheck, the folder of versions and the acceptance by hand. Drawn are the kind of the
data and which eval rows a model gets right: nothing is trained. Artifacts are folders of one small file.
"""

import gc
import json
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import ml_metadata
import numpy as np
import numpy.typing as npt
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx.types import standard_artifacts

from components.acceptance import DIGEST_PROPERTY, NO_SLOWER_PROPERTY, NO_WORSE_PROPERTY
from components.data_gate import DataGate, find_drift
from fer_tfx.contract import DEFAULT_CLASS_NAMES, LABEL_KEY, TRAIN_SPLIT
from fer_tfx.errors import ConfigError
from fer_tfx.versions.folder import VersionFolder
from fer_tfx.versions.model_digest import compute_digest
from fer_tfx.versions.versions import ServedModel
from pipeline.history.acceptance import AcceptedStrategy, accept_version, is_whole, list_accepted_spans
from reporting.intervals import CHANGE_LEVEL, paired_difference_interval
from reporting.serving_figures import ServingFigures

ROWS = 200
MARGIN = 0.01
GATE_TYPE = f"{DataGate.__module__}.{DataGate.__name__}"
KINDS = ("good", "shifted")
QUALITIES = ("better", "equal", "worse", "slow", "unservable", "copy")
_MODEL_FILES = ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001")
_INPUT, _OUTPUT = mlmd.Event.INPUT, mlmd.Event.OUTPUT
_COMPLETE, _CACHED, _FAILED = mlmd.Execution.COMPLETE, mlmd.Execution.CACHED, mlmd.Execution.FAILED
# Thousands of histories of small files: a disk would take most of the time.
_MEMORY = Path("/dev/shm")
_SCHEMA = Path(__file__).parents[1] / "schema" / "schema.pbtxt"


@dataclass(frozen=True)
class Delivery:
    """What `fer-tfx run` is pointed at."""

    span: int
    kind: str
    source: str = "a"


@dataclass
class Model:
    """A candidate as its training left it."""

    hits: npt.NDArray[np.bool_]
    content: str
    latency_ms: float = 1.0
    is_servable: bool = True

    @property
    def accuracy(self) -> float:
        return float(self.hits.mean())


@dataclass
class Night:
    """One command and what became of it."""

    delivery: Delivery
    model: Model
    examples: int
    statistics: int
    exit_code: int = 0
    model_id: int = 0
    answers: dict[str, Any] = field(default_factory=dict)


# URIs of the models that an Evaluator let through, pushed or not: for a rule that would take these.
BLESSED: set[str] = set()


class AcceptanceMachine(RuleBasedStateMachine):
    """Random histories on one work folder. What a run learned from, is held to and serves is checked in each step."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="acceptance-", dir=_MEMORY if _MEMORY.is_dir() else None))
        config = mlmd.ConnectionConfig()
        config.fake_database.SetInParent()  # MLMD's word for SQLite in memory
        self.store = ml_metadata.MetadataStore(config)
        self.types: dict[tuple[str, str], int] = {}
        self.folder = VersionFolder(self.home / "serving", ServedModel("fer", "/models/fer"))
        self.random = np.random.default_rng(0)
        self.clock_s = 1_700_000_000
        self.newest_span = 0
        self.accepted: set[int] = set()
        """Ids of examples and statistics that the gate let through, as the machine itself keeps count."""
        self.gone_sources: set[Delivery] = set()
        self.models: dict[int, Model] = {}
        self.pushed: set[int] = set()
        """Artifact ids of the models that were pushed."""
        self.contents: dict[int, str] = {}
        """By version."""
        self.taken_back: set[int] = set()
        """Versions that a person took out of service."""
        self.served: list[int] = []
        self.aside: list[int] = []
        self.rolled_back: set[str] = set()
        """Contents that no run may serve or refer to."""
        self.ids: dict[str, list[int]] = {}
        """By the type of the artifact."""
        self.wrapped: dict[int, Any] = {}
        """By id, as TFX hands them to a strategy."""
        self.anchor: int | None = None
        self.last: Night | None = None
        for kind in ("Examples", "ExampleStatistics", "Model", "PushedModel", "TransformCache"):
            self._type("artifact", kind)

    def teardown(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)

    @initialize()
    def first_night(self) -> None:
        self._run(Delivery(self._next_span(), "good"), self._train("equal"))
        assert self.last is not None
        assert self.last.exit_code == 0

    @rule(kind=st.sampled_from(KINDS), quality=st.sampled_from(QUALITIES), source=st.sampled_from("aaab"))
    def deliver(self, kind: str, quality: str, source: str) -> None:
        """New data come, and the night trains."""
        self._run(Delivery(self._next_span(), kind, source), self._train(quality))

    @rule(quality=st.sampled_from(QUALITIES))
    def touch(self, quality: str) -> None:
        """The files of last night are copied anew, or the seed is changed."""
        assert self.last is not None
        self._run(self.last.delivery, self._train(quality))

    @rule()
    def repeat(self) -> None:
        """The same command again finds the same answers, so all of it is cached and nothing changes."""
        assert self.last is not None
        night, served = self.last, self.served
        if night.answers:
            again = {
                "statistics": self._find_drift_reference(night.statistics),
                "spans": self._find_window(night.examples, night.delivery),
                "first_weights": self._find_first_weights(night.examples),
                **self._find_references(night.model_id),
            }
            assert again == night.answers, f"the same command again: {night.answers} became {again}"
        self._observe()
        assert self.served == served

    @rule(offset=st.integers(1, 3), takes_source=st.booleans())
    def damage(self, offset: int, takes_source: bool) -> None:
        """An older span's examples are lost, perhaps with the files that they were made of."""
        for proto in map(self._get, self._all("Examples")):
            if proto.custom_properties["span"].int_value == self.newest_span - offset:
                shutil.rmtree(proto.uri, ignore_errors=True)
                if takes_source:
                    kind, source = (proto.custom_properties[key].string_value for key in ("kind", "source"))
                    self.gone_sources.add(Delivery(self.newest_span - offset, kind, source))
        self._forget_answers()

    @precondition(lambda self: len(self.served) > 1)
    @rule()
    def roll_back(self) -> None:
        try:
            self._serve(None)
        except ConfigError:  # every earlier one is of a model that was rolled back
            assert {self.contents[each] for each in self.served[:-1]} <= self.rolled_back

    @precondition(lambda self: self.aside)
    @rule(number=st.integers(0, 3))
    def bring_back(self, number: int) -> None:
        """A person serves a version that was rolled back, or one that was pushed before it."""
        known = sorted([*self.served, *self.aside])
        self._serve(known[-1 - number % len(known)])

    def _serve(self, version: int | None) -> None:
        target, before = self.folder.roll_back(version), set(self.served)
        served = set(self.folder.list_served())
        by_hand = self.contents[target]
        assert version or by_hand not in self.rolled_back, "a roll-back goes to a rolled-back model"
        self.taken_back = {
            each for each in self.taken_back | (before - served) if each != target and self.contents[each] != by_hand
        }
        self._observe()
        self._look_again()

    @precondition(lambda self: self.served)
    @rule()
    def accept(self) -> None:
        """A person accepts what is in service."""
        version = self.served[-1]
        accept_version(self.store, version, "looked at by hand", int(time.time() * 1000) + 1)
        for pushed_model in self._all("PushedModel"):
            self.wrapped.pop(pushed_model, None)  # the store knows more of it now
        self._look_again()
        assert self.anchor is not None
        assert self.models[self.anchor].content == self.contents[version], "what was accepted by hand is not the anchor"

    @rule(quality=st.sampled_from(QUALITIES))
    def killed_push(self, quality: str) -> None:
        """A run dies between its push and the note of it; the same command then goes on."""
        self._run(Delivery(self._next_span(), "good"), self._train(quality), dies=True)

    def _look_again(self) -> None:
        """A hand has changed what later look-ups find."""
        self.anchor = self._find_anchor()
        self._forget_answers()

    def _forget_answers(self) -> None:
        if self.last is not None:
            self.last.answers = {}

    def _run(self, delivery: Delivery, model: Model, *, dies: bool = False) -> None:
        """A run as the graph orders it."""
        examples, statistics = self._ingest(delivery)
        night = self.last = Night(delivery, model, examples, statistics, exit_code=3)
        night.answers = {"statistics": self._find_drift_reference(statistics)}
        if not self._gate(delivery, examples, statistics, night.answers["statistics"]):
            night.answers = {}
            return
        if not self._mend_window(delivery):
            night.answers, night.exit_code = {}, 2
            return
        night.model_id = self._fit(night)
        night.answers |= self._find_references(night.model_id)
        pushes = len(self._all("PushedModel"))
        night.exit_code = self._judge_and_push(night, dies=dies)
        if len(self._all("PushedModel")) == pushes:
            return  # what the look-ups go by is as it was
        self._observe()
        assert self.served[-1] not in self.taken_back, "a rolled-back version is served"
        before, self.anchor = self.anchor, self._find_anchor()
        assert self._accuracy_of(self.anchor) >= self._accuracy_of(before), "the anchor's accuracy fell in a run"

    def _ingest(self, delivery: Delivery) -> tuple[int, int]:
        parameters = {
            "input_base": f"/data/{delivery.source}",
            "input_config": json.dumps({"splits": [{"name": "labelled", "pattern": f"span-{delivery.span}/*"}]}),
        }
        marks = {"span": delivery.span, "kind": delivery.kind, "source": delivery.source}
        examples = self._put("FerExampleGen", {}, "examples", "Examples", marks, parameters=parameters)
        statistics = self._put(
            "StatisticsGen", {"examples": examples}, "statistics", "ExampleStatistics", {"kind": delivery.kind}
        )
        data, described = (Path(artifact.uri) for artifact in self._wrap([examples, statistics]))
        (data / "Split-train").mkdir(parents=True)
        (data / "Split-train" / "data.gz").touch()
        described.mkdir(parents=True)
        return examples, statistics

    def _find_drift_reference(self, statistics: int) -> int | None:
        found = self._resolve("statistics", {"statistics": self._all("ExampleStatistics"), "current": [statistics]})
        reference = next(iter(found["statistics"]), None)
        assert reference is None or reference in self.accepted, "data are compared with refused data"
        return reference

    def _gate(self, delivery: Delivery, examples: int, statistics: int, reference: int | None) -> bool:
        before = self._get(reference).custom_properties["kind"].string_value if reference else ""
        passes = not find_drifts(delivery.kind, before)
        assert passes or delivery.kind != "good", "a good delivery is refused"
        assert passes is (delivery.kind == "good"), "shifted data are accepted"
        state = _COMPLETE if passes else _FAILED
        self._put(GATE_TYPE, {"statistics": statistics}, "", "", {}, state=state)
        if passes:
            self.accepted |= {examples, statistics}
        return passes

    def _mend_window(self, delivery: Delivery) -> bool:
        """As `pipeline.history.acceptance.find_lost_spans` and the nodes that it adds; False: the run stops."""
        pattern = _pattern(delivery)
        older = list_accepted_spans(self.store, self._wrap(self._all("Examples")), delivery.span, pattern)[-2:]
        for artifact in older:
            if not is_whole(artifact):
                lost = Delivery(
                    artifact.get_int_custom_property("span"),
                    artifact.get_string_custom_property("kind"),
                    artifact.get_string_custom_property("source"),
                )
                if lost in self.gone_sources:
                    return False
                examples, statistics = self._ingest(lost)
                assert self._gate(lost, examples, statistics, None)
        return True

    def _fit(self, night: Night) -> int:
        window = night.answers["spans"] = self._find_window(night.examples, night.delivery)
        night.answers["first_weights"] = self._find_first_weights(night.examples)
        model_id = self._put("Trainer", {"examples": window}, "model", "Model", {})
        write_model(Path(self._get(model_id).uri), night.model.content)
        self.models[model_id] = night.model
        return model_id

    def _find_window(self, examples: int, delivery: Delivery) -> list[int]:
        given = {"examples": self._all("Examples"), "current": [examples]}
        window = self._resolve("spans", given, window=3, pattern=_pattern(delivery))["examples"]
        sources = {self._get(each).custom_properties["source"].string_value for each in window}
        assert set(window) <= self.accepted, "refused data are trained on"
        assert sources == {delivery.source}, "a window holds spans of two sources"
        spans = [self._get(each).custom_properties["span"].int_value for each in window]
        assert spans == sorted(set(spans)), "a window holds a span twice, or out of order"
        return window

    def _find_first_weights(self, examples: int) -> list[int]:
        given = {"model": self._all("Model"), "pushed_model": self._all("PushedModel"), "current": [examples]}
        found = self._resolve("warm_start", given)["model"]
        self._check_reference(found, "a training begins with")
        return found

    def _find_references(self, candidate: int | None) -> dict[str, list[int]]:
        given = {
            "model": self._all("Model"),
            "pushed_model": self._all("PushedModel"),
            "candidate": [candidate] if candidate else [],
        }
        found = self._resolve("references", given)
        for key in ("model", "latency_model", "service_model"):
            self._check_reference(found[key], f"{key}: a model is held to")
        return {key: ids for key, ids in found.items() if key != "pushed_model"}

    def _check_reference(self, found: list[int], what: str) -> None:
        for model_id in found:
            assert model_id in self.pushed, f"{what} one that was never pushed"
            assert self.models[model_id].content not in self.rolled_back, f"{what} one that was rolled back"

    def _judge_and_push(self, night: Night, *, dies: bool) -> int:
        references = night.answers
        candidate = night.model
        gained, lost = self._compare(candidate, references["model"])
        if paired_difference_interval(gained, lost, ROWS, CHANGE_LEVEL).high < -MARGIN:
            return 3
        BLESSED.add(self._get(night.model_id).uri)
        if not candidate.is_servable:
            return 3
        against = [self.models[each].latency_ms for each in references["latency_model"]]
        figures = ServingFigures(1, candidate.latency_ms, next(iter(against), None))
        if figures.find_excess(10, 2):
            return 3
        source = self._get(night.model_id).uri
        if self.folder.find_refusal(source):
            assert candidate.content in self.rolled_back, "a model that nobody rolled back is not pushed"
            return 3
        version = self.folder.push(source, self._tick())
        if dies:
            self.folder.push(source, self._tick())
        self.folder.forget(4)
        marks: dict[str, int | str] = {
            "pushed": 1,
            "pushed_version": str(version),
            "pushed_destination": str(self.folder.path / str(version)),
            DIGEST_PROPERTY: self._digest(night.model.content),
            NO_WORSE_PROPERTY: int(gained >= lost),
            NO_SLOWER_PROPERTY: int((figures.latency_ratio or 1) <= 1),
        }
        self._put("Pusher", {"model": night.model_id}, "pushed_model", "PushedModel", marks)
        self.pushed.add(night.model_id)
        self.contents[version] = night.model.content
        return 0

    def _compare(self, candidate: Model, anchor: list[int]) -> tuple[int, int]:
        if not anchor:
            return 0, 0
        before = self.models[anchor[0]].hits
        return int((candidate.hits & ~before).sum()), int((before & ~candidate.hits).sum())

    def _observe(self) -> None:
        """Look at the folder of versions once for all that a step asks of it."""
        self.served, self.aside = self.folder.list_served(), self.folder.list_rolled_back()
        self.rolled_back = {self.contents[each] for each in self.taken_back}

    def _find_anchor(self) -> int | None:
        return next(iter(self._find_references(None)["model"]), None)

    def _accuracy_of(self, model_id: int | None) -> float:
        return self.models[model_id].accuracy if model_id else 0.0

    def _train(self, quality: str) -> Model:
        """A model whose rows depend on the anchor's, so that "better" and "worse" mean something."""
        hits = self.models[self.anchor].hits.copy() if self.anchor else self.random.random(ROWS) < 0.6
        if quality == "copy" and self.models:
            known = list(self.models.values())
            return known[int(self.random.integers(len(known)))]
        flipped = self.random.random(ROWS)
        if quality == "better":
            hits |= flipped < 0.08
        elif quality == "worse":
            hits &= flipped > 0.2
        else:
            hits ^= flipped < 0.1
        latency_ms = 3.0 if quality == "slow" else 1 + 0.05 * float(self.random.standard_normal())
        return Model(hits, f"weights {len(self.models)}", latency_ms, quality != "unservable")

    @staticmethod
    def _digest(content: str) -> str:
        return compute_digest((name, content.encode()) for name in _MODEL_FILES)

    def _next_span(self) -> int:
        self.newest_span += 1
        return self.newest_span

    def _tick(self) -> int:
        self.clock_s += 60
        return self.clock_s

    def _resolve(self, question: str, given: dict[str, list[int]], **options: Any) -> dict[str, list[int]]:
        wrapped = {key: self._wrap(ids) for key, ids in given.items()}
        found = AcceptedStrategy(question, **options).resolve_artifacts(self.store, wrapped)
        assert found is not None
        return {key: [artifact.id for artifact in artifacts] for key, artifacts in found.items() if key != "current"}

    def _wrap(self, ids: list[int]) -> list[Any]:
        unknown = [each for each in ids if each not in self.wrapped]
        for proto in self.store.get_artifacts_by_id(unknown) if unknown else []:
            self.wrapped[proto.id] = getattr(standard_artifacts, proto.type)()
            self.wrapped[proto.id].set_mlmd_artifact(proto)
        return [self.wrapped[each] for each in ids]

    def _all(self, kind: str) -> list[int]:
        return list(self.ids.get(kind, []))

    def _get(self, artifact_id: int) -> mlmd.Artifact:
        return self._wrap([artifact_id])[0].mlmd_artifact

    def _put(
        self,
        node: str,
        inputs: dict[str, int | list[int]],
        key: str,
        kind: str,
        marks: dict[str, int | str],
        *,
        parameters: dict[str, str] | None = None,
        state: int = _COMPLETE,
    ) -> int:
        """An execution with its events and one output, or none: the output's id."""
        execution = mlmd.Execution(type_id=self._type("execution", node), last_known_state=state)
        for name, text in (parameters or {}).items():
            execution.custom_properties[name].string_value = text
        pairs: list[tuple[mlmd.Artifact | None, mlmd.Event]] = [
            (None, _event(_INPUT, name, each))
            for name, ids in inputs.items()
            for each in (ids if isinstance(ids, list) else [ids])
        ]
        if kind:
            artifact = mlmd.Artifact(type_id=self._type("artifact", kind))
            if kind == "Examples":
                artifact.properties["split_names"].string_value = '["train"]'
            artifact.uri = str(self.home / "artifacts" / node / key / str(self._tick()))
            for name, value in marks.items():
                if isinstance(value, int):
                    artifact.custom_properties[name].int_value = value
                else:
                    artifact.custom_properties[name].string_value = value
            pairs.append((artifact, _event(_OUTPUT, key)))
        _, artifact_ids, _ = self.store.put_execution(execution, pairs, [])
        if not kind:
            return 0
        self.ids.setdefault(kind, []).append(int(artifact_ids[-1]))
        return int(artifact_ids[-1])

    def _type(self, what: str, name: str) -> int:
        if (what, name) not in self.types:
            if what == "execution":
                self.types[what, name] = self.store.put_execution_type(mlmd.ExecutionType(name=name))
            else:
                self.types[what, name] = self.store.put_artifact_type(_artifact_type(name))
        return self.types[what, name]


@cache
def _artifact_type(name: str) -> mlmd.ArtifactType:
    """As TFX registers it."""
    return getattr(standard_artifacts, name)._get_artifact_type()


def _event(kind: int, key: str, artifact_id: int | None = None) -> mlmd.Event:
    event = mlmd.Event(type=kind, artifact_id=artifact_id)
    event.path.steps.add().key = key
    return event


def _pattern(delivery: Delivery) -> str:
    return f"/data/{delivery.source}/span-{{SPAN}}/*"


def write_model(folder: Path, content: str) -> None:
    """A SavedModel as far as a folder of versions looks at it."""
    (folder / "variables").mkdir(parents=True)
    for name in _MODEL_FILES:
        (folder / name).write_text(content)


@cache
def find_drifts(kind: str, before: str) -> tuple[str, ...]:
    """The data gate's own check of one kind of data against another; empty: it lets them through."""
    statistics = {name: {TRAIN_SPLIT: _describe(name)} for name in KINDS}
    schema = _read_schema()
    return tuple(find_drift(statistics[kind], statistics.get(before, {}), schema, DEFAULT_CLASS_NAMES))


def _read_schema() -> schema_pb2.Schema:
    from google.protobuf import text_format

    schema: schema_pb2.Schema = text_format.Parse(_SCHEMA.read_text("utf-8"), schema_pb2.Schema())
    return schema


def _describe(kind: str) -> statistics_pb2.DatasetFeatureStatisticsList:
    """TFDV's statistics of 1,000 labels: even, or two thirds of one class."""
    counts = [143] * len(DEFAULT_CLASS_NAMES) if kind == "good" else [660, *[55] * (len(DEFAULT_CLASS_NAMES) - 1)]
    described = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = described.datasets.add(num_examples=sum(counts))
    feature = dataset.features.add(type=statistics_pb2.FeatureNameStatistics.INT)
    feature.path.step.append(LABEL_KEY)
    common = feature.string_stats.common_stats
    common.num_non_missing, common.min_num_values, common.max_num_values = sum(counts), 1, 1
    for index, count in enumerate(counts):
        feature.string_stats.rank_histogram.buckets.add(
            low_rank=index, high_rank=index, label=str(index), sample_count=count
        )
    return described


def try_histories(count: int, *, shrinks: bool = True) -> None:
    """Draw so many histories of 15 steps; the same ones in each process.

    Raises:
        AssertionError: one broke the rule. It is printed: the shortest that does, or, quicker, the first.
    """
    gc.collect()
    gc.freeze()  # TFX's imports leave millions of objects, which the collector would walk again and again
    run_state_machine_as_test(
        AcceptanceMachine,
        settings=settings(
            max_examples=count,
            stateful_step_count=15,
            deadline=None,
            derandomize=True,
            report_multiple_bugs=False,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, *([Phase.shrink] if shrinks else [])],
        ),
    )
