"""Which of the older spans of data have to be ingested again."""

from pathlib import Path

from tfx.components.example_gen.input_processor import FileBasedInputProcessor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts

from components.face_example_gen.component import only_span
from components.span_trainer import read_span
from fer_tfx.errors import DataError
from pipeline.history.acceptance import is_whole, list_accepted_spans
from pipeline.history.records import open_store_for_reading
from pipeline.inputs import Input


def find_lost_spans(metadata: Path, data: Input, window: int) -> list[int]:
    """The spans of the coming window whose examples were accepted and are damaged or gone; all can be ingested again.

    Args:
        metadata: of earlier runs.
        data: where the files are, `{SPAN}` as it is.
        window: how many spans are trained on.

    Raises:
        DataError: the files of such a span are gone as well.
    """
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
    lost = {read_span(artifact): artifact.uri for artifact in older if not is_whole(artifact)}
    for span, uri in lost.items():
        try:
            FileBasedInputProcessor(data.base, splits, only_span(span)).resolve_span_and_version()
        except ValueError:
            raise DataError(
                f"span {span}: its examples in {uri} are damaged or gone, and no files of it are left at"
                f" {data.base}/{' and '.join(data.patterns.values())}; bring the files back, or set spans.window=1"
            ) from None
    return list(lost)
