"""Two runs -> what differs between them, line by line."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from fer_tfx.contract import CLASS_NAMES, EVAL_SPLIT
from pipeline.history.figures import Figures, describe_time, describe_verdict, read_figures, read_rows, read_training
from pipeline.history.records import RunRecord
from pipeline.history.settings import has_all_settings, read_code, read_settings
from reporting.ingestion import IngestionReport
from reporting.intervals import newcombe_interval

_ABSENT = "-"


class Line(NamedTuple):
    name: str
    first: str
    second: str
    difference: str = ""


class Section(NamedTuple):
    title: str
    lines: list[Line]
    remark: str = ""


def compare_runs(*runs: RunRecord) -> list[Section]:
    """Everything in which two runs can be compared: differences are second - first."""
    figures, rows = [read_figures(run) for run in runs], [read_rows(run) for run in runs]
    ends = [
        Line("started", *(describe_time(run.started_s) for run in runs)),
        Line("verdict", *(describe_verdict(run, each) for run, each in zip(runs, figures, strict=True))),
        Line("version", *(run.find_pushed("pushed_version") or _ABSENT for run in runs)),
    ]
    return [
        Section("runs", ends),
        _compare_settings(*runs),
        Section("rows", _compare_rows(rows)),
        _compare_figures(runs, figures, rows),
        Section("training", _compare_training(runs)),
        Section("code that differs", _list_differing(*(_read_all_code(run) for run in runs))),
    ]


def _compare_settings(first: RunRecord, second: RunRecord) -> Section:
    title, lines = "settings that differ", _list_differing(read_settings(first), read_settings(second))
    ids = " and ".join(str(run.id) for run in (first, second) if not has_all_settings(run))
    if not ids:
        return Section(title, lines)
    # A setting that was not noted is not known to differ.
    noted = read_settings(first).keys() & read_settings(second).keys()
    remark = f"run {ids} noted no settings: only those that the nodes of both runs were given are compared"
    return Section(title, [line for line in lines if line.name in noted], remark)


def _list_differing(first: dict[str, Any], second: dict[str, Any]) -> list[Line]:
    return [
        Line(key, str(first.get(key, _ABSENT)), str(second.get(key, _ABSENT)))
        for key in sorted({*first, *second})
        if first.get(key) != second.get(key)
    ]


def _read_all_code(run: RunRecord) -> dict[str, str]:
    codes = {name: read_code(node.parameters) for name, node in run.nodes.items()}
    return {f"{name}.{key}": value for name, code in codes.items() for key, value in code.items()}


def _compare_rows(rows: list[IngestionReport | None]) -> list[Line]:
    splits = sorted({split for each in rows if each for split in each.emitted})
    return [
        *(_line(split, [each.split_size(split) if each else None for each in rows], ",") for split in splits),
        _line("dropped", [each.rows_dropped if each else None for each in rows], ","),
        _line("quarantined", [each.rows_quarantined if each else None for each in rows], ","),
    ]


def _compare_figures(
    runs: Sequence[RunRecord], figures: list[Figures | None], rows: list[IngestionReport | None]
) -> Section:
    if not any(figures):
        return Section("figures", [], "neither run reached a verdict")
    counts = [each.eval_count if each else 0 for each in figures]
    lines = [
        _line("accuracy", [each.accuracy if each else None for each in figures], ".4f", counts),
        _line("macro F1", [each.macro_f1 if each else None for each in figures], ".4f", (0, 0)),
    ]
    for name in CLASS_NAMES:
        counts = [each.emitted.get(EVAL_SPLIT, {}).get(name, 0) if each else 0 for each in rows]
        recalls = [each.recalls.get(name) if each else None for each in figures]
        lines.append(_line(f"recall of {name}", recalls, ".4f", counts))
    examples = [run.find_artifact("FerExampleGen", "examples") for run in runs]
    same = examples[0] and examples[1] and examples[0].id == examples[1].id
    remark = (
        "[...]: unpaired 95 % interval (Newcombe), as a run keeps no answers row by row; both were judged on"
        f" {'the same examples' if same else 'examples that were made separately'};"
        " on equal rows a paired interval would be narrower"
    )
    return Section(f"figures on the {EVAL_SPLIT} split", lines, remark)


def _compare_training(runs: Sequence[RunRecord]) -> list[Line]:
    trainings = [read_training(run) for run in runs]
    if not any("epochs" in each for each in trainings):
        return []
    forms = {"epochs": ",", "seconds": ",.0f", "parameters": ",", "model bytes": ","}
    return [_line(name, [each.get(name) for each in trainings], form) for name, form in forms.items()]


def _line(name: str, values: Sequence[float | None], form: str, row_counts: Sequence[int] = ()) -> Line:
    """With `row_counts` the difference is shown, and where none is 0 its interval, for shares of that many rows."""
    (first, second), difference = values, ""
    if first is not None and second is not None and row_counts:
        difference = f"{second - first:+.4f}"
        if all(row_counts):
            interval = newcombe_interval(first, row_counts[0], second, row_counts[1])
            difference += f" [{interval.low:+.4f}, {interval.high:+.4f}]"
    left, right = (_ABSENT if value is None else format(value, form) for value in values)
    return Line(name, left, right, difference)
