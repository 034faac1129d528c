"""Data that comes in spans: the newest accepted ones together, and what Transform has learnt of the older ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tfx import v1 as tfx
from tfx.components.example_gen.input_processor import FileBasedInputProcessor
from tfx.dsl.components.base.base_node import BaseNode
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.channel import BaseChannel, Channel

from components.face_example_gen.component import only_span
from components.span_trainer import read_span
from configs.spec import SpansConfig
from fer_tfx.errors import DataError
from pipeline.acceptance import (
    CACHE_KEY,
    CURRENT_KEY,
    EXAMPLES_KEY,
    AcceptedStrategy,
    is_whole,
    list_accepted_spans,
)
from pipeline.inputs import Input
from pipeline.lineage import open_store_for_reading


class SpanWindow(NamedTuple):
    """Nodes to put before Transform, and what it and the Trainer read."""

    nodes: list[BaseNode]
    examples: BaseChannel
    analyzer_cache: BaseChannel | None


def build_span_window(
    config: SpansConfig, pattern: str, example_gen: BaseNode, mended: Sequence[BaseNode] = ()
) -> SpanWindow:
    """With a window of one span: no node, and the examples as they come.

    Args:
        config: the settings.
        pattern: where the data come from, `{SPAN}` as it is.
        example_gen: gives this run's examples.
        mended: nodes that ingest and judge older spans anew; the look-up waits for them.
    """
    current = example_gen.outputs[EXAMPLES_KEY]
    if config.window == 1:
        return SpanWindow([], current, None)
    # Of all components: were this one named, TFX's compiler would take the two channels for one.
    everything = Channel(type=standard_artifacts.Examples)
    window = tfx.dsl.Resolver(
        strategy_class=AcceptedStrategy,
        config={"question": "spans", "window": config.window, "pattern": pattern},
        **{EXAMPLES_KEY: everything, CURRENT_KEY: current},
    ).with_id("SpanWindow")
    window.add_upstream_nodes(mended)
    cache = tfx.dsl.Resolver(
        strategy_class=AcceptedStrategy,
        config={"question": "analysis"},
        **{CACHE_KEY: Channel(type=standard_artifacts.TransformCache), CURRENT_KEY: current},
    ).with_id("PreviousAnalysis")
    return SpanWindow([window, cache], window.outputs[EXAMPLES_KEY], cache.outputs[CACHE_KEY])


def find_lost_spans(metadata: Path, data: Input, window: int) -> list[int]:
    """The spans of the coming window whose examples were accepted and are damaged or gone; all can be ingested anew.

    Args:
        metadata: of earlier runs.
        data: where the files lie, `{SPAN}` as it is.
        window: how many spans are trained on.

    Raises:
        DataError: the files of such a span are gone as well.
    """
    if window == 1 or not metadata.exists() or not (current := _read_newest_span(data)):
        return []
    store = open_store_for_reading(metadata)
    artifact_type = store.get_artifact_type(standard_artifacts.Examples.TYPE_NAME)
    examples = [
        artifact_utils.deserialize_artifact(artifact_type, each)
        for each in store.get_artifacts_by_type(standard_artifacts.Examples.TYPE_NAME)
    ]
    older = list_accepted_spans(store, examples, current, data.labelled_pattern)[-window + 1 :]
    lost = [(read_span(artifact), artifact.uri) for artifact in older if not is_whole(artifact)]
    for span, uri in lost:
        _require_files(data, span, uri)
    return [span for span, _ in lost]


def _read_newest_span(data: Input) -> int:
    """0: there is none, which ingestion will say."""
    try:
        return int(FileBasedInputProcessor(data.base, _list_splits(data)).resolve_span_and_version()[0])
    except ValueError:
        return 0


def _require_files(data: Input, span: int, uri: str) -> None:
    try:
        FileBasedInputProcessor(data.base, _list_splits(data), only_span(span)).resolve_span_and_version()
    except ValueError:
        raise DataError(
            f"span {span}: its examples in {uri} are damaged or gone, and no files of it are left at"
            f" {data.base}/{' and '.join(data.patterns.values())} to make them anew; bring the files back, or set"
            " spans.window=1"
        ) from None


def _list_splits(data: Input) -> list[example_gen_pb2.Input.Split]:
    return [example_gen_pb2.Input.Split(name=name, pattern=pattern) for name, pattern in data.patterns.items()]
