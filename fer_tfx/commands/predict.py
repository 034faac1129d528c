"""fer-tfx predict and fer-tfx submission: answers are written when all are there."""

import dataclasses
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import ClassVar, NamedTuple, TextIO, TypeVar

import numpy as np

from fer_tfx.client.connection import Connection
from fer_tfx.commands.ending import print_error
from fer_tfx.commands.inputs import Inputs, Item, Picture, Subject, open_inputs, open_rows, tell_names
from fer_tfx.commands.output import Row, check_output, lay_out, open_output, write_rows
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.counted import counted
from fer_tfx.errors import ConfigError, DataError, FerError
from fer_tfx.model import Model, load
from fer_tfx.model_files import (
    SHIPPED_NAMES,
    TRUSTED,
    KnownModels,
    find_light_form,
    find_model,
    note_model,
    require_known,
)
from fer_tfx.prediction import Prediction
from fer_tfx.quiet import hush_libraries, is_quiet, output_in_log, print_note
from fer_tfx.views import VIEW_COUNTS

BATCH_SIZE = 128
_TIMEOUT_S = 10.0
T = TypeVar("T")


@dataclass(frozen=True)
class BackEnd:
    """Whom to ask, as the command line says; None: it doesn't."""

    SERVER_MODEL: ClassVar = "fer"

    model: str | None = None  # the name of a shipped one, or a folder of one or of its versions
    url: str | None = None  # of a server, instead
    server_model: str | None = None
    timeout_s: float | None = None  # for one batch
    is_trusted: bool = False  # the user knows where `model` comes from
    views: int | None = None  # see `Model.predict`
    connection: Connection = field(default_factory=Connection)  # to `url`

    def check(self) -> "BackEnd":
        """The same, with `model` one that may be loaded. Raises ConfigError, or DataError: unknown origin."""
        if self.model and self.url:
            raise ConfigError("--model and --url: give one of them")
        for option, value in (("--server-model", self.server_model), ("--timeout", self.timeout_s)):
            if value is not None and not self.url:
                raise ConfigError(f"{option} is for a server; give --url, or omit it")
        if self.connection != Connection() and not self.url:
            options = "--label, --version, --header, --token-file, --ca, --cert and --key"
            raise ConfigError(f"{options} are for a server; give --url, or omit them")
        if self.timeout_s is not None and not 0 < self.timeout_s < float("inf"):
            raise ConfigError(f"--timeout: expected seconds above 0, got {self.timeout_s}")
        if self.views is not None and self.views not in VIEW_COUNTS:
            raise ConfigError(f"--views: expected 1, 2 or 4, got {self.views}")
        if self.views and self.url:
            raise ConfigError("--views: a server averages the views that its model was exported with; omit --views")
        if self.is_trusted and not self.model:
            raise ConfigError("--trust is for a SavedModel; give --model, or omit it")
        if not self.model or self.model in SHIPPED_NAMES:
            return self
        model, known = find_model(Path(self.model)), KnownModels.of_user()
        if find_light_form(model):
            return self  # which is data, and no program
        if not self.is_trusted:
            require_known(model, known)
        elif warning := note_model(model, TRUSTED, known):
            print(f"fer-tfx: {warning}", file=sys.stderr)
        return dataclasses.replace(self, model=str(model), is_trusted=True)


class Answer(NamedTuple):
    """A subject with what the model says of it."""

    subject: Subject
    prediction: Prediction | None  # None: there was no face


@dataclass(frozen=True)
class PredictOptions:
    """Of `fer-tfx predict`."""

    paths: tuple[str, ...]  # pictures and folders of them, or CSVs; `-`: standard input
    back_end: BackEnd = field(default_factory=BackEnd)
    format: str = "table"
    out: Path | None = None  # None: standard output
    abstain_below: float | None = None
    is_abstaining: bool = False  # by the model's own threshold
    is_whole: bool = False  # each picture is one face; else those are searched that are too large for a crop
    save: Path | None = None
    is_strict: bool = False  # stops at the first picture that can't be read
    every_s: float | None = None  # of videos, see `Model.predict_video`; None: not said
    smooth_s: float | None = None


def predict(options: PredictOptions) -> int:
    """Predict the faces in pictures and videos, or the rows of CSVs; the exit code is 0, or 2 if one was not read.

    Raises ConfigError for options or an unusable model, DataError for a CSV or if no picture can be read, another
    FerError for a server or Ctrl-C: nothing is written then.
    """
    threshold = options.abstain_below
    if threshold is not None and not 0 <= threshold <= 1:
        raise ConfigError(f"--abstain-below: expected a number from 0 to 1, got {threshold}")
    if options.save and options.is_whole:
        raise ConfigError("--save draws the faces that were found, and --whole looks for none; give one of them")
    is_moving = options.every_s is not None or options.smooth_s is not None
    back_end = options.back_end.check()
    with ExitStack() as stack:
        stack.enter_context(_stopping_on_interrupt())
        inputs = stack.enter_context(open_inputs(options.paths, are_moving=is_moving, are_whole=options.is_whole))
        names, errors = inputs.names, [*inputs.errors]
        if errors and options.is_strict:
            raise errors[0]
        if is_moving and not inputs.videos:
            raise ConfigError("--every and --smooth are for videos; omit them")
        if inputs.rows and options.save:
            raise ConfigError("--save draws the faces in pictures, and rows are faces already; omit --save")
        if options.out:
            check_output(options.out, names)
            if options.save and options.out.resolve() == options.save.resolve():
                raise ConfigError(f"{options.out}: --out and --save are the same; give one of them another name")
        has_time, is_searched = bool(inputs.videos), bool(inputs.pictures) and not options.is_whole
        layout = lay_out(names, has_row=bool(inputs.rows), has_face=is_searched or has_time, has_time=has_time)
        terminal = stack.enter_context(keep_terminal())
        output = stack.enter_context(open_output(options.out))
        open_rows_of = _open_video_rows if inputs.videos else _open_picture_rows
        model = stack.enter_context(open_model(back_end))
        class_names = model.class_names if options.format == "csv" else ()
        rows = open_rows_of(model, inputs, options, terminal, errors, stack)
        count, views = write_rows(rows, options.format, layout, class_names, output)
        if errors and not count:
            kind = "video" if inputs.videos else "picture"
            raise DataError(str(errors[0]) if len(errors) == 1 else f"no {kind} could be read; the first: {errors[0]}")
    _tell_left_out(inputs, errors)
    if options.out:
        print_note(f"{counted(count, 'prediction')} written to {options.out}")
    if options.format == "table" and views and not is_quiet():
        print("fer-tfx:", f"answers average {views} views" if views > 1 else "answers use one view", file=sys.stderr)
    return DataError.exit_code if errors else 0


def _tell_left_out(inputs: Inputs, errors: Sequence[FerError]) -> None:
    if inputs.others and not is_quiet():
        files = "1 file is" if len(inputs.others) == 1 else f"{len(inputs.others):,} files are"
        print_error(f"{files} no picture by name, passed over: {tell_names(inputs.others)}")
    if inputs.links and not is_quiet():
        print_error(f"links to folders are not followed: {tell_names(inputs.links)}; give them themselves")
    for error in errors:
        print_error(str(error))
    if (unread := len(errors) - len(inputs.errors)) and inputs.pictures:
        found = f"{unread:,} of {len(inputs.pictures):,} pictures could not be read and have no answer"
        print_error(f"{found}; --strict stops at the first")


@contextmanager
def open_model(back_end: BackEnd) -> Iterator[Model]:
    """Yield who answers, from a checked back end; what libraries print is dropped. Raises ConfigError or DataError."""
    hush_libraries()
    with tempfile.TemporaryDirectory() as folder, output_in_log(Path(folder, "log")):
        if back_end.url:
            from fer_tfx.client.client import Client

            name, timeout_s = back_end.server_model or BackEnd.SERVER_MODEL, back_end.timeout_s or _TIMEOUT_S
            client = Client(back_end.url, model=name, connection=back_end.connection, timeout_s=timeout_s)
            model = load(client)
        else:
            model = load(back_end.model or SHIPPED_NAMES[0], trust=back_end.is_trusted)
        with model:
            yield model


@contextmanager
def _stopping_on_interrupt() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as interruption:
        raise FerError(f"interrupted; {' '.join(map(str, interruption.args)) or 'nothing was written'}") from None


def _open_picture_rows(
    model: Model,
    inputs: Inputs,
    options: PredictOptions,
    terminal: TextIO | None,
    errors: list[FerError],
    stack: ExitStack,
) -> Iterable[Row]:
    """Of pictures, or of the rows of CSVs."""
    views = model.choose_views(len(inputs.pictures) or None, options.back_end.views)
    total = len(inputs.pictures) if inputs.pictures and options.is_whole else None
    items = answer_items(model, chain.from_iterable(each.iter_items() for each in inputs.rows), views)
    answers = chain(_answer_pictures(model, inputs.pictures, views, options, errors), items)
    rows = (_judge(options, *each) for each in show_progress(answers, total, terminal))
    if not options.save:
        return rows
    from fer_tfx.commands.photos import open_album

    return stack.enter_context(open_album(options.save, inputs.pictures))(rows)


def _open_video_rows(
    model: Model,
    inputs: Inputs,
    options: PredictOptions,
    terminal: TextIO | None,
    errors: list[FerError],
    stack: ExitStack,
) -> Iterable[Row]:
    from fer_tfx.commands.videos import iter_rows, open_film
    from fer_tfx.video import Sampling

    every_s = Sampling().every_s if options.every_s is None else options.every_s
    views = model.choose_views(1, options.back_end.views)
    sampling = Sampling(every_s, options.smooth_s or 0.0, options.is_whole, views)
    sampling.check("--every", "--smooth")
    draw = stack.enter_context(open_film(options.save, inputs.videos)) if options.save else None
    judge, listed = partial(_judge, options), None if options.is_strict else errors
    return iter_rows(model, inputs.videos, sampling, judge, draw, terminal, listed)


def _answer_pictures(
    model: Model, pictures: Sequence[Picture], views: int | None, options: PredictOptions, errors: list[FerError]
) -> Iterator[Answer]:
    """Yield an answer for each face, and one without for a picture that has none; add why others can't be read."""
    given = (each.get_source() for each in pictures)
    found = model.predict(given, whole=options.is_whole, views=views, strict=options.is_strict)
    for picture, faces in zip(pictures, found, strict=True):
        subject = Subject(picture.name, faces.position)
        if faces.error:
            errors.append(faces.error)
        elif not faces:
            yield Answer(subject, None)
        for number, face in enumerate(faces, start=1):
            yield Answer(subject._replace(face=number, box=face.box) if face.box else subject, face)


def _judge(options: PredictOptions, subject: Subject, prediction: Prediction | None) -> Row:
    if prediction is None:
        return Row(subject, None, is_sure=False)
    is_confident = prediction.confidence >= (options.abstain_below or 0.0)
    return Row(subject, prediction, is_sure=not prediction.abstain if options.is_abstaining else is_confident)


def answer_items(model: Model, items: Iterable[Item], views: int | None) -> Iterator[Answer]:
    """Yield one answer for each item, in order. Memory: one batch, whatever the number of items."""
    remaining = iter(items)
    while batch := list(islice(remaining, BATCH_SIZE)):
        predictions = model.predict_faces(np.stack([item.pixels for item in batch]), views=views)
        for item, prediction in zip(batch, predictions, strict=True):
            yield Answer(item.subject, prediction)


def write_submission(data: str, out: Path, back_end: BackEnd) -> int:
    """Write the class index of each row of `data`, one a line, for Kaggle's competition; the exit code is 0.

    `data` is a CSV such as test.csv, or an archive of one; labels are ignored. Raises as `predict`, and ConfigError for
    a model of other classes, whose indices the competition would take for its own.
    """
    back_end = back_end.check()
    check_output(out, [data])
    count, first = 0, ""
    with (
        _stopping_on_interrupt(),
        keep_terminal() as terminal,
        open_output(out) as output,
        open_model(back_end) as model,
    ):
        views = model.choose_views(None, back_end.views)
        answers = answer_items(model, open_rows(data).iter_items(), views)
        for subject, prediction in show_progress(answers, None, terminal):
            first = first or subject.source
            if subject.source != first:
                raise DataError(f"{subject.source}: a second file of rows beside {first}; give one of them")
            assert prediction  # of every row: only a photo may have none
            if (classes := tuple(prediction.probabilities)) != DEFAULT_CLASS_NAMES:
                found = f"{back_end.url or back_end.model or SHIPPED_NAMES[0]}: its classes are {', '.join(classes)}"
                needed = f"a submission needs {', '.join(DEFAULT_CLASS_NAMES)}, in this order"
                raise ConfigError(f"{found}; {needed}: name another model")
            output.write(f"{prediction.class_index}\n")
            count += 1
    print_note(f"{counted(count, 'row')} written to {out}")
    return 0


@contextmanager
def keep_terminal() -> Iterator[TextIO | None]:
    """Yield a stream to the terminal behind standard error, which stays when that is redirected; None: draw nothing."""
    if is_quiet() or not sys.stderr.isatty():
        yield None
        return
    with os.fdopen(os.dup(2), "w", encoding="utf-8") as terminal:
        yield terminal


def show_progress(answers: Iterable[T], total: int | None, terminal: TextIO | None) -> Iterator[T]:
    """Yield `answers` as they come, and draw a bar on the terminal, if there is one, from the second batch on."""
    remaining = iter(answers)
    yield from islice(remaining, BATCH_SIZE)
    if terminal is None or (total is not None and total <= BATCH_SIZE):
        yield from remaining
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=terminal, force_terminal=True), transient=True) as progress:
        task = progress.add_task("", total=total, completed=BATCH_SIZE)
        for answer in remaining:
            progress.advance(task)
            yield answer
