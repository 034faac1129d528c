"""What differs between two runs, and how their models compare on the rows that both answered."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fer_tfx.contract import EVAL_SPLIT
from fer_tfx.files import replacing
from pipeline.history.figures import (
    Figures,
    describe_verdict,
    read_answers,
    read_figures,
    read_rows,
    read_training,
)
from pipeline.history.records import RunRecord, has_all_settings, read_code, read_settings
from reporting.comparison import (
    ChangedPicture,
    Line,
    Section,
    choose_shown,
    compare_rows,
    describe_change,
    render_comparison,
)
from reporting.ingestion import IngestionReport
from reporting.intervals import Interval, newcombe_interval, paired_difference_interval
from reporting.report_data import describe_time
from reporting.row_answers import Paired, pair_answers

_ABSENT = "-"


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
    ids = " and ".join(str(run.number) for run in (first, second) if not has_all_settings(run))
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
        _line("left out", [each.rows_left_out if each else None for each in rows], ","),
        _line("quarantined", [each.rows_quarantined if each else None for each in rows], ","),
    ]


def _compare_figures(
    runs: Sequence[RunRecord], figures: list[Figures | None], rows: list[IngestionReport | None]
) -> Section:
    if not any(figures):
        return Section("figures", [], "neither run reached a verdict")
    counts = [each.eval_count if each else 0 for each in figures]
    paired = pair_runs(*runs)
    if paired and counts != [len(paired.places)] * 2:
        paired = None  # these are figures of all rows
    lines = [
        _line("accuracy", [each.accuracy if each else None for each in figures], ".4f", counts, _find_interval(paired)),
        _line("macro F1", [each.macro_f1 if each else None for each in figures], ".4f", (0, 0)),
    ]
    for name in dict.fromkeys(name for each in figures if each for name in each.recalls):
        counts = [each.emitted.get(EVAL_SPLIT, {}).get(name, 0) if each else 0 for each in rows]
        recalls = [each.recalls.get(name) if each else None for each in figures]
        lines.append(_line(f"recall of {name}", recalls, ".4f", counts, _find_interval(paired, name)))
    examples = [run.find_artifact("FerExampleGen", "examples") for run in runs]
    same = examples[0] and examples[1] and examples[0].id == examples[1].id
    judged = f"judged on {'the same examples' if same else 'examples that were made separately'}"
    kind = "paired 95 % interval (Bonett and Price)" if paired else "unpaired 95 % interval (Newcombe)"
    reason = "both answered the same rows" if paired else "the rows differ, or a run kept no answers"
    return Section(f"figures on the {EVAL_SPLIT} split", lines, f"[...]: {kind}, as {reason}; {judged}")


def pair_runs(first: RunRecord, second: RunRecord) -> Paired | None:
    """The rows that both runs answered; None: there are none, or a run kept no answers."""
    answers = [read_answers(run) for run in (first, second)]
    return pair_answers(answers[0], answers[1]) if answers[0] and answers[1] else None


def _find_interval(paired: Paired | None, class_name: str = "") -> Interval | None:
    """The paired interval of the difference in accuracy, or in the recall of a class; None: nothing is paired."""
    if not paired:
        return None
    first, second = paired.first, paired.second
    is_meant = np.ones(len(paired.places), bool)
    if class_name:
        is_meant = second.class_indices == second.class_names.index(class_name)
    gained, lost = (int((is_meant & each).sum()) for each in (second.hits & ~first.hits, first.hits & ~second.hits))
    return paired_difference_interval(gained, lost, int(is_meant.sum()))


def _compare_training(runs: Sequence[RunRecord]) -> list[Line]:
    trainings = [read_training(run) for run in runs]
    if not any("epochs" in each for each in trainings):
        return []
    forms = {"epochs": ",", "seconds": ",.0f", "parameters": ",", "model bytes": ","}
    return [_line(name, [each.get(name) for each in trainings], form) for name, form in forms.items()]


def _line(
    name: str,
    values: Sequence[float | None],
    form: str,
    row_counts: Sequence[int] = (),
    interval: Interval | None = None,
) -> Line:
    """With `row_counts` the difference is shown, and where none is 0 its interval, for shares of that many rows."""
    (first, second), difference = values, ""
    if first is not None and second is not None and row_counts:
        difference = f"{second - first:+.4f}"
        if all(row_counts):
            found = interval or newcombe_interval(first, row_counts[0], second, row_counts[1])
            difference += f" [{found.low:+.4f}, {found.high:+.4f}]"
    left, right = (_ABSENT if value is None else format(value, form) for value in values)
    return Line(name, left, right, difference)


def write_comparison(folder: Path, name: str, first: RunRecord, second: RunRecord) -> Path:
    """Write the page of two runs of the pipeline `name` into a folder."""
    paired = pair_runs(first, second)
    rows, pictures = None, list[list[ChangedPicture]]()
    if paired:
        from components.labelled_rows import read_pictures

        rows = compare_rows(paired)
        shown = choose_shown(rows)
        places = {int(paired.places[row]): int(row) for row in np.concatenate(shown)}
        split = Path(second.find_uri("FerExampleGen", "examples"), f"Split-{EVAL_SPLIT}")
        found = read_pictures(str(split), list(places)) if places else {}
        by_row = {places[place]: pixels for place, pixels in found.items()}
        pictures = [[describe_change(paired, row, by_row[row]) for row in each if row in by_row] for each in shown]
    numbers = first.number, second.number
    path = folder / f"compare-{first.number}-{second.number}.html"
    page = render_comparison(name, numbers, compare_runs(first, second), rows, *pictures)
    with replacing(path) as file:
        file.write(page)
    return path
