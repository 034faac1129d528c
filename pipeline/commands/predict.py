"""fer-tfx predict."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.prediction.csv_faces import predict_csv
from pipeline.prediction.formats import SUBMISSION, Row, build_format, measure_width, write_rows
from pipeline.prediction.model_folder import find_model, read_abstain_threshold
from pipeline.prediction.output import check_output, open_output
from pipeline.prediction.pictures import list_pictures, predict_pictures
from pipeline.prediction.predictor import Prediction, Predictor
from pipeline.quiet import hush_libraries, output_in_log
from schema.errors import ConfigError, FerError

_ROW_WIDTH = 7


@dataclass(frozen=True)
class PredictOptions:
    """What was asked for."""

    pictures: tuple[str, ...] = ()
    csv: Path | None = None
    """Instead of pictures."""
    model: Path | None = None
    """None: the shipped one."""
    format: str = "table"
    out: Path | None = None
    """None: standard output."""
    min_confidence: float | None = None
    is_abstaining: bool = False
    """Take the model's own threshold for `min_confidence`."""


def predict(options: PredictOptions) -> int:
    """Predict pictures or the rows of a CSV and write all answers, or none; the exit code is 0.

    Raises:
        ConfigError: options that don't go together, or a model that can't be used.
        DataError: a picture, a row, a file of the model or `out` is at fault.
    """
    _check(options)
    names = list_pictures(options.pictures)
    folder = find_model(options.model)
    threshold = read_abstain_threshold(folder) if options.is_abstaining else options.min_confidence
    title, width = ("row", _ROW_WIDTH) if options.csv else ("file", measure_width(names))
    try:
        with open_output(options.out) as output, _quiet_libraries():
            predictor = Predictor(folder)
            pairs = predict_csv(predictor, options.csv) if options.csv else predict_pictures(predictor, names)
            count = write_rows(_to_rows(pairs, threshold), build_format(options.format, title, width), output)
    except KeyboardInterrupt:
        raise FerError("interrupted; nothing was written") from None
    if options.out:
        print(f"{count:,} predictions written to {options.out}")
    return 0


def _check(options: PredictOptions) -> None:
    """Whatever can be refused before TensorFlow takes its seconds to import."""
    if bool(options.pictures) == bool(options.csv):
        raise ConfigError("give either pictures or --csv FILE")
    if options.format == SUBMISSION and not options.csv:
        raise ConfigError("--format submission is for the rows of a CSV; give --csv FILE")
    threshold = options.min_confidence
    if threshold is not None and not 0 <= threshold <= 1:
        raise ConfigError(f"--min-confidence: expected a number from 0 to 1, got {threshold}")
    if options.format == SUBMISSION and (threshold is not None or options.is_abstaining):
        raise ConfigError("--format submission has a class in every line; leave --min-confidence and --abstain away")
    if options.out:
        check_output(options.out, options.csv)


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    hush_libraries()
    with tempfile.TemporaryDirectory() as folder, output_in_log(Path(folder, "log")):
        yield


def _to_rows(pairs: Iterable[tuple[str | int, Prediction]], threshold: float | None) -> Iterator[Row]:
    for subject, prediction in pairs:
        is_sure = threshold is None or prediction.confidence >= threshold
        yield Row(subject, prediction.class_index, is_sure, prediction.confidence, prediction.probabilities)
