"""The page says what the report holds, and nothing in the data becomes mark-up."""

import base64
import dataclasses
import html
import io
import re

import numpy as np
import pytest
from PIL import Image
from report_doubles import HOSTILE, make_faces, make_report, make_report_of_nan, make_report_of_refused_data

from fer_tfx.contract import DEFAULT_CLASS_NAMES
from reporting.calibration import CoveragePoint
from reporting.faces import ClassFaces
from reporting.ingestion import IngestionReport
from reporting.label_shift import compute_label_shift
from reporting.render import NO_FIGURE, encode_picture, flatten, render_report
from reporting.report_data import DataFigures, ReportData

NAMES = DEFAULT_CLASS_NAMES


def render(report: ReportData) -> str:
    return render_report(report, make_faces(report), f"# Card\n{HOSTILE}\n")


@pytest.fixture(scope="module")
def pushed_page() -> str:
    return render(make_report())


@pytest.fixture(scope="module")
def refused_page() -> str:
    """Of a hostile run, without a baseline."""
    reasons = ("accuracy is 0.5833, at least 0.6000", HOSTILE)
    return render(make_report(*reasons, name=HOSTILE, has_baseline=False))


def test_render_report_pushed_model_says_so_with_its_figures(pushed_page):
    assert "<strong>Pushed</strong>" in pushed_page
    assert "<title>Pushed: report of the run fer</title>" in pushed_page
    assert "58.3 % [32.0, 80.7]" in pushed_page.replace("\N{NO-BREAK SPACE}", " ")
    assert "<code>/serving/17</code>" in pushed_page


def test_render_report_figures_of_the_gate_stand_with_their_intervals(pushed_page):
    page = pushed_page.replace("\N{NO-BREAK SPACE}", " ")
    assert re.search(r"<dt>Macro F1</dt>\s*<dd>0\.5476</dd>", page)
    assert re.search(r"<dt>Error, 15 bins \[95 %\]</dt>\s*<dd>0\.2500 \[0\.0000, 0\.5000\]</dd>", page)


def test_render_report_corrupted_pictures_have_a_row_each(pushed_page):
    page = pushed_page.replace("\N{NO-BREAK SPACE}", " ")
    # Half of 7/12 is 42.9 % of it; Wilson's interval of 0.25 with 12 rows.
    assert '<th scope="row">brows and eyes black</th><td>25.0 % [8.9, 53.2]</td><td>12</td><td>42.9 %</td>' in page


def test_render_report_serving_has_size_and_latency_beside_the_baseline(pushed_page):
    for fact in ("<dd>2.3 MB</dd>", "<dd>1.50 ms</dd>", "<dd>1.20 ms</dd>", "<dd>x 1.25</dd>"):
        assert fact in pushed_page


@pytest.mark.parametrize(
    ("name", "rows_read", "claims"),
    [
        ("fer", 1_250, ["which doesn't know its terms"]),
        ("fer-drawn", 28_709, ["This model was trained on schematic faces"]),
        ("fer", 28_709, ["What is known about FER2013", "Kaggle"]),
    ],
)
def test_render_report_claims_of_the_data_only_what_is_known(name, rows_read, claims):
    report = make_report(name=name)
    rows = dataclasses.replace(report.data.rows, read={"faces.csv": rows_read}, labels="majority of the votes")
    report = dataclasses.replace(report, data=dataclasses.replace(report.data, rows=rows))
    page = html.unescape(render_report(report, make_faces(report)))
    every = {"which doesn't know its terms", "This model was trained on schematic faces", "What is known about FER2013",
             "Kaggle", "FER"}  # fmt: skip
    assert [claim for claim in claims if claim not in page] == []
    assert [claim for claim in every.difference(claims) if claim in page] == (["FER"] if "Kaggle" in claims else [])


def test_render_report_tells_of_training_rows_with_the_picture_of_an_eval_row(pushed_page):
    report = make_report()
    rows = dataclasses.replace(report.data.rows, kept_twins={"eval": 280})
    page = render(dataclasses.replace(report, data=dataclasses.replace(report.data, rows=rows)))
    assert '<th scope="row">kept in train</th><td>also stands in eval</td><td>280</td>' in page
    assert "show the very picture of a row of this split: <strong>280</strong>." in page
    assert "flatter" not in pushed_page


def test_render_report_older_run_has_neither_corrupted_pictures_nor_serving():
    page = render(dataclasses.replace(make_report(), robustness=(), serving=None))
    assert "On corrupted pictures" not in page
    assert "Size of the export" not in page


def test_render_report_refused_model_gives_each_reason(refused_page):
    assert "<strong>Refused</strong>" in refused_page
    assert "<li>accuracy is 0.5833, at least 0.6000</li>" in refused_page
    assert "<li>&lt;script&gt;" in refused_page
    assert "Pushed" not in refused_page


def test_render_report_model_that_answers_nan_has_a_page_with_the_reason():
    assert "<li>negative log-likelihood is nan, at most 88.0000</li>" in render(make_report_of_nan())


def test_render_report_figure_that_is_no_number_is_a_dash():
    page = re.sub(r'"data:[^"]*"', "", render(make_report_of_nan()))
    cells = re.findall(r"<td>(.*?)</td>", page)
    assert [cell for cell in cells if "nan" in cell] == []
    after = rf'<th scope="row">after</th><td>{NO_FIGURE}</td><td>{NO_FIGURE}</td><td>{NO_FIGURE}</td>'
    assert after in page
    assert f'<th scope="row">brows and eyes black</th><td>{NO_FIGURE}</td><td>12</td><td>{NO_FIGURE}</td>' in page


def test_render_report_threshold_that_keeps_no_row_claims_no_accuracy(pushed_page):
    assert "of the rows, 0.0\N{NO-BREAK SPACE}% of them right" in pushed_page  # two of the twelve are wrong
    report = make_report()
    point = CoveragePoint(1.0, 0.0, 0.0)
    report = dataclasses.replace(report, evaluation=dataclasses.replace(report.evaluation, abstain=point))
    page = render(report)
    assert "It keeps none of the rows" in page
    assert "of them right" not in page
    assert "At the model's threshold 1.000 none is kept" in html.unescape(page)


def test_render_report_text_from_data_is_escaped(refused_page):
    assert "<script" not in refused_page
    # Title, heading, reason, quarantined row, setting and card.
    assert refused_page.count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&#34;&#39;") == 6


def test_render_report_first_run_says_what_will_stand_where_the_anchor_is_missing(pushed_page, refused_page):
    none = "no earlier model of these classes to compare with"
    assert ("McNemar" in pushed_page, none in pushed_page) == (True, False)
    assert ("McNemar" in refused_page, none in refused_page) == (False, True)
    report = make_report(has_baseline=False)
    settings = {**report.lineage.settings, "gate": {"use_baseline": False}}
    report = dataclasses.replace(report, lineage=dataclasses.replace(report.lineage, settings=settings))
    page = render(report)
    assert (none in page, "as <code>gate.use_baseline</code> was off" in page) == (False, True)


def test_render_report_says_which_run_it_is_and_what_to_do_after_a_refusal(pushed_page, refused_page):
    head = re.search("<header>.*</header>", pushed_page, re.DOTALL).group()
    for fact in ("Run 7 of <code>fer</code>", "2026-11-30 03:00:00 UTC, code 0.1.0", "fer-tfx run --data fer.csv"):
        assert fact in head
    assert ("Next: train longer" in pushed_page, "Next: train longer" in refused_page) == (False, True)


def test_render_report_each_filled_cell_of_the_matrix_leads_to_its_pictures(pushed_page):
    links = re.findall(
        r'<td style="--share: \d+%"><a href="#(cell-\d-\d)" aria-label="(\d+), show pictures">', pushed_page
    )
    galleries = re.findall(r'<section class="gallery" id="(.*?)" aria-label.*?</section>', pushed_page, re.DOTALL)
    assert [id_ for id_, _ in links] == galleries
    assert sum(int(count) for _, count in links) == 12
    gallery = re.search('id="cell-0-1".*?</section>', pushed_page, re.DOTALL).group()
    assert "angry, answered disgust: 1 " in gallery
    assert re.findall(r'--part: ([\d.]+)%">(\w+)', gallery)[0] == ("90.0", "disgust")


def test_render_report_of_many_classes_has_no_more_pictures_than_fit():
    report = make_report()
    shown = make_faces(report).mistakes[0]
    cells = {(row, column): [shown] * 12 for row in range(30) for column in range(30)}
    faces = dataclasses.replace(make_faces(report), cells=cells)
    confusion = tuple((12,) * 30 for _ in range(30))
    evaluation = dataclasses.replace(report.evaluation, confusion=confusion)
    rows = dataclasses.replace(report.data.rows, classes=[f"class {n}" for n in range(30)])
    data = dataclasses.replace(report.data, rows=rows, label_shift=compute_label_shift({}, {}, None, None, NAMES))
    report = dataclasses.replace(report, evaluation=evaluation, data=data)
    page = render_report(report, dataclasses.replace(faces, classes=[]))
    assert page.count('class="gallery"') == 600
    assert len(page) < 5_000_000


def test_render_report_precision_of_a_class_that_is_never_answered_is_a_dash(pushed_page):
    surprise = re.search('<th scope="row">surprise</th><td>0.0\N{NO-BREAK SPACE}%.*?</tr>', pushed_page).group()
    assert surprise.endswith(f"<td>{NO_FIGURE}</td><td>0</td><td>0.000</td></tr>")


def test_render_report_class_without_a_training_picture_has_no_mean_face():
    report = make_report()
    faces = make_faces(report)
    none = ClassFaces(np.zeros((48, 48), np.uint8), [])
    page = render_report(report, dataclasses.replace(faces, classes=[none, *faces.classes[1:]]))
    assert f"{NAMES[0]}</th><td>No training picture.</td>" in page
    assert page.count('alt="Mean of all training pictures') == 6


def test_render_report_shows_quarantined_and_conflicting_pictures(pushed_page):
    for words in (
        "Picture of a quarantined row: 9 is no class",
        "Picture labelled happy: fer.csv, row 3, train and sad",
    ):
        assert re.search(rf'<img src="data:image/png;base64,[^"]+" alt="{words}', pushed_page)


def test_render_report_labels_stand_beside_those_of_the_run_before(pushed_page):
    text = " ".join(re.sub("<[^>]*>", " ", pushed_page).split())
    # 1,000 of 1,200 rows are happy, 900 of 1,200 were.
    assert "happy 83.3 75.0 100.0 100.0" in text
    assert "rows 1,200 1,200 12 12" in text
    # Train's other rows are sad, so that their share differs as much.
    assert re.search(r"train and eval: 0\.1667 \((happy|sad)\), within the 0\.25 that the schema allows\.", text)
    drift = "train and train of the data accepted last: 0.0833 (happy), certainly more than 0.0250"
    assert f"{drift}, while the schema allows 0.0156" in text
    assert "eval and eval of the data accepted last: 0.0000 (angry), with no bound in the schema." in text


def test_render_report_label_shift_that_few_rows_leave_open_is_let_through():
    report = make_report_of_refused_data("train: no example of fear")
    train, eval_ = (40, 20, 0, 80, 40, 40, 40), (40, 0, 0, 0, 0, 0, 0)
    for rows, ends in ((1, "lets this pass."), (100, "too low to be chance, so the data gate refuses this.")):
        shift = compute_label_shift(
            {"train": tuple(rows * each for each in train), "eval": tuple(rows * each // 10 for each in eval_)},
            {}, skew_bound=0.5, drift_bound=None, class_names=NAMES)  # fmt: skip
        page = render_report(dataclasses.replace(report, data=dataclasses.replace(report.data, label_shift=shift)))
        text = " ".join(re.sub("<[^>]*>", " ", page).split())
        absent = re.search(r"eval has no example of disgust.*?this\b.*?\.(?= eval| There)", text)
        assert absent.group().endswith(ends)
        assert ("few rows prove only" in text) == (rows == 1)


@pytest.mark.parametrize("before", [{}, {"train": (0,) * 7, "eval": (0,) * 7}])
def test_render_report_first_run_says_that_there_is_none_before(before):
    report = make_report_of_refused_data("eval: no example")
    shift = compute_label_shift(
        {"train": (1, 0, 0, 0, 0, 0, 0)}, before, skew_bound=0.1, drift_bound=0.1, class_names=NAMES
    )
    page = render_report(dataclasses.replace(report, data=dataclasses.replace(report.data, label_shift=shift)))
    assert "No earlier data of these classes has been accepted, so there is nothing to compare with." in page
    assert "train before" not in page


def test_render_report_refused_data_says_what_will_stand_in_the_other_sections():
    page = render_report(make_report_of_refused_data("train: no example of disgust", name=HOSTILE))
    assert "<strong>Refused</strong>: no model was trained on this data." in page
    assert "<li>train: no example of disgust</li>" in page
    sections = ["verdict", "data", "training", "evaluation", "baseline"]
    assert re.findall(r'<h2 id="(.*?)"', page) == re.findall(r'<li><a href="#(.*?)">', page) == sections
    assert page.count("will stand here") == 2
    assert "<script" not in page


def test_render_report_data_without_any_row_has_no_plot():
    report = make_report_of_refused_data("train: no example")
    data = DataFigures(
        IngestionReport({"a.csv": 0}, {}, {}, {}), (), (), compute_label_shift({}, {}, None, None, NAMES)
    )
    assert "<figure" not in render_report(dataclasses.replace(report, data=data))


def test_render_report_names_nothing_beyond_the_page(pushed_page):
    links = re.findall(r'(?:src|href|srcset)="([^"]*)"', pushed_page)
    assert len(links) > 20
    assert {link.partition(":")[0] for link in links if not link.startswith("#")} == {"data"}
    assert set(re.findall(r'href="#([^"]*)"', pushed_page)) <= set(re.findall(r'id="([^"]*)"', pushed_page))
    assert "url(" not in pushed_page


def test_render_report_states_use_and_its_bounds(pushed_page):
    assert "Article 5(1)(f)" in pushed_page
    assert "<pre># Card\n" in pushed_page
    assert "It does not tell what a person feels." in pushed_page.replace("\n", " ")


def test_render_report_names_the_weights_that_a_warm_start_began_with(pushed_page):
    report = make_report()
    warm = dataclasses.replace(report, training=dataclasses.replace(report.training, warm_start="0123abcd"))
    assert "weights of an earlier model" not in pushed_page
    assert re.search(r"weights of an earlier model</dt>\s*<dd>0123abcd</dd>", render(warm))


def test_render_report_without_a_card_shows_none():
    report = make_report()
    assert "MODEL_CARD.md" not in render_report(report, make_faces(report))


def test_flatten_nested_settings_have_dotted_keys():
    assert list(flatten({"name": "fer", "trainer": {"epochs": 2, "augmentation": {"flip": True}}})) == [
        ("name", "fer"), ("trainer.epochs", "2"), ("trainer.augmentation.flip", "True"),
    ]  # fmt: skip


def test_encode_picture_keeps_every_grey_value():
    pixels = np.arange(48 * 48, dtype=np.int64).astype(np.uint8).reshape(48, 48)
    content = base64.b64decode(encode_picture(pixels).removeprefix("data:image/png;base64,"))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), pixels)
