"""fer-tfx report: the page of a run, in the browser."""

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from configs.spec import PipelineConfig
from fer_tfx.errors import DataError
from fer_tfx.installation import require_tfx
from reporting.report_files import PAGE_FILE, REPORT_KEY

if TYPE_CHECKING:
    from pipeline.lineage import RunRecord

REPORTER = "HtmlReport"
_REMEDY = "give the command of that run again: what is done is not repeated, and the page comes last"
# All that Python finds, from its own list, where there is no display.
_TEXT_BROWSERS = {"www-browser", "links", "elinks", "lynx", "w3m"}


def show_report(config: PipelineConfig, name: str, is_opened: bool) -> int:
    """Print where the page of a run lies and open it where there is a display; the exit code is 0.

    Args:
        config: says where the runs are recorded.
        name: id of a run, or `latest`.
        is_opened: whether to open it at all.

    Raises:
        ConfigError: there is no such run, or TFX is not installed.
        DataError: the run has no page, or it is gone.
    """
    require_tfx()
    from pipeline.history.runs import History

    page = find_page(History.open(config).find_run(name), config)
    print(page, flush=True)
    browser = _find_browser() if is_opened else None
    if browser:
        browser.open(page.as_uri())
    return 0


def find_page(run: "RunRecord", config: PipelineConfig) -> Path:
    """The page that a run wrote at its end, or the data gate when it refused the data.

    Raises:
        DataError: there is none.
    """
    from pipeline.history.figures import find_uri
    from pipeline.history.refused_data import locate_refused

    folder = find_uri(run, REPORTER, REPORT_KEY) or locate_refused(run, config)
    if not folder:
        raise DataError(f"run {run.id}: has no page, {_explain(run)}; {_REMEDY}")
    page = Path(folder, PAGE_FILE)
    if not page.is_file():
        raise DataError(f"{page}: the page of run {run.id} is not there; {_REMEDY}, or choose one of `fer-tfx runs`")
    return page


def _explain(run: "RunRecord") -> str:
    """Why a run has no page."""
    for name, node in run.nodes.items():
        if node.is_failed:
            return f"as it failed at {name}"
        if not node.is_finished:
            return f"as {name} works still, or was killed"
    return f"as it ended without {REPORTER}"


def _find_browser() -> webbrowser.BaseBrowser | None:
    """The browser of this desktop, or the user's own choice; None: all there is would take over the terminal."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return None
    return None if browser.name in _TEXT_BROWSERS else browser
