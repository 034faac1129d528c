"""What models say: of a face, and of all faces in a picture."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from fer_tfx.errors import ConfigError, FerError

if TYPE_CHECKING:
    import pandas

    from fer_tfx.face_detection import Box


@dataclass(frozen=True)
class Prediction:
    """What a model says of one face."""

    label: str
    """The class with the largest probability."""
    confidence: float
    """That probability."""
    abstain: bool
    """Whether the confidence lies below the threshold that the model's calibration found: better not trusted."""
    probabilities: dict[str, float] = field(hash=False)
    """By class name, in the model's class order; they sum to 1."""
    views: int | None = None
    """How many views of the face the answer averages; None: a server doesn't tell."""
    box: "Box | None" = None
    """Where the face is, in px of the upright picture; None: it wasn't looked for."""
    landmarks: dict[str, tuple[float, float]] | None = field(default=None, hash=False)
    """(x, y) of eyes, nose and mouth in px of the upright picture; None: unknown."""

    @property
    def class_index(self) -> int:
        """Position of the label among the classes."""
        return [*self.probabilities].index(self.label)

    def to_dict(self) -> dict[str, Any]:
        """The same for `json.dumps`."""
        return asdict(self) | {"box": self.box and self.box._asdict()}


def build_prediction(
    class_names: Sequence[str],
    class_index: int,
    confidence: float,
    shares: Sequence[float],
    abstain: bool,
    views: int | None = None,
) -> Prediction:
    """From the outputs of a model for one face; `shares` are the probabilities of its classes."""
    return Prediction(class_names[class_index], confidence, abstain, dict(zip(class_names, shares, strict=True)), views)


class Faces(list[Prediction]):
    """The faces of one picture, from left to right; a list, empty if there is none.

    Attributes:
        position: of the picture among those of the call, from 0.
        name: its path, or the name of its file; None: it has none.
        error: why it can't be used, for pictures that a call with `strict=False` passed over; else None.
    """

    def __init__(
        self,
        faces: Iterable[Prediction] = (),
        position: int = 0,
        name: str | None = None,
        error: FerError | None = None,
    ) -> None:
        super().__init__(faces)
        self.position, self.name, self.error = position, name, error

    def to_dict(self) -> dict[str, Any]:
        """The same for `json.dumps`."""
        error = str(self.error) if self.error else None
        faces = [each.to_dict() for each in self]
        return {"position": self.position, "name": self.name, "error": error, "faces": faces}


def to_pandas(results: Faces | Iterable[Faces | Prediction]) -> "pandas.DataFrame":
    """A row for each face: of one picture, of several, or of predictions.

    Columns: `picture` (its name, else its position), `face` (its number there, from 1), `x`, `y`, `width`, `height`,
    `label`, `confidence`, `abstain`, the classes that occur, `views`. A picture without a face has a row too, with
    nothing but its name. Raises ConfigError without pandas.
    """
    try:
        import pandas
    except ImportError:
        raise ConfigError("to_pandas needs pandas: `pip install pandas`; or use to_dict()") from None
    from fer_tfx.face_detection import Box

    pictures = [results] if isinstance(results, Faces) else results
    rows: list[dict[str, Any]] = []
    class_names: dict[str, None] = {}  # a set in order
    for number, result in enumerate(pictures):
        faces = [result] if isinstance(result, Prediction) else result
        named = {"picture": number if isinstance(result, Prediction) else result.name or result.position}
        rows += [named | {"face": place} | _to_row(face) for place, face in enumerate(faces, start=1)] or [named]
        class_names |= dict.fromkeys(name for face in faces for name in face.probabilities)
    columns = ["picture", "face", *Box._fields, "label", "confidence", "abstain", *class_names, "views"]
    return pandas.DataFrame(rows, columns=columns)


def _to_row(face: Prediction) -> dict[str, Any]:
    told = {"label": face.label, "confidence": face.confidence, "abstain": face.abstain, "views": face.views}
    return told | face.probabilities | (face.box._asdict() if face.box else {})
