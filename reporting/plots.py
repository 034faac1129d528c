"""The report's plots, each as SVG for light and for dark pages, with a text that says the same."""

import base64
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from configs.progress import EpochMetrics
from fer_tfx.contract import LABELLED_SPLITS
from reporting.ingestion import IngestionReport
from reporting.intervals import Share
from reporting.report_data import ClassFigures, Evaluation, Slice, TrainingFigures

# Drawn in the light colours; the dark page gets the same text of SVG with the others in their place.
_INK, _GRID, _FIRST, _SECOND, _THIRD = "#1b1d21", "#c9ced6", "#0b57d0", "#b3541e", "#5c6670"
_DARK_OF = {_INK: "#e6e8ec", _GRID: "#3a404a", _FIRST: "#8ab4f8", _SECOND: "#fbb17a", _THIRD: "#a7afba"}
_SIZE_INCHES = (4.2, 2.9)
_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: small, and in the reader's font
    "svg.hashsalt": "fer-tfx",  # the same figures give the same bytes
    "font.family": "sans-serif",
    "font.size": 9,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK),
    "grid.color": _GRID,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8,
}


@dataclass(frozen=True)
class Plot:
    """A figure as data URIs of two SVGs with a transparent ground, for a light and a dark page."""

    light: str
    dark: str
    alt: str  # what the figure shows, in words


class RunPoint(NamedTuple):
    """A figure of a run."""

    number: int
    value: float
    share: Share | None = None  # with its interval, if the figure is one


@contextmanager
def _draw(alt: str, x_label: str, y_label: str, heights: Sequence[int] = (1,)) -> Iterator[tuple[Any, list[Plot]]]:
    """A pair of axes to draw on, and a list that holds the plot once the drawing is finished.

    Several `heights` give as many pairs, one below the other, with the labels at the first and the last.
    """
    # Imported late: the import makes a folder in the user's home.
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
        stack = figure.subplots(len(heights), squeeze=False, sharex=True, height_ratios=heights)[:, 0]
        stack[0].set(ylabel=y_label)
        stack[-1].set(xlabel=x_label)
        plots: list[Plot] = []
        yield stack if len(heights) > 1 else stack[0], plots
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    light = dark = file.getvalue()
    for color, of_dark in _DARK_OF.items():
        dark = dark.replace(color, of_dark)
    light_uri, dark_uri = (
        f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}" for svg in (light, dark)
    )
    plots.append(Plot(light_uri, dark_uri, alt))


def plot_class_balance(rows: IngestionReport) -> Plot:
    """Each class's share of its split, by split."""
    splits = [split for split in LABELLED_SPLITS if rows.split_size(split)]
    shares = {
        split: [rows.emitted[split].get(name, 0) / rows.split_size(split) for name in rows.classes] for split in splits
    }
    alt = "Share of each class, by split. " + " ".join(
        f"{split}: {_list(rows.classes, values)}." for split, values in shares.items()
    )
    with _draw(alt, "share of the split, %", "") as (axes, plots):
        height = 0.8 / len(splits)
        places = np.arange(len(rows.classes))
        for index, (split, color) in enumerate(zip(splits, (_FIRST, _SECOND, _THIRD), strict=False)):
            values = 100 * np.array(shares[split])
            axes.barh(places + height * index, values, height, color=color, label=split)
        axes.set_yticks(places + height * (len(splits) - 1) / 2, rows.classes)
        axes.invert_yaxis()
        axes.legend()
    return plots[0]


def plot_training(training: TrainingFigures) -> tuple[Plot, ...]:
    """By epoch: accuracy, loss, learning rate, seconds."""
    epochs = training.epochs
    return (
        _plot_epochs(epochs, "accuracy", {"training": "accuracy", "eval": "eval_accuracy"}),
        _plot_epochs(epochs, "loss, nats", {"training": "loss", "eval": "eval_loss"}),
        _plot_epochs(epochs, "learning rate after the epoch", {"": "learning_rate"}),
        _plot_epochs(epochs, "seconds of the epoch", {"": "seconds"}),
    )


def _plot_epochs(epochs: Sequence[EpochMetrics], label: str, fields: dict[str, str]) -> Plot:
    from matplotlib.ticker import MaxNLocator

    lines = {
        title: [(each.epoch, getattr(each, field)) for each in epochs if getattr(each, field) is not None]
        for title, field in fields.items()
    }
    alt = f"{label.capitalize()} by epoch. " + " ".join(
        f"{title or 'It'} goes from {points[0][1]:.4g} in epoch {points[0][0]} to {points[-1][1]:.4g} in epoch"
        f" {points[-1][0]}."
        for title, points in lines.items()
        if points
    )
    with _draw(alt, "epoch", label) as (axes, plots):
        for (title, points), color, style in zip(lines.items(), (_FIRST, _SECOND), ("-", "--"), strict=False):
            axes.plot(*np.array(points).reshape(-1, 2).T, style, color=color, marker="o", markersize=3, label=title)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len(fields) > 1:
            axes.legend()
    return plots[0]


def plot_classes(classes: Sequence[ClassFigures]) -> Plot:
    """Recall and precision of each class with their intervals."""
    known = [each for each in classes if each.recall.count]
    alt = "Recall and precision of each class with 95 % intervals; the table has the figures. Recall: " + _list(
        [each.name for each in known], [each.recall.fraction for each in known]
    )
    with _draw(alt, "recall, precision", "") as (axes, plots):
        kinds = (("recall", _FIRST, "o", -0.12), ("precision", _SECOND, "s", 0.12))
        for title, color, marker, offset in kinds:
            shares = [getattr(each, title) for each in classes]
            _mark_shares(axes, shares, np.arange(len(classes)) + offset, fmt=marker, color=color, label=title)
        axes.set_yticks(range(len(classes)), [each.name for each in classes])
        axes.set_xlim(-0.02, 1.02)
        axes.invert_yaxis()
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    return plots[0]


def plot_reliability(evaluation: Evaluation) -> Plot:
    """Accuracy by confidence, before and after the temperature, and how many rows each bin holds after it."""
    alt = (
        f"Accuracy of the answers by their confidence. The calibration error is {evaluation.before.ece:.4f} before and"
        f" {evaluation.after.ece:.4f} after the temperature; on the diagonal it would be 0."
    )
    with _draw(alt, "confidence", "accuracy", heights=(3, 1)) as ((axes, counts), plots):
        bins = evaluation.after.bins
        counts.bar(
            [each.low for each in bins], [each.count for each in bins], 1 / len(bins), align="edge", color=_FIRST
        )
        counts.set_ylabel("rows")
        axes.plot([0, 1], [0, 1], ":", color=_THIRD, label="perfectly calibrated")
        kinds = (("before", evaluation.before, _SECOND, "s--"), ("after", evaluation.after, _FIRST, "o-"))
        for title, trust, color, style in kinds:
            points = [(each.confidence, each.accuracy) for each in trust.bins if each.count]
            axes.plot(*zip(*points, strict=True), style, color=color, markersize=4, label=title)
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
        axes.legend()
    return plots[0]


def plot_coverage(evaluation: Evaluation) -> Plot:
    """Accuracy of the answers that are kept against their share, with the model's own threshold."""
    abstain = evaluation.abstain
    kept = "none is kept"
    if abstain.coverage_fraction:
        kept = f"{abstain.coverage_fraction:.1%} are kept, of which {abstain.accuracy_fraction:.1%} are right"
    alt = (
        f"Accuracy of the answers that are kept against their share. At the model's threshold {abstain.threshold:.3f}"
        f" {kept}; {evaluation.accuracy.fraction:.1%} of all are right."
    )
    with _draw(alt, "share of answers kept", "accuracy of these") as (axes, plots):
        points = [(point.coverage_fraction, point.accuracy_fraction) for point in evaluation.coverage]
        axes.plot(*zip(*points, strict=True), color=_FIRST)
        axes.set_xlim(0, 1.02)
        if abstain.coverage_fraction:
            label = f"abstain below {abstain.threshold:.2f}"
            axes.plot(abstain.coverage_fraction, abstain.accuracy_fraction, "D", color=_SECOND, label=label)
            axes.legend()
    return plots[0]


def plot_slices(slices: Sequence[Slice]) -> Plot:
    """Accuracy of each slice with its interval."""
    names = [f"{each.quality}, {each.level}" for each in slices]
    alt = "Accuracy by quality of the picture with 95 % intervals. " + _list(
        names, [each.accuracy.fraction for each in slices]
    )
    with _draw(alt, "accuracy", "") as (axes, plots):
        _mark_shares(axes, [each.accuracy for each in slices], np.arange(len(slices)), fmt="o", color=_FIRST)
        axes.set_yticks(range(len(slices)), [name.removesuffix(" third") for name in names])
        axes.invert_yaxis()
    return plots[0]


def _mark_shares(axes: Any, shares: Sequence[Share], places: npt.NDArray[Any], **style: Any) -> None:
    """Each share as a mark with its interval."""
    values = np.array([share.fraction if share.count else np.nan for share in shares])  # which draws nothing
    bounds = np.array([[share.low for share in shares], [share.high for share in shares]])
    axes.errorbar(values, places, xerr=np.abs(bounds - values), markersize=4, **style)


def _list(names: Sequence[str], fractions: Sequence[float]) -> str:
    return ", ".join(f"{name} {fraction:.1%}" for name, fraction in zip(names, fractions, strict=True))


def plot_runs(title: str, points: Sequence[RunPoint]) -> Plot:
    """A figure of each run, by the run's number; at least one."""
    from matplotlib.ticker import MaxNLocator

    first, last = points[0], points[-1]
    alt = f"{title} by run: {first.value:.4g} in run {first.number}, {last.value:.4g} in run {last.number}."
    with _draw(alt, "run", title[0].lower() + title[1:].partition(" [")[0]) as (axes, plots):
        numbers, values = [each.number for each in points], np.array([each.value for each in points])
        axes.plot(numbers, values, color=_FIRST, marker="o", markersize=4)
        if all(each.share for each in points):
            bounds = np.array([(each.share.low, each.share.high) for each in points if each.share]).T
            axes.errorbar(numbers, values, yerr=np.abs(bounds - values), color=_FIRST, linestyle="")
        else:
            axes.set_ylim(0, 1.1 * values.max() or 1)
        axes.ticklabel_format(axis="y", useOffset=False)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return plots[0]
