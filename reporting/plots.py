"""The report's plots, each as SVG for light and for dark pages, with a text that says the same."""

import base64
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from fer_tfx.contract import CLASS_NAMES, LABELLED_SPLITS
from reporting.ingestion import IngestionReport
from reporting.report_data import ClassFigures, Epoch, Evaluation, Slice, TrainingFigures

# Drawn in the light colours; the dark page gets the same text of SVG with the others in their place.
_INK, _GRID, _FIRST, _SECOND, _THIRD = "#1b1d21", "#c9ced6", "#0b57d0", "#b3541e", "#5c6670"
_DARK_OF = {_INK: "#e6e8ec", _GRID: "#3a404a", _FIRST: "#8ab4f8", _SECOND: "#fbb17a", _THIRD: "#a7afba"}
_SIZE_INCHES = (4.2, 2.9)
_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: small, and in the reader's font
    "svg.hashsalt": "fer-tfx",  # the same figures give the same bytes
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
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
    """One figure."""

    light: str
    """Data URI of an SVG with a transparent ground, for a light page."""
    dark: str
    """The same for a dark page."""
    alt: str
    """What the figure shows, in words."""


class _Canvas:
    """A figure with one pair of axes; `plot` is there once the drawing is finished."""

    def __init__(self, axes: Any, alt: str):
        self.axes = axes
        self.plot = Plot("", "", alt)


@contextmanager
def _draw(alt: str, x_label: str, y_label: str) -> Iterator[_Canvas]:
    # Imported late: the import makes a folder in the home of whoever imports it.
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
        canvas = _Canvas(figure.subplots(), alt)
        canvas.axes.set(xlabel=x_label, ylabel=y_label)
        yield canvas
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    svg = file.getvalue()
    canvas.plot = Plot(_to_uri(svg), _to_uri(_darken(svg)), alt)


def _darken(svg: str) -> str:
    for light, dark in _DARK_OF.items():
        svg = svg.replace(light, dark)
    return svg


def _to_uri(svg: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def plot_class_balance(rows: IngestionReport) -> Plot:
    """Each class's share of its split, by split."""
    splits = [split for split in LABELLED_SPLITS if rows.split_size(split)]
    shares = {
        split: [rows.emitted[split].get(name, 0) / rows.split_size(split) for name in CLASS_NAMES] for split in splits
    }
    alt = "Share of each class, by split. " + " ".join(
        f"{split}: {_list(CLASS_NAMES, values)}." for split, values in shares.items()
    )
    with _draw(alt, "share of the split, %", "") as canvas:
        height = 0.8 / len(splits)
        places = np.arange(len(CLASS_NAMES))
        for index, (split, color) in enumerate(zip(splits, (_FIRST, _SECOND, _THIRD), strict=False)):
            values = 100 * np.array(shares[split])
            canvas.axes.barh(places + height * index, values, height, color=color, label=split)
        canvas.axes.set_yticks(places + height * (len(splits) - 1) / 2, CLASS_NAMES)
        canvas.axes.invert_yaxis()
        canvas.axes.legend()
    return canvas.plot


def plot_training(training: TrainingFigures) -> tuple[Plot, ...]:
    """By epoch: accuracy, loss, learning rate, seconds."""
    epochs = training.epochs
    return (
        _plot_epochs(epochs, "accuracy", {"training": "accuracy", "eval": "eval_accuracy"}),
        _plot_epochs(epochs, "loss, nats", {"training": "loss", "eval": "eval_loss"}),
        _plot_epochs(epochs, "learning rate after the epoch", {"": "learning_rate"}),
        _plot_epochs(epochs, "seconds of the epoch", {"": "seconds"}),
    )


def _plot_epochs(epochs: Sequence[Epoch], label: str, fields: dict[str, str]) -> Plot:
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
    with _draw(alt, "epoch", label) as canvas:
        for (title, points), color, style in zip(lines.items(), (_FIRST, _SECOND), ("-", "--"), strict=False):
            xs, ys = [point[0] for point in points], [point[1] for point in points]
            canvas.axes.plot(xs, ys, style, color=color, marker="o", markersize=3, label=title)
        canvas.axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len(fields) > 1:
            canvas.axes.legend()
    return canvas.plot


def plot_classes(classes: Sequence[ClassFigures]) -> Plot:
    """Recall and precision of each class with their intervals."""
    alt = "Recall and precision of each class with 95 % intervals; the table has the figures. Recall: " + _list(
        [each.name for each in classes], [each.recall.fraction for each in classes]
    )
    with _draw(alt, "", "") as canvas:
        kinds = (("recall", _FIRST, "o", -0.12), ("precision", _SECOND, "s", 0.12))
        for title, color, marker, offset in kinds:
            shares = [getattr(each, title) for each in classes]
            values = np.array([share.fraction for share in shares])
            bounds = np.array([[share.low for share in shares], [share.high for share in shares]])
            # Rounding may leave a bound on the wrong side of a value of 0 or 1.
            lengths = np.maximum(np.abs(bounds - values), 0)
            places = np.arange(len(classes)) + offset
            canvas.axes.errorbar(values, places, xerr=lengths, fmt=marker, color=color, markersize=4, label=title)
        canvas.axes.set_yticks(range(len(classes)), [each.name for each in classes])
        canvas.axes.set_xlim(-0.02, 1.02)
        canvas.axes.invert_yaxis()
        canvas.axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    return canvas.plot


def plot_reliability(evaluation: Evaluation) -> Plot:
    """Accuracy by confidence, before and after the temperature."""
    alt = (
        f"Accuracy of the answers by their confidence. The calibration error is {evaluation.before.ece:.4f} before and"
        f" {evaluation.after.ece:.4f} after the temperature; on the diagonal it would be 0."
    )
    with _draw(alt, "confidence", "accuracy") as canvas:
        canvas.axes.plot([0, 1], [0, 1], ":", color=_THIRD, label="as good as said")
        kinds = (("before", evaluation.before, _SECOND, "s--"), ("after", evaluation.after, _FIRST, "o-"))
        for title, trust, color, style in kinds:
            bins = [each for each in trust.bins if each.count]
            xs, ys = [each.confidence for each in bins], [each.accuracy for each in bins]
            canvas.axes.plot(xs, ys, style, color=color, markersize=4, label=title)
        canvas.axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
        canvas.axes.legend()
    return canvas.plot


def plot_coverage(evaluation: Evaluation) -> Plot:
    """Accuracy of what is kept against the share that is kept, with the model's own threshold."""
    abstain = evaluation.abstain
    alt = (
        f"Accuracy of the kept answers against the share that is kept. At the model's threshold {abstain.threshold:.3f}"
        f" {abstain.coverage_fraction:.1%} are kept, of which {abstain.accuracy_fraction:.1%} are right; of all"
        f" {evaluation.accuracy.fraction:.1%} are."
    )
    with _draw(alt, "share that is kept", "accuracy of these") as canvas:
        xs = [point.coverage_fraction for point in evaluation.coverage]
        ys = [point.accuracy_fraction for point in evaluation.coverage]
        canvas.axes.plot(xs, ys, color=_FIRST)
        label = f"abstain below {abstain.threshold:.2f}"
        canvas.axes.plot(abstain.coverage_fraction, abstain.accuracy_fraction, "D", color=_SECOND, label=label)
        canvas.axes.set_xlim(0, 1.02)
        canvas.axes.legend()
    return canvas.plot


def plot_slices(slices: Sequence[Slice]) -> Plot:
    """Accuracy of each slice with its interval."""
    names = [f"{each.quality}, {each.level}" for each in slices]
    alt = "Accuracy by quality of the picture with 95 % intervals. " + _list(
        names, [each.accuracy.fraction for each in slices]
    )
    with _draw(alt, "accuracy", "") as canvas:
        values = np.array([each.accuracy.fraction for each in slices])
        bounds = np.array([[each.accuracy.low for each in slices], [each.accuracy.high for each in slices]])
        canvas.axes.errorbar(
            values, range(len(slices)), xerr=np.abs(bounds - values), fmt="o", color=_FIRST, markersize=4
        )
        canvas.axes.set_yticks(range(len(slices)), [name.removesuffix(" third") for name in names])
        canvas.axes.invert_yaxis()
    return canvas.plot


def _list(names: Sequence[str], fractions: Sequence[float]) -> str:
    return ", ".join(f"{name} {fraction:.1%}" for name, fraction in zip(names, fractions, strict=True))
