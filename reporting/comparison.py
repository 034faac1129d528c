"""Two runs side by side: the lines that differ, the rows that both answered, and the page of both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reporting import templates
from reporting.answered import Integers, Pictures
from reporting.classification import compare_hits, compute_confusion
from reporting.intervals import Interval, paired_difference_interval
from reporting.render import FILTERS, encode_picture, format_percent
from reporting.row_answers import Paired, RowAnswers

TEMPLATE = "comparison.html"
_SHOWN_PICTURES = 24


class Line(NamedTuple):
    name: str
    first: str
    second: str
    difference: str = ""


class Section(NamedTuple):
    title: str
    lines: list[Line]
    remark: str = ""


@dataclass(frozen=True)
class RowComparison:
    """How two models answered the same rows; differences are second - first."""

    class_names: tuple[str, ...]
    gained: Integers  # of the paired rows, those that only the second got right, the most confident first
    lost: Integers  # likewise of the first
    count: int
    interval: Interval  # 95 %, of the difference of the accuracies
    p_value: float  # of McNemar's exact test
    change: npt.NDArray[np.int64]  # (classes, classes), of the confusion

    @property
    def difference(self) -> float:
        return (len(self.gained) - len(self.lost)) / self.count


class ChangedPicture(NamedTuple):
    """A picture that one model got right and the other wrong, with both answers in words."""

    pixels: Pictures  # (48, 48)
    true_class: str
    first: str
    second: str


def compare_rows(paired: Paired) -> RowComparison:
    first, second = paired.first, paired.second
    test = compare_hits(second.hits, first.hits)
    before, after = (
        compute_confusion(each.class_indices, each.predicted, len(each.class_names)) for each in (first, second)
    )
    return RowComparison(
        class_names=second.class_names,
        gained=_find_surest(second.hits & ~first.hits, second),
        lost=_find_surest(first.hits & ~second.hits, first),
        count=len(paired.places),
        interval=paired_difference_interval(test.first_only, test.second_only, len(paired.places)),
        p_value=test.p_value,
        change=after - before,
    )


def _find_surest(is_changed: npt.NDArray[np.bool_], right: RowAnswers) -> Integers:
    (rows,) = np.nonzero(is_changed)
    return rows[np.argsort(-right.confidences[rows], kind="stable")]


def choose_shown(rows: RowComparison) -> tuple[Integers, Integers]:
    """Those of the rows that were gained and lost whose pictures the page has room for."""
    return rows.gained[:_SHOWN_PICTURES], rows.lost[:_SHOWN_PICTURES]


def describe_change(paired: Paired, row: int, pixels: Pictures) -> ChangedPicture:
    names = paired.second.class_names
    first, second = (
        f"{names[each.predicted[row]]} {format_percent(each.confidences[row])}"
        for each in (paired.first, paired.second)
    )
    return ChangedPicture(pixels, names[paired.second.class_indices[row]], first, second)


def render_comparison(
    name: str,
    numbers: tuple[int, int],
    sections: Sequence[Section],
    rows: RowComparison | None,
    gained: Sequence[ChangedPicture] = (),
    lost: Sequence[ChangedPicture] = (),
) -> str:
    """The page of two runs of the pipeline `name`; None: no row was answered by both."""
    most = int(np.abs(rows.change).max()) if rows else 0
    return templates.render(
        TEMPLATE,
        FILTERS,
        is_html=True,
        pipeline=name,
        numbers=numbers,
        sections=sections,
        rows=rows,
        change=[[(int(each), f"{60 * abs(each) / max(1, most):.0f}%") for each in row] for row in rows.change]
        if rows
        else [],
        gained=[(each, encode_picture(each.pixels)) for each in gained],
        lost=[(each, encode_picture(each.pixels)) for each in lost],
    )
