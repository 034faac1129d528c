"""What a network answered to several views of each picture, and what that is worth."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from benchmarks.ranking import write_arrays
from fer_tfx.contract import CLASS_COUNT
from fer_tfx.errors import DataError
from models.calibration import fit_temperature
from reporting.calibration import compute_nll
from reporting.classification import compute_accuracy, compute_confusion, compute_macro_f1

_FILE = "answers.npz"


@dataclass(frozen=True)
class ViewLogits:
    """Logits of n pictures, view by view; the first view is the picture as it is."""

    logits: npt.NDArray[np.float32]
    """(views, n, 7)"""
    class_indices: npt.NDArray[np.int64]
    """(n,), the true classes."""

    def select(self, is_selected: npt.NDArray[np.bool_]) -> "ViewLogits":
        """Some of the pictures; `is_selected` is (n,)."""
        return ViewLogits(self.logits[:, is_selected], self.class_indices[is_selected])

    def describe(self) -> dict[str, Any]:
        """`n`, and the figures of `one_view` and of the mean logits of all, `four_views`."""
        figures = {"one_view": self.logits[0], "four_views": self.logits.mean(axis=0)}
        described = {name: describe_logits(logits, self.class_indices) for name, logits in figures.items()}
        return {"n": len(self.class_indices), **described}

    def write(self, folder: Path) -> None:
        """Keep the answers in the folder of an experiment."""
        write_arrays(folder / _FILE, logits=self.logits, class_indices=self.class_indices)


def read_view_logits(folder: Path) -> ViewLogits:
    """What `write` kept.

    Raises:
        DataError: nothing is there.
    """
    try:
        with np.load(folder / _FILE) as arrays:
            return ViewLogits(arrays["logits"], arrays["class_indices"])
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{folder / _FILE}: no answers of an experiment: {error}; run the experiment first") from None


def average_networks(members: dict[str, ViewLogits]) -> ViewLogits:
    """Mean logits of several networks, by name, view by view.

    Raises:
        DataError: they were not judged by the same rows.
    """
    first, *others = members
    classes = members[first].class_indices
    for name in others:
        if not np.array_equal(members[name].class_indices, classes):
            raise DataError(f"{name}: was judged by other rows than {first}; average networks judged by the same ones")
    return ViewLogits(np.mean([each.logits for each in members.values()], axis=0), classes)


def describe_logits(logits: npt.NDArray[np.float32], class_indices: npt.NDArray[np.int64]) -> dict[str, float]:
    """What answers are worth.

    Args:
        logits: float (n, 7); a mean over views, as `export.average_flip` takes it, will do too.
        class_indices: int (n,), the true classes.

    Returns:
        `accuracy`, `macro_f1`, `nll` in nats with the temperature 1, and `nll_at_best` with the `temperature` that
        makes it least on these very rows: what is left when calibration is not to blame.
    """
    confusion = compute_confusion(class_indices, logits.argmax(axis=1), CLASS_COUNT)
    temperature = fit_temperature(logits, class_indices)
    return {
        "accuracy": compute_accuracy(confusion),
        "macro_f1": compute_macro_f1(confusion),
        "nll": compute_nll(softmax(logits, axis=1), class_indices),
        "nll_at_best": compute_nll(softmax(logits / temperature, axis=1), class_indices),
        "temperature": temperature,
    }
