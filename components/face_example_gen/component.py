"""FerExampleGen: ingests FER2013 and other labelled faces in any form in which they are found."""

import dataclasses
import hashlib
import os
import re
import stat
from contextlib import suppress
from typing import Any

from google.protobuf import json_format, struct_pb2
from tfx.components.example_gen import utils
from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.components.example_gen.input_processor import FileBasedInputProcessor
from tfx.components.util import examples_utils
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import Artifact, artifact_utils
from tfx.types.standard_artifacts import Examples
from tfx.types.standard_component_specs import FileBasedExampleGenSpec
from tfx.utils import io_utils

from components.artifacts import (
    QUARANTINE_KEY,
    UNLABELLED_EXAMPLES_KEY,
    Artifacts,
    Component,
    Quarantine,
    declare,
    iter_quarantined,
)
from components.face_example_gen.graph import NO_EVAL, Outputs, ingest, open_file, read_vote_table
from components.face_example_gen.settling import held_out_reason
from configs.library import class_names_of, class_table_of
from configs.load import from_json, to_json
from configs.spec import DataConfig
from fer_tfx.contract import (
    EVAL_SPLIT,
    LABELLED_INPUT,
    LABELLED_SPLITS,
    LEAVE_OUT,
    TRAIN_SPLIT,
    UNLABELLED_INPUT,
    UNLABELLED_SPLIT,
)
from fer_tfx.counted import counted
from fer_tfx.errors import DataError
from fer_tfx.reading.choice import describe_skipped, name_some, shorten_name
from fer_tfx.reading.form import SkippedMember
from fer_tfx.reading.picture_form import NO_CLASS
from fer_tfx.reading.sources import Source, choose_sources, find_folder, merge_spellings
from fer_tfx.reading.values import UNKNOWN_LABEL
from fer_tfx.reading.vote_file import VOTES_INPUT
from reporting.ingestion import REPORT_FILE, IngestionReport

_FILES = "files"  # among the settings: the digest of the input


class Executor(BaseBeamExecutor):  # type: ignore[misc]
    """Reads, splits, deduplicates and writes rows; refuses input that is too broken."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Fill the three output artifacts.

        Raises:
            DataError: a file can't be read or was changed meanwhile, no row can be trained on, or a larger share
                than `data.max_quarantined_fraction` can't be used; those rows are then kept beside the artifact.
            RuntimeError: the account of rows does not balance.
        """
        config = read_data_config(exec_properties["custom_config"])
        config = dataclasses.replace(config, votes_path="".join(_find_files(exec_properties, VOTES_INPUT)))
        examples, unlabelled, quarantine = (
            artifact_utils.get_single_instance(output_dict[key])
            for key in ("examples", UNLABELLED_EXAMPLES_KEY, QUARANTINE_KEY)
        )
        sources, skipped_files = _find_sources(exec_properties, config)
        votes = read_vote_table(config)
        outputs = Outputs(examples.uri, unlabelled.uri, quarantine.uri)
        fileio.makedirs(outputs.temporary)
        try:
            with self._make_beam_pipeline() as pipeline:
                ingest(pipeline, sources, config, outputs)
        finally:
            fileio.rmtree(outputs.temporary)
        report, file_errors = outputs.read_account(skipped_files, class_names_of(config), votes)
        report = dataclasses.replace(report, labels="" if config.targets == "label" else "majority of the votes")
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


class FerExampleGen(Component, FileBasedExampleGen):  # type: ignore[misc]
    """Reads CSV files and archives of them into split tf.Examples.

    A FileBasedExampleGen, so spans, versions and input fingerprints work as in TFX's own.

    Outputs:
        examples: labelled examples in the splits that have rows, of `train`, `eval` and `test`: by `Usage`
            where the file has it, otherwise by a hash of the pixels, so that equal pictures never part.
        unlabelled_examples: rows without a label, in the split `unlabelled`; no split if there are none.
        quarantine: the rows that could not be used and the account of all rows.

    Pixels are stored as raw bytes, the cheapest form to write and to read; docs/scale.md has the figures.
    """

    SPEC_CLASS = declare(
        FileBasedExampleGenSpec, outputs={UNLABELLED_EXAMPLES_KEY: Examples, QUARANTINE_KEY: Quarantine}
    )
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)

    def __init__(
        self, input_base: str, patterns: dict[str, str], data_config: DataConfig, code: str, span: int | None = None
    ):
        """Ingest one span; None: the newest there is.

        `patterns` are globs below `input_base`, a path or URI, of the files to learn from (`LABELLED_INPUT`) and, if
        there are any, of those to predict (`UNLABELLED_INPUT`) and of that with the votes (`VOTES_INPUT`), with TFX's
        `{SPAN}` and `{VERSION}`; and of pictures that tables among them name (`BESIDE_INPUT`), which belong to the
        fingerprint.
        """
        # Base and patterns say where the files are. Here a path spelt differently would only miss the cache.
        how = dataclasses.replace(data_config, path="", unlabelled_path="", votes_path="")
        splits = [example_gen_pb2.Input.Split(name=name, pattern=pattern) for name, pattern in patterns.items()]
        chosen = None if span is None else only_span(span)
        digest = _digest_files(input_base, _fill_in_span(input_base, splits, chosen))
        settings = struct_pb2.Struct()
        settings.update({"config": to_json(how), "code": code, **({_FILES: digest} if digest else {})})
        custom_config = example_gen_pb2.CustomConfig()
        custom_config.custom_config.Pack(settings)
        # TFX wants a number of buckets for each split; the executor decides the split of a row itself.
        output_splits = [example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=1) for name in LABELLED_SPLITS]
        super().__init__(
            input_base=input_base,
            input_config=example_gen_pb2.Input(splits=splits),
            output_config=example_gen_pb2.Output(split_config=example_gen_pb2.SplitConfig(splits=output_splits)),
            output_data_format=example_gen_pb2.FORMAT_TF_EXAMPLE,
            output_file_format=example_gen_pb2.FORMAT_TFRECORDS_GZIP,
            custom_config=custom_config,
            range_config=chosen,
        )


def read_data_config(custom_config: str) -> DataConfig:
    """The settings of a FerExampleGen, without paths, from its parameter `custom_config`, JSON."""
    return from_json(DataConfig, str(_unpack(custom_config)["config"]))


def _unpack(custom_config: str) -> struct_pb2.Struct:
    parsed, settings = json_format.Parse(custom_config, example_gen_pb2.CustomConfig()), struct_pb2.Struct()
    parsed.custom_config.Unpack(settings)
    return settings


def only_span(span: int) -> range_config_pb2.RangeConfig:
    """Has TFX's ExampleGen take that span instead of the newest."""
    return range_config_pb2.RangeConfig(
        static_range=range_config_pb2.StaticRange(start_span_number=span, end_span_number=span)
    )


def _find_patterns(exec_properties: dict[str, Any], name: str) -> list[str]:
    """Of one of the inputs, whole."""
    splits = json_format.Parse(exec_properties["input_config"], example_gen_pb2.Input()).splits
    return [os.path.join(exec_properties["input_base"], each.pattern) for each in splits if each.name.startswith(name)]


def _find_files(exec_properties: dict[str, Any], name: str) -> list[str]:
    """What one of the inputs matches, folders too."""
    return [path for each in _find_patterns(exec_properties, name) for path in fileio.glob(each)]


def _find_own_folder(exec_properties: dict[str, Any], name: str) -> str:
    """Below which one of the inputs lies; with a span, which TFX has filled in by now, that of all inputs."""
    patterns = _find_patterns(exec_properties, name)
    has_span = bool(exec_properties.get(utils.SPAN_PROPERTY_NAME))
    return find_folder(patterns[0]) if patterns and not has_span else str(exec_properties["input_base"])


def _find_sources(exec_properties: dict[str, Any], config: DataConfig) -> tuple[list[Source], list[SkippedMember]]:
    base = exec_properties["input_base"]
    sources: list[Source] = []
    skipped: list[SkippedMember] = []
    folders = 0
    start = _find_own_folder(exec_properties, LABELLED_INPUT)
    for name, classes in ((LABELLED_INPUT, class_table_of(config)), (UNLABELLED_INPUT, None)):
        found = _find_files(exec_properties, name)
        paths = [path for path in found if not _is_folder(path)]
        folders += len(found) - len(paths)
        chosen = choose_sources(
            paths, _find_own_folder(exec_properties, name), classes, config.votes_path, open_file, start
        )
        sources += chosen[0]
        skipped += chosen[1]
    if not sources:
        what = describe_skipped(skipped) if skipped or not folders else "only folders with nothing of use in them"
        raise DataError(f"{base}: no file of faces in it ({what}); give a table, a folder of pictures or an archive")
    sources, repeats = merge_spellings(sources)
    return sources, skipped + repeats


def _is_folder(path: str) -> bool:
    return bool(fileio.isdir(path)) if "://" in path else os.path.isdir(path)  # noqa: PTH112 (a fifth of the time)


def _digest_files(base: str, patterns: list[str]) -> str:
    """Digest of names, sizes and times of change of the files below a folder; empty: they are not on this machine.

    TFX's fingerprint has no names, and only whole seconds: a picture that is moved to another class is the same to it.
    """
    if not base or "://" in base:
        return ""
    digest = hashlib.sha256()
    for path in sorted({path for each in patterns for path in fileio.glob(os.path.join(base, each))}):
        with suppress(OSError):  # it is gone, or a link to nothing
            state = os.stat(path)  # noqa: PTH116 (of many files)
            if not stat.S_ISDIR(state.st_mode):
                digest.update(f"{path[len(base) :]}\0{state.st_size} {state.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:16]


def _fill_in_span(
    base: str, splits: list[example_gen_pb2.Input.Split], chosen: range_config_pb2.RangeConfig | None
) -> list[str]:
    """The patterns as TFX's driver will fill them in; empty: no file has a span, which it reports."""
    if not base or "://" in base:
        return []
    processor = FileBasedInputProcessor(base, splits, chosen)
    try:
        span, version = processor.resolve_span_and_version()
    except ValueError:
        return []
    return [processor.get_pattern_for_span_version(each.pattern, span, version) for each in splits]


def require_still(exec_properties: dict[str, Any]) -> None:
    """Raise DataError if the input has changed since TFX's driver took its fingerprint, before the execution.

    The cache would know new rows by the old fingerprint, or by the digest of the files.
    """
    base, noted = exec_properties["input_base"], exec_properties.get(utils.FINGERPRINT_PROPERTY_NAME)
    splits = json_format.Parse(exec_properties["input_config"], example_gen_pb2.Input()).splits
    # As `calculate_splits_fingerprint_span_and_version` joins them; the patterns hold no span here any more.
    now = "\n".join(io_utils.generate_fingerprint(each.name, os.path.join(base, each.pattern)) for each in splits)
    files = dict(_unpack(exec_properties["custom_config"])).get(_FILES, "")
    if noted and (noted != now or (files and files != _digest_files(base, [each.pattern for each in splits]))):
        raise DataError(
            f"{base}: files in it were changed while they were read: wait until they are written whole, and give the"
            " same command again"
        )


def _require_usable(report: IngestionReport, config: DataConfig, quarantine_uri: str) -> None:
    files = name_some(list(report.read))
    if report.quarantined_fraction > config.max_quarantined_fraction:
        # TFX removes the outputs of a failed execution, but nothing beside them.
        component, _, execution = quarantine_uri.rstrip("/").rsplit("/", 2)
        kept = os.path.join(component, "refused", execution)
        io_utils.copy_dir(quarantine_uri, kept)
        first = min(iter_quarantined(kept), key=lambda row: (row["source"], row["line"]))
        place = shorten_name(first["source"]) + (f":{first['line']}" if first["line"] else "")
        among = f" of {files}" if len(report.read) > 1 else ""
        share = f"{report.rows_quarantined:,} of {counted(report.rows_read, 'row')}"
        share += f" ({report.quarantined_fraction:.1%}){among}"
        allowed = f"at most {config.max_quarantined_fraction:.1%} is allowed"
        detail = first["detail"] + _explain_label(first, report)
        raise DataError(
            f"{place}: {first['reason']}: {detail}; {share} can't be used, {allowed}: fix the"
            f" rows listed in {kept} or raise data.max_quarantined_fraction"
        )
    if config.splits == "usage" and not report.split_size(EVAL_SPLIT):
        raise DataError(
            f"{files}: {NO_EVAL}, and data.splits=usage asks for it: give such rows, or omit data.splits, so that a"
            " hash takes them from the training rows"
        )
    if not report.split_size(TRAIN_SPLIT):
        raise DataError(f"{files}: no labelled row is left to train on{_explain_empty_train(report)}")


def _explain_label(row: dict[str, Any], report: IngestionReport) -> str:
    if row["reason"] not in (UNKNOWN_LABEL, NO_CLASS) or "found ''" in row["detail"]:
        return ""
    names = report.classes
    has_first = any(names[0] in classes for classes in report.emitted.values())
    if re.search(rf"found '(.*/)?{len(names)}'", row["detail"]) and not has_first:
        return (
            " (labels seem to count from 1: say in data.label_map what each means by the data set's own list, whose"
            " order may be another: 1 is surprise in RAF-DB's)"
        )
    return f" (data.classes names the classes, and data.label_map gives other words a class, or {LEAVE_OUT})"


def _explain_empty_train(report: IngestionReport) -> str:
    predicted = report.dropped.get(held_out_reason(UNLABELLED_SPLIT), 0)
    if predicted:
        return (
            f": {predicted:,} also stand in the rows to predict (--unlabelled), which are never trained on: give"
            " --unlabelled other pictures, or omit it"
        )
    if report.rows_dropped:
        return f": all {report.rows_dropped:,} also stand in eval or test: give further rows to train on"
    if any(report.split_size(split) for split in LABELLED_SPLITS):
        return (
            ": all went to eval and test: give rows of the usage Training, rename files, folders or archives that are"
            " called after test, or lower data.eval_fraction"
        )
    return "; give a file with an `emotion` column"


def _describe(examples: Artifact, splits: list[str]) -> None:
    examples.split_names = artifact_utils.encode_split_names(splits)
    examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(examples, "tfrecords_gzip")
