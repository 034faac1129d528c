"""Runs the Beam graph of `graph.py` and settles the account of all rows."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from google.protobuf import json_format, struct_pb2
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils

from components.artifacts import QUARANTINE_KEY, UNLABELLED_EXAMPLES_KEY, iter_quarantined
from components.face_example_gen.graph import Outputs, ingest
from components.face_example_gen.settling import held_out_reason
from components.face_example_gen.stillness import require_still
from configs.load import from_json
from configs.spec import DataConfig
from fer_tfx.contract import LABELLED_SPLITS, TRAIN_SPLIT, UNLABELLED_INPUT, UNLABELLED_SPLIT
from fer_tfx.errors import DataError
from fer_tfx.reading.choice import describe_skipped, name_some
from fer_tfx.reading.form import SkippedMember
from fer_tfx.reading.sources import Source, choose_sources, merge_spellings
from reporting.ingestion import REPORT_FILE, IngestionReport

CONFIG_FIELD = "config"
CODE_FIELD = "code"

Artifacts = dict[str, list[types.Artifact]]


class Executor(base_beam_executor.BaseBeamExecutor):  # type: ignore[misc]
    """Reads, splits, deduplicates and writes rows; refuses input that is too broken."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Fill the three output artifacts.

        Raises:
            DataError: a file can't be read or was changed meanwhile, no row can be trained on, or a larger share
                than `data.max_quarantined_fraction` can't be used. The quarantined rows are then kept in a
                folder `refused` beside the artifact, as TFX removes the outputs of a failed execution.
            RuntimeError: the account of rows does not balance.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        config = _read_config(exec_properties)
        examples, unlabelled, quarantine = (
            artifact_utils.get_single_instance(output_dict[key])
            for key in (standard_component_specs.EXAMPLES_KEY, UNLABELLED_EXAMPLES_KEY, QUARANTINE_KEY)
        )
        sources, skipped_files = _find_sources(exec_properties)
        outputs = Outputs(examples.uri, unlabelled.uri, quarantine.uri)
        with _temporary(outputs.temporary), self._make_beam_pipeline() as pipeline:
            ingest(pipeline, sources, config, outputs)
        report, file_errors = outputs.read_account(skipped_files)
        require_still(exec_properties)
        if file_errors:
            raise DataError(file_errors[0])
        report.check_balance()
        io_utils.write_string_file(os.path.join(quarantine.uri, REPORT_FILE), report.to_json())
        if not report.rows_read:
            names = name_some([source.name for source in sources])
            raise DataError(f"{names}: no row in it, at most a header; give a file with rows")
        _require_usable(report, config, quarantine.uri)
        _describe(examples, [split for split in LABELLED_SPLITS if report.split_size(split)])
        _describe(unlabelled, [UNLABELLED_SPLIT] if report.split_size(UNLABELLED_SPLIT) else [])


@contextmanager
def _temporary(folder: str) -> Iterator[None]:
    """Make a folder and remove it at the end, whatever the end."""
    fileio.makedirs(folder)
    try:
        yield
    finally:
        fileio.rmtree(folder)


def _read_config(exec_properties: dict[str, Any]) -> DataConfig:
    custom_config = example_gen_pb2.CustomConfig()
    json_format.Parse(exec_properties[standard_component_specs.CUSTOM_CONFIG_KEY], custom_config)
    settings = struct_pb2.Struct()
    custom_config.custom_config.Unpack(settings)
    return from_json(DataConfig, str(settings[CONFIG_FIELD]))


def _find_sources(exec_properties: dict[str, Any]) -> tuple[list[Source], list[SkippedMember]]:
    input_config = example_gen_pb2.Input()
    json_format.Parse(exec_properties[standard_component_specs.INPUT_CONFIG_KEY], input_config)
    base = exec_properties[standard_component_specs.INPUT_BASE_KEY]
    sources: list[Source] = []
    skipped: list[SkippedMember] = []
    for split in input_config.splits:
        paths = [path for path in fileio.glob(os.path.join(base, split.pattern)) if not fileio.isdir(path)]
        of_input = choose_sources(paths, base, is_unlabelled=split.name == UNLABELLED_INPUT)
        sources += of_input[0]
        skipped += of_input[1]
    if not sources:
        raise DataError(
            f"{base}: no FER2013 file in it ({describe_skipped(skipped)}); give the CSV, an archive or a folder of them"
        )
    sources, repeats = merge_spellings(sources)
    return sources, skipped + repeats


def _require_usable(report: IngestionReport, config: DataConfig, quarantine_uri: str) -> None:
    files = name_some(list(report.read))
    if report.quarantined_fraction > config.max_quarantined_fraction:
        kept = _keep_quarantine(quarantine_uri)
        first = min(iter_quarantined(kept), key=lambda row: (row["source"], row["line"]))
        raise DataError(
            f"{first['source']}:{first['line']}: {first['reason']}: {first['detail']}; {report.rows_quarantined} of"
            f" {report.rows_read} rows ({report.quarantined_fraction:.1%}) of {files} can't be used, at most"
            f" {config.max_quarantined_fraction:.1%} is allowed: fix the rows listed in {kept} or raise"
            " data.max_quarantined_fraction"
        )
    if not report.split_size(TRAIN_SPLIT):
        raise DataError(f"{files}: no labelled row is left to train on{_explain_empty_train(report)}")


def _explain_empty_train(report: IngestionReport) -> str:
    predicted = report.dropped.get(held_out_reason(UNLABELLED_SPLIT), 0)
    if predicted:
        return (
            f": {predicted:,} also stand in the rows to predict (--unlabelled), which are never trained on: give"
            " --unlabelled other pictures, or leave it out"
        )
    if report.rows_dropped:
        return f": all {report.rows_dropped:,} also stand in eval or test: give further rows to train on"
    if any(report.split_size(split) for split in LABELLED_SPLITS):
        return ": all went to eval and test: give rows of the usage Training, or lower data.eval_fraction"
    return "; give a file with an `emotion` column"


def _keep_quarantine(quarantine_uri: str) -> str:
    """Copy the quarantined rows to where TFX does not remove them when the execution fails."""
    component, _, execution = quarantine_uri.rstrip("/").rsplit("/", 2)
    kept = os.path.join(component, "refused", execution)
    io_utils.copy_dir(quarantine_uri, kept)
    return kept


def _describe(examples: types.Artifact, splits: list[str]) -> None:
    examples.split_names = artifact_utils.encode_split_names(splits)
    examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(examples, "tfrecords_gzip")
