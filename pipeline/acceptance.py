"""What ML Metadata says is accepted: data that the data gate let through, models that were pushed and not rolled back.

Each answer leaves out what is being judged and what came of it, so a second run on unchanged input finds the same
answers and everything stays cached. `components.acceptance` has the rule for models.
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.components.example_gen.utils import (
    VERSION_PROPERTY_NAME,
    get_pattern_for_span_version,
    verify_split_pattern_specs,
)
from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts

from components.acceptance import (
    ACCEPT_REASON_PROPERTY,
    ACCEPTED_MS_PROPERTY,
    DIGEST_PROPERTY,
    NO_SLOWER_PROPERTY,
    NO_WORSE_PROPERTY,
    Push,
    find_anchor,
    find_in_service,
    find_latency_reference,
    require_acceptable,
)
from components.bucket_versions import find_rolled_back, is_destination_whole
from components.data_gate.component import DataGate
from components.span_trainer import read_span
from fer_tfx.errors import DataError
from pipeline.history.sources import locate_labelled
from pipeline.lineage import read_plain_values

# Of the artifacts that a strategy is given and gives back.
MODEL_KEY, LATENCY_MODEL_KEY, SERVICE_MODEL_KEY = "model", "latency_model", "service_model"
PUSHED_KEY, CANDIDATE_KEY, CURRENT_KEY = "pushed_model", "candidate", "current"
STATISTICS_KEY, EXAMPLES_KEY, CACHE_KEY = "statistics", "examples", "analyzer_cache"

_GATE_TYPE = f"{DataGate.__module__}.{DataGate.__name__}"
_INPUT, _OUTPUT = metadata_store_pb2.Event.INPUT, metadata_store_pb2.Event.OUTPUT
_PASSED = (metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED)
_JUDGED = (*_PASSED, metadata_store_pb2.Execution.FAILED)

ArtifactsByKey = dict[str, list[Any]]


class AcceptedStrategy(ResolverStrategy):  # type: ignore[misc]
    """Answers one question about what is accepted; each answer is a function below.

    Args:
        question: `statistics`, `references`, `spans`, `analysis` or `warm_start`.
        window: of `spans`: how many at most.
        pattern: of `spans`: where the data come from, `{SPAN}` as it is.
    """

    def __init__(self, question: str, window: int = 1, pattern: str = "") -> None:
        self._question = question
        self._window = window
        self._pattern = pattern

    def resolve_artifacts(self, store: Any, input_dict: ArtifactsByKey) -> ArtifactsByKey | None:
        """What is kept of the artifacts by key; those of a run itself (`current`, `candidate`) are handed through."""
        if self._question == "spans":
            return {**input_dict, EXAMPLES_KEY: find_window(store, input_dict, self._window, self._pattern)}
        answers = {
            "statistics": find_drift_reference,
            "references": find_references,
            "analysis": find_analysis,
            "warm_start": find_first_weights,
        }
        return {**input_dict, **answers[self._question](store, input_dict)}


def find_drift_reference(store: Any, given: ArtifactsByKey) -> ArtifactsByKey:
    """The statistics that the data gate accepted last before the `current` ones were made, and that are still there.

    Those of an older span that was ingested anew are no new delivery: they are another node's, so in another folder.
    """
    current = min(given[CURRENT_KEY], key=lambda artifact: artifact.id)
    accepted = find_accepted_statistics(store)
    earlier = [
        each
        for each in given[STATISTICS_KEY]
        if each.id < current.id and each.id in accepted and _folder_of(each) == _folder_of(current)
    ]
    return {STATISTICS_KEY: _find_latest(earlier)}


def find_references(store: Any, given: ArtifactsByKey) -> ArtifactsByKey:
    """Anchor, latency reference and model in service, leaving out the `candidate`.

    Of the two references the model's artifact is compared with, whether or not the version is still kept to be served.
    """
    candidates = {artifact.id for artifact in given[CANDIDATE_KEY]}
    others = [each for each in read_pushes(store, given[PUSHED_KEY]) if each.model not in candidates]
    models = _find_models(given, others)
    pushes = [each for each in others if each.model in models]
    found = {
        MODEL_KEY: find_anchor(pushes),
        LATENCY_MODEL_KEY: find_latency_reference(pushes),
        SERVICE_MODEL_KEY: find_in_service(pushes, is_destination_whole),
    }
    return {PUSHED_KEY: [], **{key: [models[push.model]] if push else [] for key, push in found.items()}}


def find_window(store: Any, given: ArtifactsByKey, window: int, pattern: str) -> list[Any]:
    """The `current` examples and those of the accepted spans before them, of the same source, by span.

    Raises:
        DataError: a span's files are gone. `pipeline.spans.find_lost_spans` has those made anew before that can be.
    """
    (current,) = given[CURRENT_KEY]
    older = list_accepted_spans(store, given[EXAMPLES_KEY], read_span(current), pattern)[-window + 1 :]
    for artifact in older:
        if not is_whole(artifact):
            raise DataError(
                f"span {read_span(artifact)}: {artifact.uri}: its examples are gone; give the same command again to"
                " have them made anew, or set spans.window=1"
            )
    return [*older, current]


def list_accepted_spans(store: Any, examples: Iterable[Any], current_span: int, pattern: str) -> list[Any]:
    """The accepted examples of each span before the current one that come from the files of `pattern`, by span.

    Of a span that was accepted more than once the latest counts.
    """
    accepted = find_accepted_examples(store)
    earlier = [each for each in examples if each.id in accepted and read_span(each) < current_span]
    sources = _locate_sources(store, earlier)
    by_span = {
        read_span(artifact): artifact
        for artifact in sorted(earlier, key=lambda each: each.id)
        if sources.get(artifact.id) == _fill_in(pattern, artifact)
    }
    return [by_span[span] for span in sorted(by_span)]


def find_analysis(store: Any, given: ArtifactsByKey) -> ArtifactsByKey:
    """What Transform's analysis left behind last, before the `current` span was ingested, and that is still there."""
    del store
    (current,) = given[CURRENT_KEY]
    return {CACHE_KEY: _find_latest([each for each in given[CACHE_KEY] if each.id < current.id])}


def find_first_weights(store: Any, given: ArtifactsByKey) -> ArtifactsByKey:
    """The model that was in service when the `current` examples were ingested.

    Its version need not be kept any more: the weights lie beside the model's artifact, and were the answer another one
    once a few more versions are pushed, the same command would train another model.
    """
    (current,) = given[CURRENT_KEY]
    earlier = read_pushes(store, [each for each in given[PUSHED_KEY] if each.id < current.id])
    models = _find_models(given, earlier)
    pushes = [each for each in earlier if each.model in models]
    push = find_in_service(pushes, lambda destination: True)
    return {MODEL_KEY: [models[push.model]] if push else [], PUSHED_KEY: []}


def find_accepted_statistics(store: Any) -> set[int]:
    """Ids of the statistics on which the data gate's latest verdict was that they are let through.

    A gate that was killed gave no verdict. One that failed for want of disk did, as nothing tells it apart.
    """
    gates = {each.id: each for each in store.get_executions_by_type(_GATE_TYPE)}
    judged = {number for number, each in gates.items() if each.last_known_state in _JUDGED}
    events = store.get_events_by_execution_ids(sorted(judged)) if judged else []
    latest: dict[int, int] = {}
    for event in events:
        if event.type == _INPUT and _key_of(event) == STATISTICS_KEY:
            latest[event.artifact_id] = max(event.execution_id, latest.get(event.artifact_id, 0))
    return {statistics for statistics, gate in latest.items() if gates[gate].last_known_state in _PASSED}


def find_accepted_examples(store: Any) -> set[int]:
    """Ids of the examples whose statistics are accepted."""
    return set(_find_inputs(store, find_accepted_statistics(store), EXAMPLES_KEY).values())


def read_pushes(store: Any, artifacts: Sequence[Any]) -> list[Push]:
    """Those of the PushedModel artifacts that were pushed. A push that is older than the rule moves both references."""
    pushed = {each.id: each for each in artifacts if each.get_int_custom_property("pushed")}
    sources = _find_inputs(store, pushed, MODEL_KEY)
    gone = find_rolled_back({_locate(each): _read_digest(each) for each in pushed.values()})
    return [
        _read_push(artifact, sources[number], _locate(artifact) in gone)
        for number, artifact in pushed.items()
        if number in sources
    ]


def _locate(pushed_model: Any) -> str:
    return str(pushed_model.get_string_custom_property("pushed_destination"))


def _read_digest(pushed_model: Any) -> str:
    return str(pushed_model.get_string_custom_property(DIGEST_PROPERTY))


def _read_push(artifact: Any, model_id: int, is_rolled_back: bool) -> Push:
    properties = read_plain_values(artifact.mlmd_artifact.custom_properties)
    return Push(
        version=int(_locate(artifact).rpartition("/")[2]),
        model=model_id,
        destination=_locate(artifact),
        pushed_ms=artifact.mlmd_artifact.create_time_since_epoch,
        is_rolled_back=is_rolled_back,
        is_no_worse=bool(properties.get(NO_WORSE_PROPERTY, 1)),
        is_no_slower=bool(properties.get(NO_SLOWER_PROPERTY, 1)),
        accepted_ms=int(properties.get(ACCEPTED_MS_PROPERTY, 0)),
    )


def accept_version(store: Any, version: int, reason: str, now_ms: int) -> None:
    """Make a pushed version both references by hand, and keep why: later models are compared with it.

    Args:
        store: to be written to.
        version: its number.
        reason: in words.
        now_ms: milliseconds since 1970.

    Raises:
        ConfigError: no such version was pushed, it is rolled back, or no reason is given.
    """
    pushes = {
        int(each.custom_properties["pushed_version"].string_value): each
        for each in store.get_artifacts_by_type(standard_artifacts.PushedModel.TYPE_NAME)
        if each.custom_properties["pushed"].int_value
    }
    places = {number: each.custom_properties["pushed_destination"].string_value for number, each in pushes.items()}
    gone = find_rolled_back(dict.fromkeys(places.values(), ""))
    require_acceptable(version, reason, {number: place in gone for number, place in places.items()})
    artifact = pushes[version]
    artifact.custom_properties[ACCEPTED_MS_PROPERTY].int_value = now_ms
    artifact.custom_properties[ACCEPT_REASON_PROPERTY].string_value = reason.strip()
    store.put_artifacts([artifact])


def _locate_sources(store: Any, examples: Iterable[Any]) -> dict[int, str]:
    """The pattern of the files that each of the examples was ingested from, by their id; of what was none, nothing."""
    makers = _find_makers(store, [each.id for each in examples])
    parameters = {
        each.id: read_plain_values(each.custom_properties)
        for each in (store.get_executions_by_id(sorted(set(makers.values()))) if makers else [])
    }
    return {artifact: locate_labelled(parameters[maker]) for artifact, maker in makers.items()}


def _fill_in(pattern: str, examples: Any) -> str:
    """The pattern as TFX notes it: with the span and version of the examples filled in."""
    version = examples.get_int_custom_property(VERSION_PROPERTY_NAME) if "{VERSION" in pattern else None
    specs = verify_split_pattern_specs(example_gen_pb2.Input.Split(pattern=pattern))
    return str(get_pattern_for_span_version(pattern, *specs, read_span(examples), version))


def is_whole(examples: Any) -> bool:
    """Whether the folder of examples has files for each of its splits; what is in them is the seals' business."""
    splits = artifact_utils.decode_split_names(examples.split_names) if examples.split_names else []
    folders = [f"{examples.uri}/Split-{split}" for split in splits]
    return bool(folders) and all(fileio.isdir(folder) and fileio.listdir(folder) for folder in folders)


def _find_inputs(store: Any, outputs: Iterable[int], key: str) -> dict[int, int]:
    """By artifact the one that its maker, the first execution that gave it out, took as `key`."""
    makers = _find_makers(store, outputs)
    taken = store.get_events_by_execution_ids(sorted(set(makers.values()))) if makers else []
    inputs = {
        each.execution_id: int(each.artifact_id) for each in taken if each.type == _INPUT and _key_of(each) == key
    }
    return {artifact: inputs[maker] for artifact, maker in makers.items() if maker in inputs}


def _find_makers(store: Any, outputs: Iterable[int]) -> dict[int, int]:
    """By artifact the first execution that gave it out."""
    wanted = sorted(outputs)
    makers: dict[int, int] = {}
    for event in store.get_events_by_artifact_ids(wanted) if wanted else []:
        if event.type == _OUTPUT:
            makers[event.artifact_id] = min(event.execution_id, makers.get(event.artifact_id, event.execution_id))
    return makers


def _find_latest(artifacts: Iterable[Any]) -> list[Any]:
    """The latest of them whose files are still there, or none."""
    newest_first = sorted(artifacts, key=lambda artifact: artifact.id, reverse=True)
    return list(islice((each for each in newest_first if fileio.exists(each.uri)), 1))


def _find_models(given: ArtifactsByKey, pushes: Iterable[Push]) -> dict[int, Any]:
    """By id the artifacts of the models that were pushed, and whose files are still there."""
    pushed = {each.model for each in pushes}
    return {each.id: each for each in given[MODEL_KEY] if each.id in pushed and fileio.exists(each.uri)}


def _folder_of(artifact: Any) -> str:
    """Where the artifacts of one output of one node lie, each in a folder with a number."""
    return str(artifact.uri.rpartition("/")[0])


def _key_of(event: Any) -> str:
    return str(event.path.steps[0].key) if event.path.steps else ""
