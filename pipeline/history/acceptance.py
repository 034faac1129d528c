"""What ML Metadata says is accepted: data that the data gate let through, models that were pushed and not rolled back.

Each answer leaves out what is being judged and what came of it, so a second run on unchanged input gets the same
answers and everything stays cached. `components.acceptance` has the rule for models.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from tfx.components.example_gen import utils
from tfx.components.example_gen.input_processor import FileBasedInputProcessor
from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils

from components import acceptance as rule
from components.acceptance import MODEL_KEY
from components.bucket_versions import find_rolled_back, is_destination_whole
from components.data_gate import DataGate
from components.face_example_gen.component import only_span
from components.model_facts import read_class_names
from components.span_trainer import read_span
from configs.library import class_names_of
from configs.load import to_json
from configs.spec import DataConfig
from fer_tfx.errors import DataError
from pipeline.history import open_store_for_reading
from pipeline.history.records import (
    CACHED,
    COMPLETE,
    FAILED,
    INPUT,
    RUN_CONTEXT,
    SETTINGS_NOTE,
    find_makers,
    key_of,
    locate_labelled,
    read_node_settings,
    read_plain_values,
)
from pipeline.inputs import Input

# Of the artifacts that a strategy is given and gives back, beside those of `components.acceptance`.
PUSHED_KEY, CANDIDATE_KEY, CURRENT_KEY = "pushed_model", "candidate", "current"
STATISTICS_KEY, EXAMPLES_KEY, CACHE_KEY = "statistics", "examples", "analyzer_cache"

# Metadata of earlier versions has the second.
_GATE_TYPES = (f"{DataGate.__module__}.{DataGate.__name__}", "components.data_gate.component.DataGate")

# What decides which rows are trained on and which are held out.
_SPLIT_SETTINGS = ("splits", "eval_fraction", "test_fraction")

ArtifactsByKey = dict[str, list[Any]]


class AcceptedStrategy(ResolverStrategy):  # type: ignore[misc]
    """Answers one question about what is accepted; each answer is a function below, which gets the settings."""

    failure: ClassVar[Exception | None] = None
    """Why there was no answer last time: TFX passes on another error. None: there was one."""

    def __init__(self, question: str, **settings: Any) -> None:
        self._question, self._settings = question, settings

    def resolve_artifacts(self, store: Any, input_dict: ArtifactsByKey) -> ArtifactsByKey | None:
        """Which artifacts are kept, by key; those of the run itself (`current`, `candidate`) are passed through."""
        answers: dict[str, Callable[..., ArtifactsByKey]] = {
            "statistics": find_drift_reference,
            "references": find_references,
            "spans": find_window,
            "analysis": find_analysis,
            "warm_start": find_first_weights,
        }
        AcceptedStrategy.failure = None
        try:
            return {**input_dict, **answers[self._question](store, input_dict, **self._settings)}
        except Exception as error:
            AcceptedStrategy.failure = error
            raise


def find_drift_reference(store: Any, given: ArtifactsByKey) -> ArtifactsByKey:
    """The statistics that the data gate accepted last before the `current` ones were made, and that still exist.

    Those of other classes are no reference. An older span that was ingested again is no new delivery: its statistics
    are another node's, in another folder.
    """
    current = min(given[CURRENT_KEY], key=lambda artifact: artifact.id)
    accepted = find_accepted_statistics(store)
    folder = current.uri.rpartition("/")[0]
    same_node = [each for each in given[STATISTICS_KEY] if each.uri.rpartition("/")[0] == folder]
    earlier = [each for each in same_node if each.id in accepted]
    examples = _find_inputs(store, [current.id, *(each.id for each in earlier)], EXAMPLES_KEY)
    classes = read_classes(store, examples.values())
    by_id = {statistics: classes.get(made_of) for statistics, made_of in examples.items()}
    alike = [each for each in earlier if by_id.get(each.id) == by_id.get(current.id)]
    return {STATISTICS_KEY: _take_latest(alike, current)}


def find_references(store: Any, given: ArtifactsByKey) -> ArtifactsByKey:
    """Anchor, latency reference and model in service, leaving out the `candidate`.

    The version need not be kept for serving any more.
    """
    candidates = {artifact.id for artifact in given[CANDIDATE_KEY]}
    others = [each for each in given[MODEL_KEY] if each.id not in candidates]
    pushes, models = _read_pushes(store, given[PUSHED_KEY], others)
    own = {_read_class_names(each) for each in given[CANDIDATE_KEY]}
    pushes = [replace(each, is_comparable=own <= {_read_class_names(models[each.model])}) for each in pushes]
    found = rule.choose_references(pushes, is_destination_whole)
    return {PUSHED_KEY: [], **{key: [models[push.model]] if push else [] for key, push in found.items()}}


def find_window(store: Any, given: ArtifactsByKey, window: int, pattern: str) -> ArtifactsByKey:
    """The `current` examples and those of the accepted spans before them, at most `window` in all, by span.

    A span of other classes is left out; `find_lost_spans` has it ingested again. The data come from `pattern`, `{SPAN}`
    as it is. Raises DataError: a span's files are gone, which `find_lost_spans` has ingested again before a run.
    """
    (current,) = given[CURRENT_KEY]
    older = list_accepted_spans(store, given[EXAMPLES_KEY], read_span(current), pattern)[-window + 1 :]
    classes = read_classes(store, [current.id, *(each.id for each in older)])
    older = [each for each in older if classes.get(each.id) == classes.get(current.id)]
    for artifact in older:
        if not is_whole(artifact):
            raise DataError(
                f"span {read_span(artifact)}: {artifact.uri}: its examples are gone; run the same command again to"
                " rebuild them, or set spans.window=1"
            )
    return {EXAMPLES_KEY: [*older, current]}


def list_accepted_spans(store: Any, examples: Iterable[Any], current_span: int, pattern: str) -> list[Any]:
    """The accepted examples of each span before the current one that come from the files of `pattern`, by span.

    Of a span that was accepted more than once the latest counts.
    """
    accepted = set(_find_inputs(store, find_accepted_statistics(store), EXAMPLES_KEY).values())
    earlier = [each for each in examples if each.id in accepted and read_span(each) < current_span]
    sources = _locate_sources(store, earlier)
    by_span = {
        read_span(artifact): artifact
        for artifact in sorted(earlier, key=lambda each: each.id)
        if sources.get(artifact.id) == _fill_in(pattern, artifact)
    }
    return [by_span[span] for span in sorted(by_span)]


def find_lost_spans(metadata: Path, data: Input, window: int, class_names: Sequence[str]) -> list[int]:
    """The older spans of the coming window whose examples were accepted and are gone, or have other classes, so that a
    run ingests them again.

    Raises DataError: the files of such a span are gone as well.
    """
    if window == 1 or not metadata.exists():
        return []
    splits = [example_gen_pb2.Input.Split(name=name, pattern=pattern) for name, pattern in data.patterns.items()]
    try:
        newest = int(FileBasedInputProcessor(data.base, splits).resolve_span_and_version()[0])
    except ValueError:  # there is none, which ingestion reports
        newest = 0
    if not newest:
        return []
    store = open_store_for_reading(metadata)
    artifact_type = store.get_artifact_type(standard_artifacts.Examples.TYPE_NAME)
    examples = [
        artifact_utils.deserialize_artifact(artifact_type, each)
        for each in store.get_artifacts_by_type(standard_artifacts.Examples.TYPE_NAME)
    ]
    older = list_accepted_spans(store, examples, newest, data.labelled_pattern)[-window + 1 :]
    classes = read_classes(store, [each.id for each in older])
    lost = {
        read_span(artifact): artifact.uri
        for artifact in older
        if not is_whole(artifact) or classes.get(artifact.id) != tuple(class_names)
    }
    for span, uri in lost.items():
        try:
            FileBasedInputProcessor(data.base, splits, only_span(span)).resolve_span_and_version()
        except ValueError:
            raise DataError(
                f"span {span}: its examples in {uri} are damaged or gone, or have other classes, and no files of it are"
                f" left at {data.base}/{' and '.join(data.patterns.values())}; bring the files back, or set"
                " spans.window=1"
            ) from None
    return list(lost)


def read_classes(store: Any, examples: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """The names of the classes in each of the examples, by their id."""
    makers = find_makers(store, examples)
    executions = store.get_executions_by_id(sorted(set(makers.values()))) if makers else []
    settings = {
        each.id: read_node_settings("FerExampleGen", read_plain_values(each.custom_properties)) for each in executions
    }
    default = DataConfig().classes  # of versions that had no other
    classes = {each: DataConfig(classes=found.get("data.classes", default)) for each, found in settings.items()}
    return {artifact: class_names_of(classes[maker]) for artifact, maker in makers.items()}


def _read_class_names(model: Any) -> tuple[str, ...]:
    return read_class_names(path_utils.serving_model_path(model.uri))


def find_analysis(store: Any, given: ArtifactsByKey) -> ArtifactsByKey:
    """The last cache of Transform's analysis from before the `current` span was ingested, if it still exists."""
    (current,) = given[CURRENT_KEY]
    return {CACHE_KEY: _take_latest(given[CACHE_KEY], current)}


def find_first_weights(store: Any, given: ArtifactsByKey) -> ArtifactsByKey:
    """The model that was in service when the `current` examples were ingested.

    Not the anchor, which may be a model of the same data. The version need not be kept any more: this answer stays the
    same, whatever is trained on the data.
    """
    (current,) = given[CURRENT_KEY]
    earlier = [each for each in given[PUSHED_KEY] if each.id < current.id]
    pushes, models = _read_pushes(store, earlier, given[MODEL_KEY])
    push = rule.find_in_service(pushes, lambda destination: True)
    return {MODEL_KEY: [models[push.model]] if push else [], PUSHED_KEY: []}


def find_accepted_statistics(store: Any) -> set[int]:
    """Ids of the statistics that the data gate's latest verdict let through.

    A gate that was killed gave no verdict. One that failed for lack of disk did, as nothing distinguishes it.
    """
    executions = [each for gate_type in _GATE_TYPES for each in store.get_executions_by_type(gate_type)]
    states = {each.id: each.last_known_state for each in executions}
    judged = sorted(gate for gate, state in states.items() if state in (COMPLETE, CACHED, FAILED))
    latest: dict[int, int] = {}
    for event in store.get_events_by_execution_ids(judged) if judged else []:
        if event.type == INPUT and key_of(event) == STATISTICS_KEY:
            latest[event.artifact_id] = max(event.execution_id, latest.get(event.artifact_id, 0))
    return {statistics for statistics, gate in latest.items() if states[gate] != FAILED}


def _read_pushes(store: Any, artifacts: Iterable[Any], models: Iterable[Any]) -> tuple[list[rule.Push], dict[int, Any]]:
    """Those PushedModel artifacts that were pushed from one of the models that still exist; and these models by id."""
    pushed = {each.id: each for each in artifacts if each.get_int_custom_property("pushed")}
    taken = _find_inputs(store, pushed, MODEL_KEY)
    present = {each.id: each for each in models if each.id in taken.values() and fileio.exists(each.uri)}
    values = {number: read_plain_values(each.mlmd_artifact.custom_properties) for number, each in pushed.items()}
    places = {number: str(each["pushed_destination"]) for number, each in values.items()}
    gone = _find_gone(places, values)
    pushes = [
        rule.Push(
            version=int(places[number].rpartition("/")[2]),
            model=model,
            destination=places[number],
            pushed_ms=pushed[number].mlmd_artifact.create_time_since_epoch,
            is_rolled_back=places[number] in gone,
            # A push that is older than these properties moves both references.
            is_no_worse=bool(values[number].get(rule.NO_WORSE_PROPERTY, 1)),
            is_no_slower=bool(values[number].get(rule.NO_SLOWER_PROPERTY, 1)),
            accepted_ms=int(values[number].get(rule.ACCEPTED_MS_PROPERTY, 0)),
        )
        for number, model in taken.items()
        if model in present
    ]
    return pushes, present


def _find_gone(places: Mapping[int, str], values: Mapping[int, Mapping[str, Any]]) -> set[str]:
    """Those of the places of pushes, by number as are their properties, whose model was rolled back."""
    digests = {place: str(values[number].get(rule.DIGEST_PROPERTY, "")) for number, place in places.items()}
    return find_rolled_back(digests)


def find_superseded_pushes(metadata: Path, serving: str, served: Sequence[int], in_service: str) -> list[str]:
    """The artifacts of pushes into a folder of versions whose model is not the one in service there, by URI.

    `served` are the versions that are there, the one in service last; `in_service` is the digest of its files as they
    are now, which damage or another program may have changed since the push.
    """
    if not metadata.exists():
        return []
    pushes = {}
    for each in open_store_for_reading(metadata).get_artifacts_by_type(standard_artifacts.PushedModel.TYPE_NAME):
        values = read_plain_values(each.custom_properties)
        folder, _, version = str(values.get("pushed_destination", "")).rpartition("/")
        if values.get("pushed") and folder == serving:
            pushes[str(each.uri)] = (int(version), str(values.get(rule.DIGEST_PROPERTY, "")))
    return [
        uri
        for uri, (version, digest) in pushes.items()
        # A push that is older than the digests counts as long as its own version is in service.
        if version not in served or (digest != in_service and (digest or version != served[-1]))
    ]


def describe_served(metadata: Path, place: str, data: DataConfig) -> str:
    """Why the version in service at `place` is no fair baseline of a run on `data`, in one sentence; empty: it is one.

    Its model is not where the metadata say, or it was trained on another split of the rows.
    """
    found = f"no push of it is recorded in {metadata}"
    present = []
    if metadata.exists():
        store, version = open_store_for_reading(metadata), place.rpartition("/")[2]
        pushed = store.get_artifacts_by_type(standard_artifacts.PushedModel.TYPE_NAME)
        own = [each.id for each in pushed if read_plain_values(each.custom_properties).get("pushed_version") == version]
        models = _find_inputs(store, own, MODEL_KEY)
        uris = {each.id: str(each.uri) for each in store.get_artifacts_by_id(sorted(models.values()))} if models else {}
        present = [push for push, model in models.items() if fileio.exists(uris[model])]
        found = f"its model {uris[models[max(models)]]} is gone (was the folder moved?)" if models else found
    if not present:
        return f"{place} is in service, but {found}, so it is no baseline of this run"
    earlier, now = _read_data_settings(store, max(present)), json.loads(to_json(data))
    other = [key for key in _SPLIT_SETTINGS if key in earlier and earlier[key] != now[key]]
    if not other:
        return ""
    changes = ", ".join(f"data.{key}={earlier[key]} (now {now[key]})" for key in other)
    return (
        f"{place} was trained with {changes}: rows that it was trained on may be eval rows now, which favours it over"
        " new models; set gate.use_baseline=false for this run"
    )


def _read_data_settings(store: Any, pushed: int) -> dict[str, Any]:
    """The section `data` of the run that pushed a model; empty: it noted no settings."""
    maker = find_makers(store, [pushed])[pushed]
    notes = [each.custom_properties for each in store.get_contexts_by_execution(maker) if each.type == RUN_CONTEXT]
    noted = next((each[SETTINGS_NOTE].string_value for each in notes if SETTINGS_NOTE in each), "")
    return dict(json.loads(noted)["data"]) if noted else {}


def accept_version(store: Any, version: int, reason: str, now_ms: int) -> None:
    """Make a pushed version both references by hand at `now_ms` since 1970, and record why.

    Raises ConfigError: no such version was pushed, it is rolled back, its model is gone, or no reason is given.
    """
    pushes = {
        int(each.custom_properties["pushed_version"].string_value): each
        for each in store.get_artifacts_by_type(standard_artifacts.PushedModel.TYPE_NAME)
        if each.custom_properties["pushed"].int_value
    }
    places = {number: each.custom_properties["pushed_destination"].string_value for number, each in pushes.items()}
    values = {number: read_plain_values(each.custom_properties) for number, each in pushes.items()}
    gone = _find_gone(places, values)
    rule.require_acceptable(version, reason, {number: place in gone for number, place in places.items()})
    artifact = pushes[version]
    (model,) = store.get_artifacts_by_id(list(_find_inputs(store, [artifact.id], MODEL_KEY).values())) or [artifact]
    rule.require_model(version, model.uri)
    known = [
        max(each.create_time_since_epoch, each.custom_properties[rule.ACCEPTED_MS_PROPERTY].int_value)
        for each in pushes.values()
    ]
    artifact.custom_properties[rule.ACCEPTED_MS_PROPERTY].int_value = rule.find_next_ms(known, now_ms)
    artifact.custom_properties[rule.ACCEPT_REASON_PROPERTY].string_value = reason.strip()
    store.put_artifacts([artifact])


def is_whole(examples: Any) -> bool:
    """Whether the folder of examples has files for each of its splits; their content is for the seals to check."""
    splits = artifact_utils.decode_split_names(examples.split_names) if examples.split_names else []
    folders = [f"{examples.uri}/Split-{split}" for split in splits]
    return bool(folders) and all(fileio.isdir(folder) and fileio.listdir(folder) for folder in folders)


def _locate_sources(store: Any, examples: Iterable[Any]) -> dict[int, str]:
    """The pattern of the files that each of the examples was ingested from, by their id."""
    makers = find_makers(store, [each.id for each in examples])
    executions = store.get_executions_by_id(sorted(set(makers.values()))) if makers else []
    patterns = {each.id: locate_labelled(read_plain_values(each.custom_properties)) for each in executions}
    return {artifact: patterns[maker] for artifact, maker in makers.items()}


def _fill_in(pattern: str, examples: Any) -> str:
    """The pattern as TFX records it: with the span and version of the examples filled in."""
    version = examples.get_int_custom_property(utils.VERSION_PROPERTY_NAME) if "{VERSION" in pattern else None
    specs = utils.verify_split_pattern_specs(example_gen_pb2.Input.Split(pattern=pattern))
    return str(utils.get_pattern_for_span_version(pattern, *specs, read_span(examples), version))


def _find_inputs(store: Any, outputs: Iterable[int], key: str) -> dict[int, int]:
    """By artifact the one that its maker took as `key`."""
    makers = find_makers(store, outputs)
    taken = store.get_events_by_execution_ids(sorted(set(makers.values()))) if makers else []
    inputs = {each.execution_id: int(each.artifact_id) for each in taken if each.type == INPUT and key_of(each) == key}
    return {artifact: inputs[maker] for artifact, maker in makers.items() if maker in inputs}


def _take_latest(artifacts: Iterable[Any], current: Any) -> list[Any]:
    """The last one that was made before `current` and still exists; empty: there is none."""
    earlier = [each for each in artifacts if each.id < current.id and fileio.exists(each.uri)]
    return sorted(earlier, key=lambda each: each.id)[-1:]
