"""Two runs -> what differs between them, line by line."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from fer_tfx.contract import CLASS_NAMES, EVAL_SPLIT
from pipeline.history.figures import (
    Figures,
    TrainingFigures,
    find_artifact,
    read_figures,
    read_model_bytes,
    read_rows,
    read_training,
)
from pipeline.history.runs import describe_time, describe_verdict, find_version
from pipeline.history.settings import has_all_settings, read_code, read_settings
from pipeline.lineage import RunRecord
from reporting.ingestion import IngestionReport
from reporting.intervals import newcombe_interval

ABSENT = "-"


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


def compare_runs(first: Measured, second: Measured) -> list[Section]:
    """Everything that two runs have in common and in which they differ."""
    return [
        Section("runs", list(_compare_ends(first, second))),
        _compare_settings(first.run, second.run),
        Section("rows", list(_compare_rows(first.rows, second.rows))),
        _compare_figures(first, second),
        Section("training", list(_compare_training(first, second))),
        Section("code that differs", _list_differing(_read_all_code(first.run), _read_all_code(second.run))),
    ]


def _compare_ends(first: Measured, second: Measured) -> Iterator[Line]:
    runs = (first.run, second.run)
    yield Line("started", *(describe_time(run.started_s) for run in runs))
    yield Line("verdict", *(describe_verdict(each.run, each.figures) for each in (first, second)))
    yield Line("version", *(find_version(run) or ABSENT for run in runs))


def _compare_settings(first: RunRecord, second: RunRecord) -> Section:
    runs = [run for run in (first, second) if not has_all_settings(run)]
    lines = _list_differing(read_settings(first), read_settings(second))
    if not runs:
        return Section("settings that differ", lines)
    # A setting that was not kept is not known to differ.
    kept = read_settings(first).keys() & read_settings(second).keys()
    ids = " and ".join(str(run.id) for run in runs)
    return Section(
        "settings that differ",
        [line for line in lines if line.name in kept],
        f"run {ids} noted no settings: only those are compared that both runs' nodes were given",
    )


def _list_differing(first: dict[str, Any], second: dict[str, Any]) -> list[Line]:
    return [
        Line(key, str(first.get(key, ABSENT)), str(second.get(key, ABSENT)))
        for key in sorted({*first, *second})
        if first.get(key) != second.get(key)
    ]


def _compare_rows(first: IngestionReport | None, second: IngestionReport | None) -> Iterator[Line]:
    for split in sorted({split for rows in (first, second) if rows for split in rows.emitted}):
        yield Line(split, *(_format(rows.split_size(split) if rows else None, ",") for rows in (first, second)))
    for name in ("rows_dropped", "rows_quarantined"):
        label = name.removeprefix("rows_")
        yield Line(label, *(_format(getattr(rows, name) if rows else None, ",") for rows in (first, second)))


def _compare_figures(first: Measured, second: Measured) -> Section:
    if not first.figures and not second.figures:
        return Section("figures", [], "neither run came to a verdict")
    lines = [
        _compare_shares("accuracy", _accuracy(first), _accuracy(second)),
        _compare_plain("macro F1", *(each.figures.macro_f1 if each.figures else None for each in (first, second))),
        *(_compare_shares(f"recall of {name}", _recall(first, name), _recall(second, name)) for name in CLASS_NAMES),
    ]
    return Section(f"figures on the {EVAL_SPLIT} split", lines, _describe_intervals(first.run, second.run))


def _compare_shares(name: str, first: "_Share", second: "_Share") -> Line:
    line = _compare_plain(name, first.fraction, second.fraction)
    if first.fraction is None or second.fraction is None or not first.row_count or not second.row_count:
        return line
    interval = newcombe_interval(first.fraction, first.row_count, second.fraction, second.row_count)
    return line._replace(difference=f"{line.difference} [{interval.low:+.4f}, {interval.high:+.4f}]")


def _compare_plain(name: str, first: float | None, second: float | None) -> Line:
    difference = "" if first is None or second is None else f"{second - first:+.4f}"
    return Line(name, _format(first, ".4f"), _format(second, ".4f"), difference)


class _Share(NamedTuple):
    """A share of rows; None: not measured."""

    fraction: float | None
    row_count: int


def _accuracy(measured: Measured) -> _Share:
    figures = measured.figures
    return _Share(figures.accuracy, figures.eval_count) if figures else _Share(None, 0)


def _recall(measured: Measured, name: str) -> _Share:
    fraction = measured.figures.recalls.get(name) if measured.figures else None
    rows_by_class = measured.rows.emitted.get(EVAL_SPLIT, {}) if measured.rows else {}
    return _Share(fraction, rows_by_class.get(name, 0))


def _describe_intervals(first: RunRecord, second: RunRecord) -> str:
    ids = [artifact.id if artifact else 0 for artifact in (_find_examples(first), _find_examples(second))]
    same = "the same examples" if ids[0] and ids[0] == ids[1] else "examples that were made separately"
    return (
        f"[...]: unpaired 95 % interval (Newcombe), as a run keeps no answers row by row; both were judged on {same};"
        " on equal rows a paired interval would be narrower"
    )


def _find_examples(run: RunRecord) -> Any:
    return find_artifact(run, "FerExampleGen", "examples")


def _compare_training(first: Measured, second: Measured) -> Iterator[Line]:
    trainings = (first.training, second.training)
    if any(trainings):
        yield Line("epochs", *(_format(each.epochs if each else None, ",") for each in trainings))
        yield Line("seconds", *(_format(each.seconds if each else None, ",.0f") for each in trainings))
        yield Line("parameters", *(_format(each.parameters if each else None, ",") for each in trainings))
        yield Line("model bytes", *(_format(each.model_bytes, ",") for each in (first, second)))


def _read_all_code(run: RunRecord) -> dict[str, str]:
    return {
        f"{name}.{key}": value for name, node in run.nodes.items() for key, value in read_code(node.parameters).items()
    }


def _format(value: float | None, form: str) -> str:
    return ABSENT if value is None else format(value, form)
