"""DataGate stops a run whose data is not what the schema says; ExampleValidator alone only takes note."""

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import ExampleAnomalies, ExampleStatistics, Schema
from tfx.utils import io_utils

from components.artifacts import Artifacts, Component, DataVerdict, Quarantine, declare
from components.data_figures import (
    Statistics,
    count_labels,
    describe_anomalies,
    find_bound,
    load_schema,
    load_statistics,
    read_data,
    read_rows,
)
from components.report_folder import write_report
from components.run_facts import read_run_facts
from fer_tfx.contract import EVAL_SPLIT, LABEL_KEY, LABELLED_SPLITS, PIXEL_COUNT, PIXELS_KEY, TRAIN_SPLIT
from fer_tfx.counted import counted
from fer_tfx.errors import GateError
from reporting import PAGE_FILE, REPORT_KEY
from reporting.ingestion import IngestionReport
from reporting.label_shift import Counts, find_absences, measure_distance
from reporting.report_data import ReportData, RunFacts, Verdict


class Executor(BaseExecutor):  # type: ignore[misc]
    """Refuses by raising, which stops every runner."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Write the verdict; or the page of the run, and raise GateError that names page and faults in one line."""
        verdict = artifact_utils.get_single_uri(output_dict["verdict"])
        faults, remedy = _find_faults(input_dict)
        if faults:
            _refuse(faults, remedy, input_dict, verdict, exec_properties["name"], read_run_facts(self._context))
        checked = {"faults": [], "is_drift_checked": bool(input_dict.get("previous_statistics"))}
        io_utils.write_string_file(os.path.join(verdict, "verdict.json"), json.dumps(checked))


class DataGate(Component):
    """Fails, naming each fault, unless the examples match the schema and the account of rows.

    Let Transform depend on it with `add_upstream_node`, so that nothing is trained on refused data. `name` is the
    pipeline's. Without `previous_statistics`, or if it resolves to nothing, drift isn't checked.

    Outputs:
        verdict: what was checked, as `verdict.json`; for refused data there is a report beside its place instead.
    """

    SPEC_CLASS = declare(
        parameters={"name": str, "code": str},
        inputs={
            "statistics": ExampleStatistics,
            "schema": Schema,
            "anomalies": ExampleAnomalies,
            "quarantine": Quarantine,
        },
        optional_inputs={"previous_statistics": ExampleStatistics},
        outputs={"verdict": DataVerdict},
    )
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)


def _refuse(faults: list[str], remedy: str, input_dict: Artifacts, verdict: str, name: str, run: RunFacts) -> None:
    """Write <node>/report/<execution>, as TFX removes <node>/verdict/<execution> of a failed execution, and raise."""
    node, _, execution = verdict.rpartition("/verdict")
    folder = f"{node}/{REPORT_KEY}{execution}"
    sentence = (
        f"the data gate refused the examples: {'; '.join(faults)}. Correct the data, or {remedy}; the page of the run"
        f" is {os.path.join(folder, PAGE_FILE)}"
    )
    write_report(folder, ReportData(name, Verdict((sentence,), place=""), read_data(input_dict), run=run))
    raise GateError(sentence)


def _find_faults(input_dict: Artifacts) -> tuple[list[str], str]:
    """What is wrong, and what else may be to blame than the data."""
    by_schema = "the schema if the data is right (`fer-tfx schema` writes one from data)"
    report = read_rows(artifact_utils.get_single_uri(input_dict["quarantine"]))
    if gaps := list(find_gaps(report)):  # which no schema allows
        return gaps, "data.classes if it names a class that the data doesn't have"
    statistics = load_statistics(input_dict["statistics"])
    if miscounts := list(find_miscounts(statistics, report)):
        return miscounts, by_schema
    previous = load_statistics(input_dict.get("previous_statistics", []))
    schema = load_schema(input_dict["schema"])
    faults = [
        *describe_anomalies(artifact_utils.get_single_instance(input_dict["anomalies"])),
        *find_size_faults(statistics),
        *find_skew(statistics, schema, report.classes),
        *find_drift(statistics, previous, schema, report.classes),
    ]
    return faults, by_schema


def find_skew(statistics: Statistics, schema: schema_pb2.Schema, class_names: Sequence[str]) -> Iterator[str]:
    """Where the labels of train and eval differ, beyond doubt, by more than the schema's skew comparator allows."""
    train, eval_ = (count_labels(statistics[split], len(class_names)) for split in (TRAIN_SPLIT, EVAL_SPLIT))
    yield from _find_shift("train against eval", train, eval_, schema, "skew_comparator", class_names)


def find_drift(
    statistics: Statistics, previous: Statistics, schema: schema_pb2.Schema, class_names: Sequence[str]
) -> Iterator[str]:
    """Likewise for train and the train split of the data accepted last, by the drift comparator."""
    if TRAIN_SPLIT in previous:
        now, before = (count_labels(each[TRAIN_SPLIT], len(class_names)) for each in (statistics, previous))
        between = "train against the data accepted last"
        yield from _find_shift(between, now, before, schema, "drift_comparator", class_names)


def find_gaps(report: IngestionReport) -> Iterator[str]:
    """Empty train and eval splits, classes that train lacks, and classes that eval doesn't lack by chance."""
    train, eval_ = (
        [report.emitted.get(split, {}).get(name, 0) for name in report.classes] for split in (TRAIN_SPLIT, EVAL_SPLIT)
    )
    if empty := [split for split, counts in ((TRAIN_SPLIT, train), (EVAL_SPLIT, eval_)) if not any(counts)]:
        yield from (f"{split}: no example" for split in empty)
        return
    if missing := [name for name, count in zip(report.classes, train, strict=True) if not count]:
        yield f"{TRAIN_SPLIT}: no example of {', '.join(missing)}"
    if missing := [each.name for each in find_absences(train, eval_, report.classes) if each.is_refused]:
        yield f"{EVAL_SPLIT}: no example of {', '.join(missing)}, which {sum(eval_):,} random rows would have"


def find_miscounts(statistics: Statistics, report: IngestionReport) -> Iterator[str]:
    """Splits whose files hold another number of examples than ingestion wrote."""
    for split in LABELLED_SPLITS:
        found = statistics[split].datasets[0].num_examples if split in statistics else 0
        expected = report.split_size(split)
        if found != expected:
            yield f"{split}: found {counted(found, 'example')}, but ingestion wrote {expected:,}"


def find_size_faults(statistics: Statistics) -> Iterator[str]:
    """Splits with a picture that doesn't have 2,304 bytes, which a schema can't require of a bytes feature."""
    for split, of_split in statistics.items():
        for feature in of_split.datasets[0].features:
            if feature.path.step == [PIXELS_KEY]:
                sizes = feature.bytes_stats
                if (sizes.min_num_bytes, sizes.max_num_bytes) != (PIXEL_COUNT, PIXEL_COUNT):
                    yield (
                        f"{split}: {PIXELS_KEY}: a picture has {sizes.min_num_bytes:g} to {sizes.max_num_bytes:g}"
                        f" bytes, each must have {PIXEL_COUNT}"
                    )


def _find_shift(
    between: str,
    first: Counts,
    second: Counts,
    schema: schema_pb2.Schema,
    comparator: str,
    class_names: Sequence[str],
) -> Iterator[str]:
    bound, other_norms = find_bound(schema, comparator)
    for norm in other_norms:
        yield f"schema: {LABEL_KEY}: {comparator}: {norm} is not checked; bound infinity_norm instead"
    if bound is None or not any(first) or not any(second):
        return
    if not 0 <= bound <= 1:
        yield f"schema: {LABEL_KEY}: {comparator}: expected a threshold from 0 to 1, got {bound:g}"
        return
    apart = measure_distance(between, first, second, bound, class_names)
    if apart.is_refused:
        yield (
            f"{between}: {LABEL_KEY}: the shares of {apart.class_name} differ by {apart.distance:.4f}, beyond doubt by"
            f" more than {apart.least:.4f}; the schema's {comparator} allows {bound:g}"
        )
