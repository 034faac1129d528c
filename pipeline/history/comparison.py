"""Two runs -> what differs between them, line by line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from fer_tfx.contract import CLASS_NAMES, EVAL_SPLIT
from pipeline.history.figures import (
    Figures,
    TrainingFigures,
    describe_time,
    describe_verdict,
    read_figures,
    read_model_bytes,
    read_rows,
    read_training,
)
from pipeline.history.records import RunRecord
from pipeline.history.settings import has_all_settings, read_code, read_settings
from reporting.difference import newcombe_interval
from reporting.ingestion import IngestionReport

_ABSENT = "-"


class Line(NamedTuple):
    """One figure of both runs."""

    name: str
    first: str
    second: str
    difference: str = ""


@dataclass(frozen=True)
class Section:
    """Figures of one kind."""

    title: str
    lines: list[Line]
    remark: str = ""


@dataclass(frozen=True)
class Measured:
    """All that is known of one run."""

    run: RunRecord
    figures: Figures | None
    rows: IngestionReport | None
    training: TrainingFigures | None
    model_bytes: int | None

    @classmethod
    def of(cls, run: RunRecord) -> "Measured":
        return cls(run, read_figures(run), read_rows(run), read_training(run), read_model_bytes(run))


class _Share(NamedTuple):
    """A share of rows; None: not measured."""

    fraction: float | None
    row_count: int


_UNMEASURED = _Share(None, 0)
_Pair = tuple[Measured, Measured]


def compare_runs(first: Measured, second: Measured) -> list[Section]:
    """Everything in which two runs can be compared."""
    pair = (first, second)
    codes = [
        {
            f"{name}.{key}": code
            for name, node in each.run.nodes.items()
            for key, code in read_code(node.parameters).items()
        }
        for each in pair
    ]
    return [
        Section("runs", _compare_ends(pair)),
        _compare_settings(first.run, second.run),
        Section("rows", _compare_rows(pair)),
        _compare_figures(pair),
        Section("training", _compare_training(pair)),
        Section("code that differs", _list_differing(*codes)),
    ]


def _compare_ends(pair: _Pair) -> list[Line]:
    return [
        Line("started", *(describe_time(each.run.started_s) for each in pair)),
        Line("verdict", *(describe_verdict(each.run, each.figures) for each in pair)),
        Line("version", *(each.run.find_pushed("pushed_version") or _ABSENT for each in pair)),
    ]


def _compare_settings(first: RunRecord, second: RunRecord) -> Section:
    runs = [run for run in (first, second) if not has_all_settings(run)]
    lines = _list_differing(read_settings(first), read_settings(second))
    if not runs:
        return Section("settings that differ", lines)
    # A setting that was not noted is not known to differ.
    noted = read_settings(first).keys() & read_settings(second).keys()
    ids = " and ".join(str(run.id) for run in runs)
    return Section(
        "settings that differ",
        [line for line in lines if line.name in noted],
        f"run {ids} noted no settings: only those that the nodes of both runs were given are compared",
    )


def _list_differing(first: dict[str, Any], second: dict[str, Any]) -> list[Line]:
    return [
        Line(key, str(first.get(key, _ABSENT)), str(second.get(key, _ABSENT)))
        for key in sorted({*first, *second})
        if first.get(key) != second.get(key)
    ]


def _compare_rows(pair: _Pair) -> list[Line]:
    rows = [each.rows for each in pair]
    splits = sorted({split for each in rows if each for split in each.emitted})
    return [
        *(_line(split, [each.split_size(split) if each else None for each in rows], ",") for split in splits),
        _line("dropped", [getattr(each, "rows_dropped", None) for each in rows], ","),
        _line("quarantined", [getattr(each, "rows_quarantined", None) for each in rows], ","),
    ]


def _compare_figures(pair: _Pair) -> Section:
    figures = [each.figures for each in pair]
    if not any(figures):
        return Section("figures", [], "neither run reached a verdict")
    macro_f1 = [each.macro_f1 if each else None for each in figures]
    lines = [
        _compare_shares(
            "accuracy", *(_Share(each.accuracy, each.eval_count) if each else _UNMEASURED for each in figures)
        ),
        _line("macro F1", macro_f1, ".4f", _subtract(*macro_f1)),
        *(_compare_shares(f"recall of {name}", *(_recall(each, name) for each in pair)) for name in CLASS_NAMES),
    ]
    examples = [each.run.find_artifact("FerExampleGen", "examples") for each in pair]
    same = examples[0] and examples[1] and examples[0].id == examples[1].id
    remark = (
        "[...]: unpaired 95 % interval (Newcombe), as a run keeps no answers row by row; both were judged on"
        f" {'the same examples' if same else 'examples that were made separately'};"
        " on equal rows a paired interval would be narrower"
    )
    return Section(f"figures on the {EVAL_SPLIT} split", lines, remark)


def _recall(measured: Measured, name: str) -> _Share:
    fraction = measured.figures.recalls.get(name) if measured.figures else None
    rows_by_class = measured.rows.emitted.get(EVAL_SPLIT, {}) if measured.rows else {}
    return _Share(fraction, rows_by_class.get(name, 0))


def _compare_shares(name: str, first: _Share, second: _Share) -> Line:
    difference = _subtract(first.fraction, second.fraction)
    if first.fraction is not None and second.fraction is not None and first.row_count and second.row_count:
        interval = newcombe_interval(first.fraction, first.row_count, second.fraction, second.row_count)
        difference += f" [{interval.low:+.4f}, {interval.high:+.4f}]"
    return _line(name, [first.fraction, second.fraction], ".4f", difference)


def _subtract(first: float | None, second: float | None) -> str:
    return "" if first is None or second is None else f"{second - first:+.4f}"


def _compare_training(pair: _Pair) -> list[Line]:
    trainings = [each.training for each in pair]
    if not any(trainings):
        return []
    forms = {"epochs": ",", "seconds": ",.0f", "parameters": ","}
    lines = [_line(name, [getattr(each, name, None) for each in trainings], form) for name, form in forms.items()]
    return [*lines, _line("model bytes", [each.model_bytes for each in pair], ",")]


def _line(name: str, values: Sequence[float | None], form: str, difference: str = "") -> Line:
    first, second = (_ABSENT if value is None else format(value, form) for value in values)
    return Line(name, first, second, difference)
