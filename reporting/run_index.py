"""The page of all runs: what each reached, what became of it, and curves over the runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from reporting import plots, templates
from reporting.intervals import Share
from reporting.plots import RunPoint
from reporting.render import FILTERS

TEMPLATE = "index.html"


@dataclass(frozen=True)
class IndexedRun:
    """A line of the page; what a run did not get as far as is None or empty."""

    number: int
    started: str
    data: str
    rows_used: int | None
    accuracy: Share | None
    ece: float | None
    megabytes: float | None
    verdict: str
    refusals: tuple[str, ...]
    version: str
    version_state: str
    anchor: str  # which run made it
    page: str  # relative path


@dataclass(frozen=True)
class IndexedPipeline:
    """The runs of one pipeline, newest first."""

    name: str
    runs: tuple[IndexedRun, ...]
    unlisted: int = 0  # older ones
    fault: str = ""  # why they can't be read


def render_index(pipelines: Sequence[IndexedPipeline], made: str) -> str:
    """The page; `made` is date and time."""
    return templates.render(
        TEMPLATE,
        FILTERS,
        is_html=True,
        made=made,
        pipelines=[(each, _draw(each.runs)) for each in pipelines],
    )


def _draw(runs: Sequence[IndexedRun]) -> list[tuple[str, plots.Plot]]:
    """Titles and plots, oldest run first; a single point is no curve."""
    in_order = runs[::-1]
    curves = {
        "Accuracy [95 %]": [
            RunPoint(run.number, run.accuracy.fraction, run.accuracy) for run in in_order if run.accuracy
        ],
        "Calibration error": [RunPoint(run.number, run.ece) for run in in_order if run.ece is not None],
        "Size of the export, MB": [
            RunPoint(run.number, run.megabytes) for run in in_order if run.megabytes is not None
        ],
    }
    return [(title, plots.plot_runs(title, points)) for title, points in curves.items() if len(points) > 1]
