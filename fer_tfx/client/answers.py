"""What a server said -> answers, or an error: never a wrong answer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_tfx.contract import (
    ABSTAIN_KEY,
    CLASS_COUNT,
    CLASS_INDEX_KEY,
    CLASS_NAME_KEY,
    CLASS_NAMES,
    CONFIDENCE_KEY,
    PROBABILITIES_KEY,
)
from fer_tfx.errors import BadAnswerError, shorten
from fer_tfx.prediction import Prediction

_OUTPUTS = (PROBABILITIES_KEY, CLASS_INDEX_KEY, CLASS_NAME_KEY, CONFIDENCE_KEY, ABSTAIN_KEY)
_SUM_TOLERANCE = 1e-3
_TIE_TOLERANCE = 1e-6  # between float32 and its digits in JSON
_REMEDY = "serve a model that this version of fer-tfx pushed"


def read_predictions(outputs: Mapping[str, Any], positions: Sequence[int], where: str) -> list[Prediction]:
    """Answers for as many pictures as there are `positions`, in order, each checked.

    Args:
        outputs: by name, arrays or nested lists.
        positions: of the pictures, for the caller.
        where: starts the error's line.

    Raises:
        BadAnswerError: an output is missing or of another shape or type, or a picture's outputs can't be right.
    """
    _check_names(outputs, where)
    count = len(positions)
    probabilities = _read_column(outputs, PROBABILITIES_KEY, "iuf", (count, CLASS_COUNT), where)
    class_index = _read_column(outputs, CLASS_INDEX_KEY, "iu", (count,), where)
    confidence = _read_column(outputs, CONFIDENCE_KEY, "iuf", (count,), where)
    abstain = _read_column(outputs, ABSTAIN_KEY, "b", (count,), where)
    names = [_to_text(name) for name in _read_column(outputs, CLASS_NAME_KEY, "OSU", (count, 1), where)[:, 0]]
    for row, position in enumerate(positions):
        problem = _find_problem(probabilities[row], int(class_index[row]), names[row], float(confidence[row]))
        if problem:
            raise BadAnswerError(f"{where}, picture {position}: {problem}; {_REMEDY}")
    rows = zip(class_index.tolist(), confidence.tolist(), probabilities.tolist(), abstain.tolist(), strict=True)
    return [
        Prediction(index, float(top), tuple(map(float, shares)), is_unsure) for index, top, shares, is_unsure in rows
    ]


def _check_names(outputs: Mapping[str, Any], where: str) -> None:
    missing = [name for name in _OUTPUTS if name not in outputs]
    if missing == [ABSTAIN_KEY]:
        raise BadAnswerError(f"{where}: the model doesn't say when to `{ABSTAIN_KEY}`, so it is older; {_REMEDY}")
    if missing:
        found = shorten(", ".join(sorted(outputs))) or "none"
        raise BadAnswerError(f"{where}: the answer lacks {', '.join(missing)}, it has {found}; {_REMEDY}")


def _read_column(
    outputs: Mapping[str, Any], name: str, kinds: str, shape: tuple[int, ...], where: str
) -> npt.NDArray[Any]:
    """One output as an array of this shape, of one of NumPy's kinds."""
    try:
        column = np.asarray(outputs[name])
    except (OverflowError, ValueError):  # lists of unequal lengths
        raise BadAnswerError(f"{where}: {name} is no array; {_REMEDY}") from None
    if column.shape != shape or column.dtype.kind not in kinds:
        found = f"{column.dtype} {column.shape}"
        raise BadAnswerError(f"{where}: {name}: expected the shape {shape}, got {found}; {_REMEDY}")
    return column


def _to_text(name: Any) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def _find_problem(shares: npt.NDArray[Any], class_index: int, name: str, confidence: float) -> str:
    """What can't be right in one picture's outputs; empty if nothing is."""
    if not -_TIE_TOLERANCE <= shares.min() <= shares.max() <= 1 + _SUM_TOLERANCE:  # so too if one is NaN
        return f"probabilities: expected numbers from 0 to 1, got {shares.tolist()}"
    if abs(shares.sum() - 1) > _SUM_TOLERANCE:
        return f"probabilities: expected the sum 1, got {shares.sum():.4f}"
    if not 0 <= class_index < CLASS_COUNT or shares[class_index] < shares.max() - _TIE_TOLERANCE:
        return f"class_index: expected {shares.argmax()}, where the largest probability stands, got {class_index}"
    if name != CLASS_NAMES[class_index]:
        expected = CLASS_NAMES[class_index]
        return f"class_name: expected {expected}, the class {class_index}, got {shorten(name, 40)}; its order differs"
    if not abs(confidence - shares.max()) <= _SUM_TOLERANCE:
        return f"confidence: expected the largest probability, {shares.max():.4f}, got {confidence:.4f}"
    return ""
