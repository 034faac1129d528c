"""Both light forms of a model answer as it does, are measured alike, and the better one is chosen."""

import json
from pathlib import Path

import pytest
from evaluation_doubles import draw_pixels, write_data, write_model

from benchmarks.light_forms import choose_form, main, measure, write_light_forms
from benchmarks.model.fer2013 import read_public_test
from fer_tfx.errors import DataError
from fer_tfx.light import LightModel

OWN = {"temperature": 2.0, "abstain_threshold": 0.45}
BY_VIEWS = {"1": OWN, "2": {**OWN, "temperature": 1.0}, "4": OWN}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("forms")
    write_model(made / "model", {**OWN, "views": 1, "by_views": BY_VIEWS})
    test = draw_pixels([0, 1, 2, 3, 3, 4, 5, 6])
    write_data(made / "data", draw_pixels([5, 6, 7], 50), test, [0, 1, 2, 3, 4, 4, 6, 0])
    return made


@pytest.fixture(scope="module")
def places(folder: Path) -> dict[str, Path]:
    (folder / "light").mkdir()
    return write_light_forms(folder / "model", folder / "data", folder / "light")


def test_write_light_forms_makes_both_whole_and_they_answer_as_the_model(places):
    for place in places.values():
        assert sorted(each.name for each in place.iterdir()) == ["calibration.json", "class_names.txt", "model.tflite"]
        answers = LightModel(place).predict_pixels(draw_pixels([3, 1, 4])[..., None])
        assert [answer.confidence for answer in answers] == pytest.approx([0.5] * 3, abs=1e-3)
    contents = [(place / "model.tflite").read_bytes() for place in places.values()]
    assert contents[0] != contents[1]


def test_measure_gives_each_form_the_figures_of_every_number_of_views(places, folder):
    forms = measure(places, read_public_test(folder / "data"))
    assert list(forms) == ["float16", "int8"]
    for form, figures in forms.items():
        assert figures["bytes"] == (places[form] / "model.tflite").stat().st_size
        assert list(figures["views"]) == [1, 2, 4]
        one = figures["views"][1]
        assert (one["accuracy"]["value"], one["accuracy"]["n"]) == (5 / 8, 8)
        assert one["trust"]["ece"] == pytest.approx(5 / 8 - 1 / 2, abs=1e-3)
        # Five of eight are right, so that is the best confidence: odds of 10 to 1 instead of 6 to 1, by temperature.
        assert one["own_temperature"]["ece"] == pytest.approx(0, abs=0.01)
        assert one["own_temperature"]["nll"] < one["trust"]["nll"]
        assert 0 < one["wall_ms"][1] <= one["wall_ms"][0] <= one["wall_ms"][2]


@pytest.mark.parametrize(
    ("accuracy", "cpu_ms", "chosen"),
    [(0.697, 0.5, "int8"), (0.6969, 0.5, "float16"), (0.71, 1.0, "float16"), (0.71, 0.99, "int8")],
)
def test_choose_form_is_int8_if_it_loses_little_and_takes_less_time(accuracy, cpu_ms, chosen):
    def describe(accuracy: float, cpu_ms: float) -> dict:
        return {"accuracy": {"value": accuracy}, "cpu_ms": cpu_ms}

    forms = {"float16": {"views": {1: describe(0.7, 1.0), 4: describe(0.7, 4.0)}},
             "int8": {"views": {1: describe(0.7, 0.5), 4: describe(accuracy, 4 * cpu_ms)}}}  # fmt: skip
    assert choose_form(forms) == chosen


def test_main_reports_both_forms_with_what_would_ship(folder, tmp_path, capsys):
    arguments = ["--model", str(folder / "model"), "--data", str(folder / "data"), "--out", str(tmp_path / "forms.md")]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert (tmp_path / "forms.md").read_text("utf-8") == said
    assert len([line for line in said.splitlines() if line.startswith(("| float16 | ", "| int8 | "))]) == 6
    assert "| 1 | 0.6250 [0.306, 0.863] | 0.5714 | " in said
    assert "`benchmarks.ship` ships **" in said
    assert "n = 8; " in said


def test_main_folder_without_a_model_is_one_line(tmp_path, capsys):
    assert main(["--model", str(tmp_path), "--data", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"light_forms: {tmp_path}: no SavedModel; give the folder of one version")


def test_light_model_without_a_threshold_is_refused(places, tmp_path):
    (tmp_path / "model.tflite").write_bytes((places["float16"] / "model.tflite").read_bytes())
    (tmp_path / "calibration.json").write_text(json.dumps({"temperature": 1.0}))
    (tmp_path / "class_names.txt").write_text("a\nb\n")
    with pytest.raises(DataError, match=r"calibration\.json: can't be read"):
        LightModel(tmp_path)
