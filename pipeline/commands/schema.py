"""A first schema from data, to be read and tightened by a person."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fer_tfx.contract import LABEL_KEY, PIXELS_KEY, SERVING_ENVIRONMENT, TRAIN_SPLIT, TRAINING_ENVIRONMENT
from fer_tfx.files import replacing
from fer_tfx.quiet import hush_libraries, output_in_log, print_note
from pipeline.commands import Config, Overrides, load_settings
from pipeline.stack import require_tfx

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

    from configs.spec import DataConfig
    from pipeline.inputs import Input

_HEADER = """\
# Inferred from data: types, presence, shapes and the labels seen. Read it, then add what only a person knows:
# domains, and the skew and drift comparators of the label. Use it with --set validation.schema_path=FILE.

"""


def schema(
    data: Annotated[str, typer.Option(metavar="PATH", help="As `fer-tfx run --data` takes it.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write the schema (pbtxt).")],
    config: Config = None,
    overrides: Overrides = None,
) -> int:
    """Write a schema that fits the given data, to start your own from."""
    require_tfx()
    from fer_tfx.commands.output import check_output
    from pipeline.inputs import explaining_remote, look_into_input, resolve_input

    settings = load_settings(config, overrides, {"data.path": data}).data
    found = resolve_input(settings)
    look_into_input(settings)
    check_output(out, [])
    hush_libraries()
    with tempfile.TemporaryDirectory() as folder, output_in_log(Path(folder, "log")), explaining_remote(found.base):
        text = _HEADER + _infer(settings, found, folder)
    with replacing(out) as file:
        file.write(text)
    print_note(f"schema written to {out}; use it with --set validation.schema_path={out}")
    return 0


def _infer(config: "DataConfig", data: "Input", folder: str) -> str:
    import tensorflow_data_validation as tfdv
    from google.protobuf import text_format
    from tfx import v1 as tfx
    from tfx.components.statistics_gen import stats_artifact_utils
    from tfx.types import standard_artifacts

    from components.face_example_gen.component import FerExampleGen
    from pipeline.history import open_store, read_latest_run
    from pipeline.runners.local import assemble

    example_gen = FerExampleGen(data.base, data.patterns, config, code="")
    statistics_gen = tfx.components.StatisticsGen(examples=example_gen.outputs["examples"])
    metadata = Path(folder, "metadata.sqlite")
    tfx.orchestration.LocalDagRunner().run(assemble("schema", [example_gen, statistics_gen], folder, metadata))
    artifact = standard_artifacts.ExampleStatistics()
    artifact.uri = read_latest_run(open_store(metadata))["StatisticsGen"].outputs["statistics"].uri
    artifact.split_names = f'["{TRAIN_SPLIT}"]'
    statistics = stats_artifact_utils.load_statistics(artifact, TRAIN_SPLIT).proto()
    schema = tfdv.infer_schema(statistics, infer_feature_shape=True, max_string_domain_size=0)
    _add_what_is_known(schema, statistics)
    return str(text_format.MessageToString(schema))


def _add_what_is_known(schema: "schema_pb2.Schema", statistics: "statistics_pb2.DatasetFeatureStatisticsList") -> None:
    """What inference can't see: pixels are not words; labels are classes, and absent when serving."""
    schema.default_environment.extend([TRAINING_ENVIRONMENT, SERVING_ENVIRONMENT])
    seen = {each.path.step[0]: each.num_stats for each in statistics.datasets[0].features}
    for feature in schema.feature:
        if feature.name == PIXELS_KEY:
            feature.image_domain.SetInParent()
        elif feature.name == LABEL_KEY:
            feature.int_domain.min, feature.int_domain.max = int(seen[LABEL_KEY].min), int(seen[LABEL_KEY].max)
            feature.int_domain.is_categorical = True
            feature.not_in_environment.append(SERVING_ENVIRONMENT)
