"""FerExampleGen: ingests FER2013 in any form in which it is found."""

import dataclasses

from google.protobuf import struct_pb2
from tfx import types
from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.dsl.components.base import executor_spec
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import standard_artifacts, standard_component_specs

from components.artifacts import QUARANTINE_KEY, UNLABELLED_EXAMPLES_KEY, Quarantine
from components.face_example_gen.executor import CODE_FIELD, CONFIG_FIELD, Executor
from configs.load import to_json
from configs.spec import DataConfig
from fer_tfx.contract import LABELLED_SPLITS


class FerExampleGenSpec(standard_component_specs.FileBasedExampleGenSpec):  # type: ignore[misc]
    """FileBasedExampleGen's own interface, and two outputs more."""

    OUTPUTS = {
        **standard_component_specs.FileBasedExampleGenSpec.OUTPUTS,
        UNLABELLED_EXAMPLES_KEY: types.component_spec.ChannelParameter(type=standard_artifacts.Examples),
        QUARANTINE_KEY: types.component_spec.ChannelParameter(type=Quarantine),
    }


class FerExampleGen(FileBasedExampleGen):  # type: ignore[misc]
    """Reads CSV files and archives of them into split tf.Examples.

    A FileBasedExampleGen, so spans, versions and input fingerprints work as in TFX's own.

    Outputs:
        examples: labelled examples in the splits that have rows, of `train`, `eval` and `test`: by `Usage`
            where the file has it, otherwise by a hash of the pixels, so that equal pictures never part.
        unlabelled_examples: rows without a label, in the split `unlabelled`; no split if there are none.
        quarantine: the rows that could not be used and the account of all rows.

    Pixels are stored as raw bytes. CPU ms for each further row over 10,000 rows of the training set, and MB on
    disk, by `benchmarks/example_encoding.py` of commit aaaa540, all packed by gzip; here none are, see `settling.py`:

        encoding     write  statistics  analysis in Transform  MB
        raw bytes     0.08        0.11                   0.02  22.0
        PNG           0.15        0.09                      -  17.3  (decoding needs a map over pictures)
        int64 list    0.33        0.21                   0.09  24.4
        CSV string    1.02        0.15                   0.22  27.4

    A byte can't leave 0-255, and the data gate holds each value to 2,304 bytes.
    """

    SPEC_CLASS = FerExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self, input_base: str, patterns: dict[str, str], data_config: DataConfig, code: str, span: int | None = None
    ):
        """Declare the component.

        Args:
            input_base: folder, local or remote, that the patterns start from.
            patterns: globs of the files to learn from (`LABELLED_INPUT`) and, if there are any, of those to
                predict (`UNLABELLED_INPUT`); TFX's `{SPAN}` and `{VERSION}` may stand in them.
            data_config: how to split, what to drop and how much to bear.
            code: fingerprint of the sources beneath this component, so that an edit misses the cache.
            span: to ingest that one; None: the newest there is.
        """
        # Base and patterns say where the files are. Here a path spelt otherwise would only miss the cache, and cost
        # all that was made of the same rows.
        how = dataclasses.replace(data_config, path="", unlabelled_path="")
        settings = struct_pb2.Struct()
        settings.update({CONFIG_FIELD: to_json(how), CODE_FIELD: code})
        custom_config = example_gen_pb2.CustomConfig()
        custom_config.custom_config.Pack(settings)
        spec = FerExampleGenSpec(
            input_base=input_base,
            input_config=example_gen_pb2.Input(
                splits=[example_gen_pb2.Input.Split(name=name, pattern=pattern) for name, pattern in patterns.items()]
            ),
            output_config=example_gen_pb2.Output(split_config=_output_splits()),
            output_data_format=example_gen_pb2.FORMAT_TF_EXAMPLE,
            output_file_format=example_gen_pb2.FORMAT_TFRECORDS_GZIP,
            custom_config=custom_config,
            range_config=None if span is None else only_span(span),
            **{
                standard_component_specs.EXAMPLES_KEY: types.Channel(type=standard_artifacts.Examples),
                UNLABELLED_EXAMPLES_KEY: types.Channel(type=standard_artifacts.Examples),
                QUARANTINE_KEY: types.Channel(type=Quarantine),
            },
        )
        # FileBasedExampleGen's own constructor knows one output only.
        super(FileBasedExampleGen, self).__init__(spec=spec)


def _only(span: int) -> range_config_pb2.RangeConfig:
    return range_config_pb2.RangeConfig(
        static_range=range_config_pb2.StaticRange(start_span_number=span, end_span_number=span)
    )


def only_span(span: int) -> range_config_pb2.RangeConfig:
    """What has TFX's ExampleGen take that span instead of the newest."""
    return range_config_pb2.RangeConfig(
        static_range=range_config_pb2.StaticRange(start_span_number=span, end_span_number=span)
    )


def _output_splits() -> example_gen_pb2.SplitConfig:
    # TFX wants a number of buckets for each split; the executor decides the split of a row itself.
    splits = [example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=1) for name in LABELLED_SPLITS]
    return example_gen_pb2.SplitConfig(splits=splits)
