"""Training curves as a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_LOSS_COLOUR, _TRAIN_COLOUR, _EVAL_COLOUR = "tab:red", "tab:blue", "tab:orange"


def write_curves(history: Sequence[dict[str, Any]], title: str, path: Path) -> None:
    """Draw training loss, training accuracy and eval accuracy by epoch into a PNG.

    Args:
        history: for each epoch `epoch`, `loss`, `accuracy` (0-1) and `eval_accuracy` (0-1, None: not measured).
        title: written above.
        path: of the PNG.
    """
    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    accuracy_axes = figure.subplots()
    loss_axes = accuracy_axes.twinx()
    loss = loss_axes.plot(*_pick(history, "loss"), color=_LOSS_COLOUR, linewidth=1, label="training loss")
    trained = accuracy_axes.plot(*_pick(history, "accuracy"), color=_TRAIN_COLOUR, label="training accuracy")
    evaluated = accuracy_axes.plot(
        *_pick(history, "eval_accuracy"), color=_EVAL_COLOUR, marker=".", label="eval accuracy"
    )
    accuracy_axes.set(xlabel="epoch", ylabel="accuracy", title=title)
    accuracy_axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    accuracy_axes.grid(alpha=0.3)
    loss_axes.set_ylabel("loss (nats, with label smoothing)")
    accuracy_axes.legend(handles=[*loss, *trained, *evaluated], loc="center right")
    figure.savefig(path, metadata={"Software": None})


def _pick(history: Sequence[dict[str, Any]], key: str) -> tuple[list[int], list[float]]:
    """Epochs and values, where there are any."""
    points = [(epoch["epoch"], epoch[key]) for epoch in history if epoch[key] is not None]
    return [epoch for epoch, _ in points], [value for _, value in points]
