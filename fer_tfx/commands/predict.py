"""fer-tfx predict and fer-tfx submission: all answers are written, or none."""

import dataclasses
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, TextIO, TypeVar

import numpy as np

from fer_tfx.client.connection import Connection
from fer_tfx.commands.inputs import Inputs, Item, Subject, iter_pictures, open_inputs, open_rows
from fer_tfx.commands.output import Row, check_output, lay_out, open_output, write_rows
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
_SERVER_MODEL = "fer"
_TIMEOUT_S = 10.0
T = TypeVar("T")
RowsFilter = Callable[[Iterable[Row]], Iterable[Row]]


@dataclass(frozen=True)
class BackEnd:
    """Whom to ask, as the command line says; None: it doesn't."""

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
    is_detecting: bool = False
    save: Path | None = None


def predict(options: PredictOptions) -> int:
    """Predict pictures, faces in photos or the rows of CSVs; the exit code is 0.

    Raises ConfigError for options or an unusable model, DataError for a file, another FerError for a server or Ctrl-C.
    """
    threshold = options.abstain_below
    if threshold is not None and not 0 <= threshold <= 1:
        raise ConfigError(f"--abstain-below: expected a number from 0 to 1, got {threshold}")
    if options.save and not options.is_detecting:
        raise ConfigError("--save draws the faces that were found; give --detect too")
    back_end = options.back_end.check()
    with ExitStack() as stack:
        stack.enter_context(_stopping_on_interrupt())
        inputs = stack.enter_context(open_inputs(options.paths))
        names = inputs.names
        if inputs.rows and options.is_detecting:
            raise ConfigError("--detect is for pictures, and rows are faces already; omit --detect")
        if options.out:
            check_output(options.out, names)
        layout = lay_out(names, has_row=bool(inputs.rows), has_face=options.is_detecting)
        terminal = stack.enter_context(keep_terminal())
        output = stack.enter_context(open_output(options.out))
        items, pass_on = _open_items(options, inputs, stack)
        model = stack.enter_context(open_model(back_end))
        views = model.choose_views(len(inputs.pictures) or None, back_end.views)
        total = len(inputs.pictures) if inputs.pictures and not options.is_detecting else None
        answers = show_progress(answer_items(model, items, views), total, terminal)
        count, views = write_rows(pass_on(_judge(each, options) for each in answers), options.format, layout, output)
    if options.out:
        print_note(f"{count:,} predictions written to {options.out}")
    if options.format == "table" and views and not is_quiet():
        print("fer-tfx:", f"answers average {views} views" if views > 1 else "answers use one view", file=sys.stderr)
    return 0


@contextmanager
def open_model(back_end: BackEnd) -> Iterator[Model]:
    """Yield who answers, from a checked back end; what libraries print is dropped. Raises ConfigError or DataError."""
    hush_libraries()
    with tempfile.TemporaryDirectory() as folder, output_in_log(Path(folder, "log")):
        if back_end.url:
            from fer_tfx.client.client import Client

            name, timeout_s = back_end.server_model or _SERVER_MODEL, back_end.timeout_s or _TIMEOUT_S
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
    except KeyboardInterrupt:
        raise FerError("interrupted; nothing was written") from None


def _open_items(options: PredictOptions, inputs: Inputs, stack: ExitStack) -> tuple[Iterator[Item], RowsFilter]:
    """What to ask for, and what the answers go through before they are written."""
    if not options.is_detecting:
        return chain(iter_pictures(inputs.pictures), *(each.iter_items() for each in inputs.rows)), iter
    from fer_tfx.commands.photos import iter_faces, open_album
    from fer_tfx.face_detection import FaceDetector

    items = iter_faces(inputs.pictures, FaceDetector())
    return items, stack.enter_context(open_album(options.save, inputs.pictures)) if options.save else iter


def _judge(answer: Answer, options: PredictOptions) -> Row:
    subject, prediction = answer
    if prediction is None:
        return Row(subject, None, is_sure=False)
    is_confident = prediction.confidence >= (options.abstain_below or 0.0)
    return Row(subject, prediction, is_sure=not prediction.abstain if options.is_abstaining else is_confident)


def answer_items(model: Model, items: Iterable[Item], views: int | None) -> Iterator[Answer]:
    """Yield one answer for each item, in order. Memory: one batch, whatever the number of items."""
    remaining = iter(items)
    while batch := list(islice(remaining, BATCH_SIZE)):
        seen = [item.pixels for item in batch if item.pixels is not None]
        predictions = model.predict_faces(np.stack(seen), views=views) if seen else []
        if len(predictions) != len(seen):
            raise ValueError(f"expected {len(seen)} predictions, got {len(predictions)}")
        following = iter(predictions)
        for item in batch:
            yield Answer(item.subject, None if item.pixels is None else next(following))


def write_submission(data: str, out: Path, back_end: BackEnd) -> int:
    """Write the class index 0-6 of each row of `data`, one a line, for Kaggle's competition; the exit code is 0.

    `data` is a CSV such as test.csv, or an archive of one; labels are ignored. Raises as `predict`.
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
            output.write(f"{prediction.class_index}\n")
            count += 1
    print_note(f"{count:,} rows written to {out}")
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
