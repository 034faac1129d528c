"""fer-tfx runs: what was run, and what came of it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from configs.spec import PipelineConfig
from fer_tfx.installation import require_tfx

if TYPE_CHECKING:
    from pipeline.lineage import RunRecord

_HEADINGS = ("run", "started", "data", "rows used", "accuracy", "macro F1", "version", "verdict")
_RIGHT_ALIGNED = ("run", "rows used", "accuracy", "macro F1")


@dataclass(frozen=True)
class _Line:
    """One run; None where it did not come so far, or where the artifact is gone."""

    id: int
    started: str
    data: str
    rows_used: int | None
    accuracy: float | None
    macro_f1: float | None
    version: str | None
    version_state: str | None
    verdict: str

    def list_cells(self) -> list[str]:
        numbers = (
            str(self.id), self.started, self.data, _format(self.rows_used, ","), _format(self.accuracy, ".4f"),
            _format(self.macro_f1, ".4f"),
        )  # fmt: skip
        return [*numbers, f"{self.version or '-'} {self.version_state or ''}".strip(), self.verdict]


def print_runs(config: PipelineConfig, is_json: bool) -> int:
    """List every run, newest first, as a table or as JSON; the exit code is 0.

    Raises:
        ConfigError: there is none, or TFX is not installed.
        DataError: the metadata can't be read.
    """
    require_tfx()
    from pipeline.history.runs import History

    lines = [_describe(run, config) for run in History.open(config).list_runs()]
    if is_json:
        print(json.dumps([asdict(line) for line in lines], indent=2))
    else:
        print("\n".join(format_table([list(_HEADINGS), *(line.list_cells() for line in lines)])))
    return 0


def _describe(run: "RunRecord", config: PipelineConfig) -> _Line:
    from pipeline.history.figures import read_figures, read_rows
    from pipeline.history.refused_data import read_refusal
    from pipeline.history.runs import describe_time, describe_verdict, find_version
    from pipeline.history.settings import read_settings
    from pipeline.history.versions import describe_version

    figures, rows, version = read_figures(run), read_rows(run), find_version(run)
    return _Line(
        id=run.id,
        started=describe_time(run.started_s),
        data=Path(str(read_settings(run).get("data.path", ""))).name or "-",
        rows_used=rows.rows_emitted if rows else None,
        accuracy=figures.accuracy if figures else None,
        macro_f1=figures.macro_f1 if figures else None,
        version=version or None,
        version_state=describe_version(run, config) if version else None,
        verdict=describe_verdict(run, figures, read_refusal(run, config)),
    )


def format_table(rows: list[list[str]]) -> list[str]:
    """Lines of aligned columns; the first row holds the headings."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    is_right = [heading in _RIGHT_ALIGNED for heading in rows[0]]
    return [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, is_right, strict=True)
        ).rstrip()
        for row in rows
    ]


def _format(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
