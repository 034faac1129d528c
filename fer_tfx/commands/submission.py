"""fer-tfx submission: the rows of test.csv -> the file that Kaggle's competition wants."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from fer_tfx.errors import DataError, FerError
from fer_tfx.predict.back_ends import BackEnd, open_predictor
from fer_tfx.predict.inputs import open_rows
from fer_tfx.predict.output import check_output, open_output
from fer_tfx.predict.progress import keep_terminal, show_progress
from fer_tfx.predict.subjects import Answer, Item, answer_items


def write_submission(data: str, out: Path, back_end: BackEnd) -> int:
    """Write the class index 0-6 of each row of `data`, one a line, in the order of its rows; the exit code is 0.

    Args:
        data: a CSV or an archive of one; labels are passed over.
        out: replaced only when all is done.
        back_end: who answers.

    Raises:
        ConfigError, DataError, FerError: as `predict`; nothing is written then.
    """
    back_end = back_end.check()
    check_output(out, [data])
    rows = _CountedRows(open_rows(data).iter_items())
    try:
        with keep_terminal() as terminal, open_output(out) as output:
            with open_predictor(back_end) as predictor:
                count = _write(show_progress(answer_items(predictor, rows), None, terminal), output)
            if count != rows.count:
                raise FerError(f"{data}: {rows.count:,} rows and {count:,} answers; nothing was written")
    except KeyboardInterrupt:
        raise FerError("interrupted; nothing was written") from None
    print(f"{count:,} rows written to {out}")
    return 0


class _CountedRows:
    """Passes rows on, counts them, and refuses those of a second file: whose order would be whose?"""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = items
        self.count = 0

    def __iter__(self) -> Iterator[Item]:
        first = ""
        for item in self._items:
            first = first or item.subject.source
            if item.subject.source != first:
                raise DataError(f"{item.subject.source}: a second file of rows beside {first}; give one of them")
            self.count += 1
            yield item


def _write(answers: Iterable[Answer], output: TextIO) -> int:
    """Write one class index a line; how many. An answer out of turn would be another row's."""
    count = 0
    for subject, prediction in answers:
        if prediction is None or subject.place != count:
            raise FerError(f"{subject.source}: expected the answer to row {count}, got one to row {subject.place}")
        output.write(f"{prediction.class_index}\n")
        count += 1
    return count
