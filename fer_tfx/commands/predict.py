"""fer-tfx predict."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from fer_tfx.errors import ConfigError, FerError
from fer_tfx.predict.back_ends import BackEnd, open_predictor
from fer_tfx.predict.formats import Layout, Row, build_format, lay_out_pictures, lay_out_rows, write_rows
from fer_tfx.predict.inputs import Inputs, open_inputs
from fer_tfx.predict.output import check_output, open_output
from fer_tfx.predict.picture_files import iter_pictures
from fer_tfx.predict.progress import keep_terminal, show_progress
from fer_tfx.predict.subjects import Answer, Item, answer_items

RowsFilter = Callable[[Iterable[Row]], Iterable[Row]]


@dataclass(frozen=True)
class PredictOptions:
    """What was asked for."""

    paths: tuple[str, ...]
    """Pictures and folders of them, or CSVs; `-`: standard input."""
    back_end: BackEnd = field(default_factory=BackEnd)
    format: str = "table"
    out: Path | None = None
    """None: standard output."""
    abstain_below: float | None = None
    is_abstaining: bool = False
    """Take the model's own verdict."""
    is_detecting: bool = False
    save: Path | None = None


def predict(options: PredictOptions) -> int:
    """Predict pictures, faces in photos or the rows of CSVs and write all answers, or none; the exit code is 0.

    Raises:
        ConfigError: options that don't go together, or a model that can't be used.
        DataError: a picture, a row, a file of the model or `out` is at fault.
        FerError: the server is at fault, or the user has interrupted.
    """
    _check(options)
    back_end = options.back_end.check()
    try:
        with open_inputs(options.paths) as inputs:
            count = _answer(options, back_end, inputs)
    except KeyboardInterrupt:
        raise FerError("interrupted; nothing was written") from None
    if options.out:
        print(f"{count:,} predictions written to {options.out}")
    return 0


def _check(options: PredictOptions) -> None:
    threshold = options.abstain_below
    if threshold is not None and not 0 <= threshold <= 1:
        raise ConfigError(f"--abstain-below: expected a number from 0 to 1, got {threshold}")
    if options.save and not options.is_detecting:
        raise ConfigError("--save draws the faces that were found; give --detect too")


def _answer(options: PredictOptions, back_end: BackEnd, inputs: Inputs) -> int:
    """Write the answers; how many they are."""
    if inputs.rows and options.is_detecting:
        raise ConfigError("--detect is for pictures, and rows are faces already; leave --detect away")
    if options.out:
        check_output(options.out, inputs.names)
    form = build_format(options.format, _lay_out(inputs, options.is_detecting))
    with ExitStack() as stack:
        terminal = stack.enter_context(keep_terminal())
        output = stack.enter_context(open_output(options.out))
        items, pass_on = _open_items(options, inputs, stack)
        predictor = stack.enter_context(open_predictor(back_end))
        total = len(inputs.pictures) if inputs.pictures and not options.is_detecting else None
        answers = show_progress(answer_items(predictor, items), total, terminal)
        return write_rows(pass_on(_judge(each, options) for each in answers), form, output)


def _lay_out(inputs: Inputs, has_face: bool) -> Layout:
    return lay_out_rows(inputs.names) if inputs.rows else lay_out_pictures(inputs.names, has_face)


def _open_items(options: PredictOptions, inputs: Inputs, stack: ExitStack) -> tuple[Iterator[Item], RowsFilter]:
    """What to ask for, and what the answers go through before they are written."""
    if not options.is_detecting:
        return chain(iter_pictures(inputs.pictures), *(each.iter_items() for each in inputs.rows)), iter
    from fer_tfx.face_detection import FaceDetector
    from fer_tfx.predict.photos import iter_faces, open_album

    items = iter_faces(inputs.pictures, FaceDetector())
    return items, stack.enter_context(open_album(options.save, inputs.pictures)) if options.save else iter


def _judge(answer: Answer, options: PredictOptions) -> Row:
    prediction = answer.prediction
    if prediction is None:
        return Row(answer.subject, None, is_sure=False)
    threshold = options.abstain_below
    is_sure = not prediction.abstain if options.is_abstaining else prediction.confidence >= (threshold or 0.0)
    return Row(answer.subject, prediction, is_sure)
