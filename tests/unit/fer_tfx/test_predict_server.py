"""fer-tfx predict --url, against the stand-in for TensorFlow Serving."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from serving_double import TensorFlowServingDouble, answer_by_first_value

from fer_tfx.cli import main
from fer_tfx.contract import DEFAULT_CLASS_NAMES


@pytest.fixture
def server() -> Iterator[TensorFlowServingDouble]:
    with TensorFlowServingDouble(answer_by_first_value, name="own") as server:
        yield server


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """Pictures of one grey value each, which tells the double's answer; more than a batch."""
    names = [str(tmp_path / f"{value:03}.png") for value in range(100, 230)]
    for name in names:
        Image.new("L", (48, 48), int(Path(name).stem)).save(name)
    return names


def test_main_predict_server_is_asked_for_each_picture_in_order(capfd, server, pictures):
    words = ["--url", server.rest_url, "--server-model", "own", "--timeout", "30", "--format", "csv", "--abstain"]
    assert main(["predict", *pictures, *words]) == 0
    out, error = capfd.readouterr()
    rows = list(csv.DictReader(out.splitlines()))
    # The double's confidence is 0.3 + 0.0025 v, and it abstains below 0.5.
    assert [row["class"] for row in rows] == [
        DEFAULT_CLASS_NAMES[value % 7] if 0.3 + 0.0025 * value >= 0.5 else "unsure" for value in range(100, 230)
    ]
    assert [float(row["confidence"]) for row in rows] == pytest.approx(
        [0.3 + 0.0025 * value for value in range(100, 230)], abs=1e-5
    )
    assert error == ""


def test_main_submission_server_answers_for_each_row(capfd, server, tmp_path):
    lines = [" ".join([str(value)] * 2304) for value in (9, 8, 200)]
    (tmp_path / "test.csv").write_text("\n".join(["pixels", *lines, ""]), "ascii")
    words = ["--data", str(tmp_path / "test.csv"), "--out", str(tmp_path / "s.csv")]
    assert main(["submission", *words, "--url", server.rest_url, "--server-model", "own"]) == 0
    assert (tmp_path / "s.csv").read_text("ascii") == "2\n1\n4\n"


def test_main_predict_server_without_the_model_is_one_line_and_nothing_is_written(capfd, server, pictures, tmp_path):
    out = tmp_path / "o.csv"
    assert main(["predict", pictures[0], "--url", server.rest_url, "--out", str(out)]) == 1
    printed, error = capfd.readouterr()
    assert (printed, error.count("\n")) == ("", 1)
    assert error.startswith("fer-tfx: ")
    assert server.rest_url in error
    assert not out.exists()
