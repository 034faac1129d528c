"""A pushed model -> the shipped folder, with figures that the evaluation itself wrote of it."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from card_doubles import make_card
from evaluation_doubles import RECORD, draw_pixels, write_data, write_model
from run_double import RunDouble

from benchmarks import evaluate
from benchmarks.light_forms import measure, write_light_form
from benchmarks.model.fer2013 import read_public_test
from benchmarks.ship import LightForm, check_origin, main, replace_folder, ship, ship_light_alone
from fer_tfx.errors import DataError, GateError
from fer_tfx.model_files import compute_digest, list_files, verify_sums
from reporting.model_card import render_card


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serving") / "1795000000"
    write_model(folder, {"temperature": 2.0, "abstain_threshold": 0.45})
    (folder / "assets.extra" / "MODEL_CARD.md").write_text(render_card(make_card()), "utf-8")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    test = draw_pixels([0, 1, 2, 3, 3, 4, 5, 6])
    train = np.concatenate([test[:2], draw_pixels([5], value=50)])
    return write_data(tmp_path_factory.mktemp("data"), train, test, [0, 1, 2, 3, 4, 4, 6, 0])


@pytest.fixture(scope="module")
def light(model: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> LightForm:
    folder = tmp_path_factory.mktemp("light")
    write_light_form(model, folder)
    (figures,) = measure({"float16": folder}, read_public_test(data)).values()
    return LightForm("float16", folder, figures)


@pytest.fixture(scope="module")
def metrics_path(model: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results") / "metrics.json"
    assert evaluate.main(["--model", str(model), "--data", str(data), "--out", str(out)]) == 0
    return out


@pytest.fixture
def metrics(metrics_path: Path) -> dict[str, Any]:
    return json.loads(metrics_path.read_text("utf-8"))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """The shipped folder, with an old model in it."""
    (tmp_path / "shipped_model" / "variables").mkdir(parents=True)
    (tmp_path / "shipped_model" / "variables" / "old").write_text("old", "utf-8")
    return tmp_path / "shipped_model"


def assert_unchanged(target: Path) -> None:
    assert list_files(target) == ["variables/old"]
    assert list(target.parent.iterdir()) == [target]


def test_ship_model_is_the_pushed_one_byte_for_byte_with_card_note_and_sums(model, metrics, light, target):
    ship(model, metrics, light, target)
    expected = {name: compute_digest(model / name) for name in list_files(model) if "CARD" not in name}
    assert {"saved_model.pb", "variables/variables.index", "assets.extra/training_record.json"} <= set(expected)
    shipped = {name: compute_digest(target / name) for name in list_files(target)}
    assert {name for name in shipped if name not in expected} == {"LICENCE_NOTE.md", "MODEL_CARD.md"}
    assert expected.items() <= shipped.items()
    verify_sums(target)
    assert list(target.parent.iterdir()) == [target]


def test_ship_card_is_that_of_the_run_without_addresses_and_what_the_release_adds(model, metrics, light, target):
    ship(model, metrics, light, target)
    assert [name for name in list_files(target) if name.endswith("MODEL_CARD.md")] == ["MODEL_CARD.md"]
    of_run = (model / "assets.extra" / "MODEL_CARD.md").read_text("utf-8")
    kept, addresses = of_run.split("\n| made from |")
    assert "URI" in addresses
    card = (target / "MODEL_CARD.md").read_text("utf-8")
    assert card.startswith(kept.rstrip() + "\n\n## Release\n")
    assert "URI" not in card
    assert "version 1795000000: " in card
    assert f"| `saved_model.pb` | `{compute_digest(model / 'saved_model.pb')}` |" in card
    assert "assets.extra/MODEL_CARD.md" not in card
    assert "| all rows | 0.6250 | 0.3057 to 0.8632 | 8 |" in card


def test_ship_model_without_the_card_of_its_run_is_refused(model, metrics, light, target, tmp_path_factory):
    other = shutil.copytree(model, tmp_path_factory.mktemp("other") / "1")
    (other / "assets.extra" / "MODEL_CARD.md").unlink()
    with pytest.raises(DataError, match=r"MODEL_CARD\.md: can't be read: No such file or directory; ship a model"):
        ship(other, metrics, light, target)
    assert_unchanged(target)


def test_ship_into_no_folder_makes_it(model, metrics, light, tmp_path):
    ship(model, metrics, light, tmp_path / "models" / "shipped_model")
    verify_sums(tmp_path / "models" / "shipped_model")


def test_ship_model_of_more_than_4_mb_is_refused(model, metrics, light, target, tmp_path_factory):
    size = sum((model / name).stat().st_size for name in list_files(model) if "CARD" not in name)
    large = shutil.copytree(model, tmp_path_factory.mktemp("large") / "1")
    (large / "assets").mkdir(exist_ok=True)
    (large / "assets" / "more").write_bytes(bytes(4_000_001 - size))
    with pytest.raises(GateError, match=r"1: 4,000,001 bytes, at most 4,000,000; export it in half precision"):
        ship(large, metrics, light, target)
    assert_unchanged(target)
    (large / "assets" / "more").write_bytes(bytes(4_000_000 - size))
    ship(large, metrics, light, target)


def test_check_origin_model_that_began_with_the_weights_of_another_is_refused(model, metrics, tmp_path_factory):
    warm = shutil.copytree(model, tmp_path_factory.mktemp("warm") / "1")
    record = {**RECORD, "warm_start": {"model": "runs/fer/serving/1", "weights": "0123"}}
    (warm / "assets.extra" / "training_record.json").write_text(json.dumps(record), "utf-8")
    with pytest.raises(GateError, match=r"1: training began with another model's .* without spans\.warm_start$"):
        check_origin(warm, metrics)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"parameters": 8}, "parameters is 8, but 7 in "),
        ({"code": "other"}, "code is 'other', but '0123456789abcdef' in "),
        ({"train_wall_seconds": 1.0}, "train_wall_seconds is 1.0, but 22.5 in "),
        ({"calibration": {"temperature": 3.0}}, "temperature is 3.0, but 2.0 in "),
        ({"calibration": None}, "temperature is None, but 2.0 in "),
    ],
)
def test_check_origin_figures_of_another_model_are_refused(model, metrics, change, said):
    with pytest.raises(DataError, match=f"^metrics: {said}{model}: they are another model's; run `python"):
        check_origin(model, metrics | change)


def test_ship_missing_figure_leaves_the_old_model(model, metrics, light, target):
    del metrics["robustness"]
    with pytest.raises(DataError, match=r"^metrics: no `robustness` in it"):
        ship(model, metrics, light, target)
    assert_unchanged(target)


def test_check_origin_model_without_its_record_is_refused(model, metrics, tmp_path_factory):
    other = shutil.copytree(model, tmp_path_factory.mktemp("other") / "1")
    (other / "assets.extra" / "training_record.json").unlink()
    with pytest.raises(
        DataError, match=r"training_record\.json: can't be read as JSON: No such file or directory; give a"
    ):
        check_origin(other, metrics)


def test_check_origin_changed_record_is_told_apart(model, metrics, tmp_path_factory):
    other = shutil.copytree(model, tmp_path_factory.mktemp("other") / "1")
    (other / "assets.extra" / "training_record.json").write_text(json.dumps(RECORD | {"parameters": 9}), "utf-8")
    with pytest.raises(DataError, match="parameters is 7, but 9 in"):
        check_origin(other, metrics)


def test_ship_light_alone_is_the_light_form_with_a_card_of_its_own(model, metrics, light, tmp_path):
    ship_light_alone(model, metrics, light, tmp_path / "light_model_accurate")
    verify_sums(tmp_path / "light_model_accurate")
    names = ["LICENCE_NOTE.md", "MODEL_CARD.md", "calibration.json", "class_names.txt", "model.tflite"]
    assert list_files(tmp_path / "light_model_accurate") == names
    card = (tmp_path / "light_model_accurate" / "MODEL_CARD.md").read_text("utf-8")
    size, digest = (light.folder / "model.tflite").stat().st_size, compute_digest(light.folder / "model.tflite")
    assert f"version 1795000000: {size:,} bytes in its light form, which alone is part of the package. Rights" in card
    assert f"| `model.tflite` | `{digest}` |" in card
    assert "| `saved_model.pb` |" not in card
    assert "The light form, which `fer_tfx` loads, has float16 weights. Its own figures, all rows:" in card
    assert "| 1 | 0.6250 | 0.3057 to 0.8632 | 8 | 0.5714 | " in card


def test_ship_light_alone_of_more_than_16_mb_is_refused(model, metrics, light, tmp_path):
    large = light._replace(figures={**light.figures, "bytes": 16_000_001})
    with pytest.raises(GateError, match="1795000000: 16,000,001 bytes, at most 16,000,000; export it in half"):
        ship_light_alone(model, metrics, large, tmp_path / "light")
    assert list(tmp_path.iterdir()) == []


def test_main_ships_what_the_run_pushed_under_either_name(model, metrics_path, data, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    pushed = RunDouble(tmp_path / "run").add_run()
    shutil.copytree(model, pushed, dirs_exist_ok=True)
    both = {**json.loads(metrics_path.read_text("utf-8"))}
    (tmp_path / "metrics.json").write_text(json.dumps(both | {"accurate": both}), "utf-8")
    places = {"run": tmp_path / "run", "metrics": tmp_path / "metrics.json", "data": data, "out": tmp_path / "package"}
    arguments = [f"--{name}={path}" for name, path in places.items()]
    assert main(arguments) == 0
    assert {each.name for each in (tmp_path / "package").iterdir()} == {"shipped_model", "light_model"}
    assert main([*arguments, "--name", "accurate"]) == 0
    folders = {each.name: each for each in (tmp_path / "package").iterdir()}
    assert set(folders) == {"shipped_model", "light_model", "light_model_accurate"}
    for folder in folders.values():
        verify_sums(folder)
    assert list_files(folders["light_model"]) == ["calibration.json", "class_names.txt", "model.tflite"]
    assert "shipped; now commit what changed in" in capsys.readouterr().out


def test_main_accurate_model_without_figures_of_its_own_is_one_line(metrics_path, data, tmp_path, capsys):
    arguments = ["--run", str(tmp_path), "--metrics", str(metrics_path), "--data", str(data), "--name", "accurate"]
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("ship: metrics: no `accurate` in it; write it with `python -m benchmarks")


def test_replace_folder_failed_rename_brings_the_old_folder_back(target, monkeypatch):
    rename = Path.rename

    def fail_for_partial(path: Path, place: Path) -> Path:
        if path.name.endswith(".new"):
            raise OSError("disk gone")
        return rename(path, place)

    monkeypatch.setattr(Path, "rename", fail_for_partial)
    with pytest.raises(OSError, match="disk gone"), replace_folder(target) as new:
        (new / "file").touch()
    assert_unchanged(target)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "can't be read as JSON: No such file"),
        ("{", "can't be read as JSON: Expecting"),
        ("[]", "expected a JSON object, found a l"),
    ],
)
def test_main_file_without_figures_is_named(tmp_path, capsys, text, said):
    if text is not None:
        (tmp_path / "m.json").write_text(text, "utf-8")
    assert main(["--run", str(tmp_path), "--metrics", str(tmp_path / "m.json"), "--data", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"ship: {tmp_path}/m.json: {said}")
    assert line.endswith("; write it with `python -m benchmarks.evaluate`")


def test_main_missing_run_is_one_line_with_exit_code_2(metrics_path, tmp_path, capsys):
    places = {"run": tmp_path, "metrics": metrics_path, "data": tmp_path, "out": tmp_path / "out"}
    assert main([f"--{name}={path}" for name, path in places.items()]) == 2
    expected = (
        f"ship: {tmp_path}/metadata.sqlite: no such file; give --run the folder of a run, <runtime.root>/<name>\n"
    )
    assert capsys.readouterr() == ("", expected)
    assert list(tmp_path.iterdir()) == []
