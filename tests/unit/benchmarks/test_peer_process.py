"""Our contender in a process of its own, on a real SavedModel; fer's needs its environment, so only what is ours."""

import sys
from pathlib import Path

import numpy as np
import pytest
from evaluation_doubles import draw_pixels, write_model

from benchmarks.harness.measure import BenchmarkError
from benchmarks.peer.contenders import arrange, time_calls, to_bgr
from benchmarks.peer.process import ContenderProcess
from benchmarks.ship import ship_light_form

PIXELS = draw_pixels([3, 1, 4, 1, 5])


def start(model: Path, folder: Path, name: str = "ours") -> ContenderProcess:
    return ContenderProcess(name, Path(sys.executable), str(model), [0], folder)


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    folder = tmp_path_factory.mktemp("worker")
    np.save(folder / "pixels.npy", PIXELS)
    with start(write_model(folder / "model"), folder) as contender:
        yield contender, folder / "pixels.npy"


def test_predict_gives_probabilities_in_order(ours):
    contender, pixels = ours
    probabilities = contender.predict(pixels)
    assert (probabilities.shape, probabilities.dtype) == ((5, 7), np.float32)
    assert probabilities.argmax(axis=1).tolist() == [3, 1, 4, 1, 5]


def test_predict_of_the_light_form_gives_the_same_answers(ours, tmp_path):
    contender, pixels = ours
    ship_light_form(pixels.parent / "model", tmp_path / "light")
    with start(tmp_path / "light", tmp_path, "ours-light") as light:
        np.testing.assert_allclose(light.predict(pixels), contender.predict(pixels), atol=1e-3)
        answer = light.ask("time_batches", pixels=str(pixels), count=4, budget_s=60)
        assert list(answer) == ["predict_pixels"]


def test_ask_time_single_times_every_call(ours):
    contender, pixels = ours
    seconds = contender.ask("time_single", pixels=str(pixels), count=7, budget_s=60)["seconds"]
    assert len(seconds) == 7
    assert min(seconds) > 0


def test_ask_time_batches_names_the_way_to_call(ours):
    contender, pixels = ours
    answer = contender.ask("time_batches", pixels=str(pixels), count=4, budget_s=60)
    assert [(way, len(timed["seconds"])) for way, timed in answer.items()] == [("serve_pixels", 4)]


def test_ask_describe_tells_size_and_version(ours):
    contender, pixels = ours
    answer = contender.ask("describe", pixels=str(pixels), count=2)
    files = [path for path in (pixels.parent / "model").rglob("*") if path.is_file()]
    assert answer["bytes"] == sum(path.stat().st_size for path in files) > 1000
    assert answer["versions"]["tensorflow"].startswith("2.")


def test_worker_keeps_to_its_cores(ours):
    contender, _ = ours
    status = Path(f"/proc/{contender._process.pid}/status").read_text("ascii")
    assert "Cpus_allowed_list:\t0\n" in status


def test_enter_worker_that_can_not_start_tells_how_its_log_ends(tmp_path):
    contender = start(tmp_path / "none", tmp_path)
    with pytest.raises(BenchmarkError, match=r"^ours: exit code 1: \.\.\..*no SavedModel; give the folder") as caught:
        contender.__enter__()
    assert "\n" not in str(caught.value)


def test_exit_ends_the_process(tmp_path):
    with start(write_model(tmp_path / "model"), tmp_path) as contender:
        assert contender._process.poll() is None
    assert contender._process.returncode == 0


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
