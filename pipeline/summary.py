"""The summary of a run, for people."""

import sys
from collections.abc import Iterator
from pathlib import Path

from pipeline.outcome import Outcome
from reporting.ingestion import IngestionReport

_SHOWN_FILES = 3


def write_summary(outcome: Outcome) -> str:
    """The outcome in a few lines: rows, accuracy, verdict, where things are, what to do next."""
    return "\n".join(f"{title:<12} {text}".rstrip() for title, text in _lines(outcome))


def _lines(outcome: Outcome) -> Iterator[tuple[str, str]]:
    rows, interval = outcome.rows, outcome.accuracy_interval
    yield "rows", _describe_rows(rows)
    yield "splits", ", ".join(f"{split} {rows.split_size(split):,}" for split in sorted(rows.emitted))
    if rows.rows_quarantined:
        yield (
            "quarantine",
            f"{', '.join(f'{n} {why}' for why, n in rows.quarantined.items())}; {outcome.quarantine_uri}",
        )
    if rows.skipped_files:
        yield "skipped", _describe_skipped(rows)
    yield (
        "accuracy",
        (
            f"{outcome.accuracy:.4f} on {outcome.eval_count:,} eval rows (95 % interval {interval.low:.4f} to"
            f" {interval.high:.4f}), macro F1 {outcome.macro_f1:.4f}"
        ),
    )
    if outcome.hyperparameters_uri:
        values = ", ".join(f"{setting}={_shorten(value)}" for setting, value in outcome.tuned_values.items())
        yield "tuned", f"{values}; {outcome.hyperparameters_uri}"
    yield "recall", ", ".join(f"{name} {value:.3f}" for name, value in outcome.recalls.items())
    yield "report", outcome.report_path
    if outcome.is_pushed:
        yield "gate", "passed"
        yield "model", outcome.model_path + ("" if outcome.is_in_service else " (rolled back or removed since)")
        if outcome.predictions_uri:
            yield "predictions", f"{rows.split_size('unlabelled'):,} unlabelled rows; {outcome.predictions_uri}"
        yield "next", f"{Path(sys.executable).with_name('fer-tfx')} {_suggest(outcome)}"
    else:
        yield "gate", f"REFUSED: {'; '.join(outcome.refusals)}"
        yield "model", f"not pushed; {outcome.model_path}"
        yield "next", "train longer (--set trainer.epochs=...) or, if you accept the model, lower the bounds in `gate`"


def _suggest(outcome: Outcome) -> str:
    if not outcome.is_in_service:
        return f"versions --set runtime.serving_path={Path(outcome.model_path).parent}"
    return f"predict --model {outcome.model_path} PICTURE..."


def _shorten(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _describe_rows(rows: IngestionReport) -> str:
    return (
        f"{rows.rows_read:,} read = {rows.rows_emitted:,} used + {rows.rows_dropped:,} repeats dropped"
        f" + {rows.rows_quarantined:,} quarantined"
    )


def _describe_skipped(rows: IngestionReport) -> str:
    """Files and members of archives that were not read; the page names more of them."""
    files = rows.skipped_files
    shown = "; ".join(f"{name}: {reason}" for name, reason in list(files.items())[:_SHOWN_FILES])
    more = len(files) + rows.unlisted_files - _SHOWN_FILES
    return shown + (f"; and {more:,} more" if more > 0 else "")
