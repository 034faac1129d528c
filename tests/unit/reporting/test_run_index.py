"""The page of all runs: what each reached, with nothing in names and reasons that becomes mark-up."""

import re

from report_doubles import HOSTILE

from reporting.intervals import Share
from reporting.render import NO_FIGURE
from reporting.run_index import IndexedPipeline, IndexedRun, render_index


def make_run(number: int, **given: object) -> IndexedRun:
    values = {
        "started": "2026-11-30", "data": "fer.csv", "rows_used": 1_200, "accuracy": Share.of(0.5, 12), "ece": 0.1,
        "megabytes": 2.5, "verdict": "pushed", "refusals": (), "version": "17", "version_state": "stable",
        "anchor": "run 1", "page": "fer/report.html",
    }  # fmt: skip
    return IndexedRun(number, **{**values, **given})


def test_render_index_texts_of_runs_and_pipelines_are_escaped():
    run = make_run(1, data=HOSTILE, refusals=(HOSTILE,), version_state=HOSTILE, anchor=HOSTILE, page=HOSTILE)
    page = render_index([IndexedPipeline(HOSTILE, (run,)), IndexedPipeline("b", (), fault=HOSTILE)], HOSTILE)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 8


def test_render_index_marks_the_model_in_service_and_draws_curves_from_two_runs_on():
    page = render_index([IndexedPipeline("fer", (make_run(2), make_run(1, version="16", version_state="")))], "now")
    assert "In service: version <code>17</code>, pushed by run 2." in page
    assert page.count('<tr class="served">') == 1
    assert page.count("<figure") == 3
    assert "50.0 % [25.4,\N{NO-BREAK SPACE}74.6]".replace(" %", "\N{NO-BREAK SPACE}%") in page


def test_render_index_run_that_got_nowhere_has_dashes_and_no_link():
    nothing = {"rows_used": None, "accuracy": None, "ece": None, "megabytes": None, "version": "", "anchor": ""}
    page = render_index([IndexedPipeline("fer", (make_run(1, **nothing, version_state="", page=""),))], "now")
    (row,) = re.findall(r'<tr><th scope="row">1</th>(.*?)</tr>', page)
    assert re.findall("<td>(.*?)</td>", row) == ["2026-11-30", "fer.csv", *[NO_FIGURE] * 6, "pushed"]
    assert "will stand here as curves" in page
    assert "No model of these runs is in service" in page


def test_render_index_empty_pages_say_what_will_stand_there():
    assert "No run has begun" in render_index([IndexedPipeline("fer", ())], "now")
    assert "No pipeline has run here" in render_index([], "now")
