"""The card says what the run measured, and nothing that a run brings along becomes mark-up."""

import dataclasses
import json
import re
from pathlib import Path

import pytest
import yaml
from card_doubles import FIGURES, HOSTILE, make_card, make_hostile_card, make_nan_card
from markdown_it import MarkdownIt

from configs.load import load_config
from reporting import model_card
from reporting.ingestion import IngestionReport
from reporting.model_card import CardData, draw_bars, format_cells, format_code, format_number, render_card
from reporting.report_data import Share, TrainedSpan

MARKDOWN = MarkdownIt("commonmark").enable("table")


def split_header(text: str) -> tuple[dict, str]:
    """The header for hubs and the Markdown behind it."""
    before, header, body = re.split("^---\n", text, maxsplit=2, flags=re.M)
    assert before == ""
    return yaml.safe_load(header), body


def list_tokens(text: str) -> list:
    """All tokens of a Markdown text, or of a card behind its header, those within lines too."""
    body = split_header(text)[1] if text.startswith("---\n") else text
    return [token for outer in MARKDOWN.parse(body) for token in (outer, *(outer.children or ()))]


def count_cells(text: str) -> list[int]:
    """Number of cells of each row of each table."""
    counts = []
    for token in list_tokens(text):
        if token.type == "tr_open":
            counts.append(0)
        elif token.type in ("td_open", "th_open"):
            counts[-1] += 1
    return counts


def read_rows_of(count: int) -> IngestionReport:
    """Of a table with so many rows."""
    return dataclasses.replace(make_card().rows, read={"faces.csv": count})


@pytest.fixture(scope="module")
def card() -> str:
    """Of a model that was trained on somebody's own data."""
    return render_card(make_card())


@pytest.fixture(scope="module")
def fer2013_card() -> str:
    return render_card(make_card(rows=read_rows_of(28_709)))


def test_render_card_figures_stand_with_interval_and_rows(card):
    # Wilson, 7 of 12: (0.58333 + 0.16006) / 1.32012 -/+ 1.48469 * sqrt(0.020255 + 0.006669)
    assert "| accuracy | 0.5833 | 0.3195 to 0.8067 | 12 |\n" in card
    assert "| macro F1 | 0.5476 | - | 12 |\n" in card
    # 2 of 4: (0.5 + 0.480182) / 1.960365 -/+ 0.3499; 2 of 2: 1 / (1 + 3.8415 / 2)
    assert card.count("| 0.5000 | 0.1500 to 0.8500 | 4 | 1.0000 | 0.3424 to 1.0000 | 2 |\n") == 7
    assert "| expected calibration error, 15 bins | 0.0312 | 0.0125 to 0.0625 | 12 |\n" in card
    assert "+0.0125, paired 99 % interval -0.0100 to +0.0350." in card


def test_render_card_corrupted_pictures_have_a_table_where_they_were_measured(card):
    # Wilson, 3 of 12: (0.25 + 0.160061) / 1.320121 -/+ 1.484692 * sqrt(0.015625 + 0.006669)
    assert "### Corrupted pictures\n" in card
    assert "| blurred | 0.2500 | 0.0889 to 0.5323 | 12 |\n" in card
    assert "Corrupted pictures" not in render_card(make_card(figures=dataclasses.replace(FIGURES, corrupted={})))


def test_render_card_header_is_what_model_hubs_read(card):
    header, body = split_header(card)
    assert body.startswith("\n# Model card: ")
    assert header["pipeline_tag"] == "image-classification"
    ((model,), tags) = header["model-index"], header["tags"]
    assert (model["name"], "facial-expression-recognition" in tags) == ("fer", True)
    metrics = {each["type"]: each["value"] for each in model["results"][0]["metrics"]}
    assert metrics["accuracy"] == pytest.approx(7 / 12)
    assert metrics["f1"] == 0.54762
    assert metrics["expected calibration error"] == 0.03125
    header, _ = split_header(render_card(make_nan_card()))
    assert header["model-index"][0]["results"][0]["metrics"] == []


@pytest.mark.parametrize(
    ("name", "rows_read", "licence", "datasets", "data"),
    [
        ("fer", 28_709, "other", ["fer2013"], "FER2013"),
        ("faces", 28_709 + 3_589 + 7_178, "other", ["fer2013"], "FER2013"),
        ("fer2013", 28_708, "unknown", [], "own data"),
        ("fer-drawn", 28_709, "apache-2.0", [], "faces drawn by the pipeline"),
    ],
)
def test_render_card_header_names_the_data_as_what_they_are(name, rows_read, licence, datasets, data):
    header, _ = split_header(render_card(make_card(name=name, rows=read_rows_of(rows_read))))
    assert (header["license"], header["datasets"]) == (licence, datasets)
    assert header["model-index"][0]["results"][0]["dataset"]["name"] == data
    assert ("kaggle.com" in str(header)) == bool(datasets)


def test_render_card_hostile_name_stays_a_name_in_the_header():
    header, _ = split_header(render_card(make_hostile_card()))
    assert header["model-index"][0]["name"] == HOSTILE


def test_render_card_draws_each_recall_with_its_interval(card):
    # Wilson's interval of 2 of 4 is 0.1500 to 0.8500: 8 full, 17 dark and 17 light of 50.
    bar = "\N{FULL BLOCK}" * 8 + "\N{DARK SHADE}" * 17 + "\N{LIGHT SHADE}" * 17
    assert f"\nsurprise {bar}         0.500\n" in card
    shares = Share.of(0.0, 0), Share.of(1.0, 2)
    (none,) = [dataclasses.replace(FIGURES.classes[0], recall=shares[0], precision=shares[1])]
    assert draw_bars([none]) == "angry -"


def test_render_card_confusion_has_true_classes_down(card):
    assert "| disgust | 1,000 | 1,001 | 1,002 | 1,003 | 1,004 | 1,005 | 1,006 |\n" in card


def test_render_card_rows_are_accounted_for_by_reason(card):
    assert "Of 1,250 rows read, 1,212 were used, 37 dropped for repeating another and 1 quarantined." in card
    for line in (
        "| read | `fer.csv` | 1,250 |", "| used | `train` | 1,200 |", "| dropped | `repeat within train` | 37 |",
        "| quarantined | `unknown label` | 1 |", "| skipped | `notes.txt` `no CSV` | - |", "| happy | 1,000 | 12 |",
        "Pictures with more than one label: 59.",
    ):  # fmt: skip
        assert f"{line}\n" in card


def test_render_card_counts_rows_that_the_settings_leave_out_by_label(card):
    rows = dataclasses.replace(make_card().rows, left_out={"contempt": 18})
    assert "37 dropped for repeating another, 0 left out" not in card
    left_out = render_card(make_card(rows=rows))
    assert "37 dropped for repeating another, 18 left out by the settings and 1 quarantined." in left_out
    assert "| left out | `label contempt` | 18 |\n" in left_out


def test_render_card_tells_of_training_rows_with_the_picture_of_an_eval_row(card):
    rows = dataclasses.replace(make_card().rows, kept_twins={"eval": 1_280, "test": 3})
    told = render_card(make_card(rows=rows))
    assert "| kept in train | `also stands in eval` | 1,280 |\n| kept in train | `also stands in test` | 3 |\n" in told
    assert "show the very picture of a row of this split: **1,280**. Figures of this split flatter" in told
    assert "flatter" not in card
    assert "flatter" not in render_card(make_card(rows=dataclasses.replace(rows, kept_twins={"test": 3})))


def test_render_card_says_by_which_labels_figures_are(card, fer2013_card):
    rows = dataclasses.replace(read_rows_of(28_709), labels="majority of the votes")
    told = render_card(make_card(rows=rows))
    assert "- **Accuracy on the eval split**: 0.5833, n = 12, by the majority of the votes\n" in told
    assert "Figures compare with others on such labels" in told
    assert ("71.8 %" in told, "71.8 %" in fer2013_card) == (False, True)
    assert "votes" not in card


def test_render_card_counts_files_that_are_not_listed():
    card = make_card()
    rows = dataclasses.replace(card.rows, unlisted_files=1_234)
    assert "| skipped | 1,234 further files | - |\n" in render_card(dataclasses.replace(card, rows=rows))
    assert "| skipped | 1 further file | - |\n" in render_card(
        dataclasses.replace(card, rows=dataclasses.replace(rows, unlisted_files=1))
    )
    assert "further file" not in render_card(card)


def test_render_card_calibration_and_origin_are_those_of_the_model(card):
    assert "The exported model divides its logits by a temperature of 1.2500." in card
    assert "Below a confidence of 0.5500 the model" in card
    assert "| share of pictures kept | 0.5000 | 0.2538 to 0.7462 | 12 |\n" in card
    assert "2 epochs in `float32`,\n1,200 training rows, 8 s of wall time" in card
    assert "| `model` | `Model` | 5 | `/model/5` |\n" in card


def test_render_card_states_every_text_of_use_and_limits():
    rows = dataclasses.replace(read_rows_of(28_709), kept_twins={"eval": 1})
    cards = [render_card(make_card(rows=dataclasses.replace(rows, labels=each))) for each in ("", "majority of votes")]
    cards += [render_card(make_card()), render_card(make_card(name="fer-drawn"))]
    plain = re.sub(r"[\s>]+", " ", "".join(cards))
    texts = yaml.safe_load(Path(model_card.__file__).with_name("pages").joinpath("texts.yaml").read_text("utf-8"))
    said = {name: " ".join(text.split()) for name, text in (texts | texts.pop("LICENCE")).items()}
    assert {"MEANING", "OUT_OF_SCOPE", "drawn", "fer2013", "own"} <= set(said)
    assert {name for name, text in said.items() if text not in plain} == set()
    assert "Article 5(1)(f)" in plain


def test_render_card_claims_of_fer2013_only_what_its_own_models_were_trained_on(card, fer2013_card):
    drawn = render_card(make_card(name="fer-drawn"))
    voted = render_card(make_card(rows=dataclasses.replace(make_card().rows, labels="majority of the votes")))
    for text in (card, drawn, voted):
        assert re.findall("FER|Kaggle|kaggle|web image search", text) == []
    for claim in ("Known about FER2013", "Kaggle", "web image search"):
        assert claim in fer2013_card
    assert ["figures say nothing about real faces" in each for each in (drawn, card, fer2013_card)] == [1, 0, 0]


def test_render_card_refused_model_gives_each_reason(card):
    refused = render_card(make_card(refusals=("accuracy is 0.5833, at least 0.6000",)))
    assert (
        "- **Gates**: refused, so it was not put into service\n  - `accuracy is 0.5833, at least 0.6000`\n" in refused
    )
    assert "- **Gates**: passed\n" in card


def test_render_card_without_a_baseline_compares_with_none():
    text = render_card(make_card(figures=dataclasses.replace(FIGURES, change=None)))
    assert "There was no anchor to compare with." in text
    assert "paired" not in text
    lineage = make_card().lineage
    off = dataclasses.replace(lineage, settings=lineage.settings | {"gate": {"use_baseline": False}})
    text = render_card(make_card(figures=dataclasses.replace(FIGURES, change=None), lineage=off))
    assert "no earlier model, as `gate.use_baseline` was off." in text


def test_render_card_model_that_answers_nan_says_so():
    text = render_card(make_nan_card())
    assert "| accuracy | NaN | - | 12 |\n" in text
    assert "| Brier score | NaN | - | 12 |\n" in text
    assert "| expected calibration error, 15 bins | NaN | - | 12 |\n" in text
    assert "NaN, paired 99 % interval NaN to NaN." in text
    assert "nan" not in text.replace("`negative log-likelihood is nan, at most 88.0000`", "")


def test_render_card_settings_are_a_configuration_that_can_be_run(card, tmp_path):
    (settings,) = [token.content for token in list_tokens(card) if token.type == "fence" and token.info == "json"]
    (tmp_path / "settings.yaml").write_text(settings, "utf-8")
    assert load_config(tmp_path / "settings.yaml", []).trainer.epochs == json.loads(settings)["trainer"]["epochs"] == 2


def read_settings(card: str) -> dict:
    (settings,) = [token.content for token in list_tokens(card) if token.type == "fence" and token.info == "json"]
    return json.loads(settings)


def make_trained(**changes) -> CardData:
    """A card of a training that has told of itself what trainings tell."""
    training = dataclasses.replace(make_card().training, threads=(4,), device="Some | Processor", **changes)
    return make_card(training=training)


def test_render_card_settings_hold_what_the_machine_had_chosen(card):
    assert read_settings(card)["trainer"] == {"epochs": 2, "precision": "float32"}
    trained = render_card(make_trained())
    assert read_settings(trained)["trainer"] == {"epochs": 2, "precision": "float32", "threads": 4}
    assert "2 epochs in `float32` with 4 threads on `Some \\| Processor`,\n1,200 training rows, 8 s" in trained
    unequal = render_card(make_card(training=dataclasses.replace(make_card().training, threads=(4, 8))))
    assert "threads" not in read_settings(unequal)["trainer"]
    assert "in `float32` with 4 and 8 threads,\n" in unequal


def test_render_card_every_span_stands_with_its_rows_and_its_files():
    spans = (TrainedSpan(3, 900, "num_files:1\nxor:7"), TrainedSpan(4, 300, "num_files:2"))
    text = render_card(make_trained(spans=spans))
    assert "Trained on 2 spans together, and evaluated on the newest only," in text
    for line in (
        "| 3 | 900 |", "| 4 | 300 |", "- span 3: `num_files:1`", "- span 3: `xor:7`", "- span 4: `num_files:2`",
    ):  # fmt: skip
        assert f"\n{line}\n" in text
    assert "split:labelled" not in text


@pytest.mark.parametrize("spans", [(), (TrainedSpan(None, 1_200),)])
def test_render_card_data_that_the_training_does_not_tell_of_are_those_of_the_run(spans):
    text = render_card(make_trained(spans=spans))
    assert "- `split:labelled,num_files:1`\n" in text
    assert "spans together" not in text


def test_render_card_of_an_ensemble_says_what_its_fingerprints_of_models_stand_for(card):
    lineage = make_card().lineage
    settings = lineage.settings | {"ensemble": {"members": [], "models": ["0123456789abcdef"]}}
    text = render_card(make_card(lineage=dataclasses.replace(lineage, settings=settings)))
    assert "\nPut the folders of the earlier models into `ensemble.models`, in place of their fingerprints: " in text
    assert "`ensemble.models`" not in card


def test_render_card_of_weights_from_earlier_runs_does_not_claim_that_they_never_saw_the_eval_split(card):
    lineage = make_card().lineage
    joined = dataclasses.replace(lineage, settings=lineage.settings | {"ensemble": {"models": ["0123456789abcdef"]}})
    claim, doubt = "which the exported model was not trained on.", "whether the earlier runs did"
    assert (claim in card, doubt in card) == (True, False)
    for text in (render_card(make_card(lineage=joined)), render_card(make_trained(warm_start="0123abcd"))):
        assert (claim in text, doubt in text) == (False, True)


def test_render_card_says_how_many_views_its_figures_are_of(card):
    averaged = render_card(make_card(confidence=dataclasses.replace(make_card().confidence, views=4)))
    assert "Each answer is that to one view of a picture." in " ".join(card.split())
    assert "Each answer is the average of 4 views of a picture." in " ".join(averaged.split())
    assert ("`views=1` gives the answers" in card, "`views=1`" in averaged) == (True, False)


def test_render_card_model_of_an_earlier_version_claims_no_versions(card):
    assert "| `tensorflow` | `2.16.2` |\n" in card
    text = render_card(make_card(lineage=dataclasses.replace(make_card().lineage, versions={})))
    assert "The library versions that trained it were not recorded.\n" in text
    assert "package" not in text.partition("## How to reproduce it")[2]


def test_render_card_hostile_texts_are_neither_html_nor_links_nor_headings(card):
    tokens = list_tokens(render_card(make_hostile_card()))
    assert {token.type for token in tokens} & {"html_block", "html_inline", "link_open", "image"} == set()
    headings = [token.tag for token in tokens if token.type == "heading_open"]
    assert headings == [token.tag for token in list_tokens(card) if token.type == "heading_open"]
    # Whatever of them is shown stands in code: GitHub makes links of bare addresses elsewhere.
    assert [token.content for token in tokens if token.type == "text" and "evil" in token.content] == []
    assert len([token for token in tokens if token.type == "code_inline" and "evil" in token.content]) == 19


def test_render_card_hostile_texts_leave_every_row_its_cells():
    hostile = make_hostile_card()
    plain = make_trained(spans=(TrainedSpan(3, 1), TrainedSpan(4, 1)))
    plain = dataclasses.replace(
        plain,
        rows=IngestionReport(
            {"a": 2}, {"train": {"happy": 1}, "b": {"": 1}}, {"c": 1}, {"d": 1}, {"e": 1}, 0, {"f": "g"}
        ),
    )
    assert count_cells(render_card(hostile)) == count_cells(render_card(plain))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fer.csv", "`fer.csv`"), ("a|b", "`a\\|b`"), ("a`b", "``a`b``"), ("`a`", "`` `a` ``"),
        ("a\r\nb", "`a\\r\\nb`"), ("\udcff", "`\\udcff`"), ("", ""), (3, "`3`"),
    ],
)  # fmt: skip
def test_format_code_fences_what_it_holds(text, expected):
    assert format_code(text) == expected


@pytest.mark.parametrize("text", ["a|b", "``", "`a`", "a\\", "a\\|b", "x`", HOSTILE])
def test_format_code_in_a_table_gives_the_text_back(text):
    rendered = [
        token.content
        for token in list_tokens(f"| {format_code(text)} | z |\n|---|---|\n")
        if token.type == "code_inline"
    ]
    shown = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
    assert rendered == [shown]


def test_format_cells_no_rows_has_neither_value_nor_interval():
    assert format_cells(Share.of(0.0, 0)) == "- | - | 0"


def test_format_number_signed_difference_shows_its_sign():
    assert (format_number(0.5, "+"), format_number(-0.5, "+")) == ("+0.5000", "-0.5000")
