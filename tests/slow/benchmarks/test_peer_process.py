"""Our contender in a process of its own, on a real SavedModel; fer's needs its environment, so only what is ours."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_doubles import draw_pixels, write_model

from benchmarks.harness.measure import BenchmarkError
from benchmarks.light_forms import write_light_form
from benchmarks.peer.contenders import BUILDERS, answer, arrange, time_calls, to_bgr
from benchmarks.peers import ask

PIXELS = draw_pixels([3, 1, 4, 1, 5])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("worker")
    np.save(made / "pixels.npy", PIXELS)
    write_model(made / "ours")
    write_light_form(made / "ours", made / "ours-light")
    return made


def request(folder: Path, do: str, **others: Any) -> dict[str, Any]:
    return {"do": do, "pixels": str(folder / "pixels.npy"), **others}


def test_ask_answers_every_request_in_a_process_on_its_cores(folder, tmp_path):
    requests = [
        request(folder, "predict", out=str(tmp_path / "out.npy")),
        request(folder, "time_single", count=7, budget_s=60),
        request(folder, "time_batches", count=4, budget_s=60),
        request(folder, "describe", count=2),
    ]
    predicted, single, batches, facts = ask("ours", Path(sys.executable), folder / "ours", [0], requests)
    probabilities = np.load(tmp_path / "out.npy")
    assert (probabilities.shape, probabilities.dtype) == ((5, 7), np.float32)
    assert probabilities.argmax(axis=1).tolist() == [3, 1, 4, 1, 5]
    assert predicted == {}
    assert len(single["seconds"]) == 7
    assert min(single["seconds"]) > 0
    assert [(way, len(timed["seconds"])) for way, timed in batches.items()] == [("serve_pixels", 4)]
    files = [path for path in (folder / "ours").rglob("*") if path.is_file()]
    assert facts["bytes"] == sum(path.stat().st_size for path in files) > 1000
    assert facts["versions"]["tensorflow"].startswith("2.")


def test_answer_of_the_light_form_is_the_same(folder):
    ours, light = (BUILDERS[name](str(folder / name)) for name in ("ours", "ours-light"))
    np.testing.assert_allclose(light.predict(PIXELS), ours.predict(PIXELS), atol=1e-3)
    assert list(answer(light, **request(folder, "time_batches", count=4, budget_s=60))) == ["predict_pixels"]
    facts = answer(light, **request(folder, "describe", count=1))
    assert facts["bytes"] == sum(path.stat().st_size for path in (folder / "ours-light").iterdir())


def test_ask_contender_that_can_not_start_tells_how_its_output_ends(tmp_path):
    with pytest.raises(
        BenchmarkError, match=r"exit code 1; its output ends with\n(.|\n)*no SavedModel; give the folder"
    ):
        ask("ours", Path(sys.executable), tmp_path, [0], [])


def test_time_calls_budget_used_up_stops_after_three():
    clock = [lambda: sum(range(100_000))] * 50
    assert len(time_calls(clock, [], budget_s=0.0)) == 3
    assert len(time_calls(clock, [], budget_s=60.0)) == 50


def test_time_calls_warm_up_is_not_counted():
    calls = []
    seconds = time_calls([lambda: calls.append("timed")], [lambda: calls.append("warm")] * 2, budget_s=60.0)
    assert (calls, len(seconds)) == (["warm", "warm", "timed"], 1)


def test_arrange_boxes_cut_out_the_pictures_again():
    pixels = np.random.default_rng(0).integers(0, 256, (11, 48, 48), np.uint8)
    montage, boxes = arrange(pixels)
    assert montage.shape == (96, 384, 3)
    assert len(boxes) == 11
    for (x, y, width, height), picture in zip(boxes, pixels, strict=True):
        assert (montage[y : y + height, x : x + width] == to_bgr(picture)).all()
        assert (to_bgr(picture)[..., 1] == picture).all()
