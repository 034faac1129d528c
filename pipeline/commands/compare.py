"""fer-tfx compare: two runs side by side."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from configs.spec import PipelineConfig
from fer_tfx.installation import require_tfx

if TYPE_CHECKING:
    from pipeline.history.comparison import Section


def print_comparison(config: PipelineConfig, first: str, second: str) -> int:
    """Print what two runs differ in and what they reached; the exit code is 0.

    Args:
        config: says where the runs are recorded.
        first: id of a run, or `latest`.
        second: likewise; differences are second - first.

    Raises:
        ConfigError: there is no such run, or TFX is not installed.
        DataError: the metadata can't be read.
    """
    require_tfx()
    from pipeline.history.comparison import Line, Measured, Section, compare_runs
    from pipeline.history.runs import History

    history = History.open(config)
    runs = [history.find_run(name) for name in (first, second)]
    sections = compare_runs(*(Measured.of(run) for run in runs))
    heading = Section("", [Line("", f"run {runs[0].id}", f"run {runs[1].id}", "difference")])
    print("\n".join(_lay_out([heading, *sections])))
    return 0


def _lay_out(sections: list["Section"]) -> Iterator[str]:
    lines = [line for section in sections for line in section.lines]
    widths = [max(map(len, column)) for column in zip(*(line[:3] for line in lines), strict=True)]
    for section in sections:
        if section.title:
            yield f"\n{section.title}"
        for line in section.lines:
            cells = [cell.ljust(width) for cell, width in zip(line[:3], widths, strict=True)]
            yield "  ".join(["", *cells, line.difference]).rstrip()
        if not section.lines:
            yield "  none"
        if section.remark:
            yield f"  {section.remark}"
