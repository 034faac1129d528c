"""`fer-tfx inspect`: the account that a run would give, without a run."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_tfx.cli import main
from schema.drawn_faces import draw_faces

DRAWN = draw_faces(70, seed=22)
USAGES = ["Training"] * 8 + ["PublicTest", "PrivateTest"]


def write_pixels(path: Path, places: range) -> Path:
    lines = [f"{DRAWN.class_indices[place]},{' '.join(map(str, DRAWN.pixels[place].ravel()))}" for place in places]
    path.write_text("\n".join(["emotion,pixels", *lines, ""]))
    return path


def write_table(path: Path, first_label: int = 0) -> Path:
    lines = [
        f"{label + first_label};{' '.join(map(str, pixels.ravel()))};{USAGES[place % 10]}"
        for place, (label, pixels) in enumerate(zip(DRAWN.class_indices, DRAWN.pixels, strict=True))
    ]
    path.write_text("\n".join(["emotion;pixels;Usage", *lines, *lines[:2], ""]))
    return path


def test_inspect_tells_form_classes_splits_and_repeats_and_shows_examples(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path, sheet = write_table(tmp_path / "a.csv"), tmp_path / "sheet.png"
    assert main(["inspect", str(path), "--sheet", str(sheet)]) == 0
    shown = capsys.readouterr().out
    assert "form         CSV by semicolons, pixels in column `pixels`, classes in column `emotion`, splits in" in shown
    assert "rows         72 read = 70 used + 2 repeats dropped + 0 quarantined" in shown
    assert "run would    train on 56 rows and judge by 7 of eval, keep 7 of test aside" in shown
    with Image.open(sheet) as picture:
        pixels = np.asarray(picture)
    first = next(face for face, label in zip(DRAWN.pixels, DRAWN.class_indices, strict=True) if label == 6)
    lines = pixels[6 * 52 : 6 * 52 + 48]
    faces = [lines[:, 90 + column * 52 :][:, :48] for column in range(12)]
    assert any((face == first.reshape(48, 48)).all() for face in faces)


def test_inspect_of_what_a_run_would_refuse_says_why_and_which_rows(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["inspect", str(write_table(tmp_path / "a.csv", first_label=1)), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert "labels seem to count from 1" in found["refusal"]
    assert str(tmp_path / "fer") not in found["refusal"]
    assert found["quarantined"] == {"unknown label": sum(DRAWN.class_indices == 6)}
    assert [row["reason"] for row in found["faults"]] == ["unknown label"] * 3
    assert found["emitted"]["train"]["disgust"] > 0
    assert found["classes"][0] == "angry"


def test_inspect_of_rows_of_which_the_hash_takes_none_for_eval_says_so_as_the_gate_would(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = write_pixels(tmp_path / "a.csv", range(5))
    assert main(["inspect", str(path), "--set", "data.eval_fraction=0"]) == 2
    said = "run would    refuse them: no row is left for eval: a hash took none of 5 training rows: give more rows, or"
    assert said in capsys.readouterr().out
    path = write_pixels(tmp_path / "a.csv", range(70))
    assert (
        main(["inspect", str(path), "--set", "data.classes=[angry,disgust,fear,happy,sad,surprise,neutral,calm]"]) == 2
    )
    assert "refuse them: train: no example of calm: give rows of them, or" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["inspect gs://no-bucket/a.csv", "schema --data gs://no-bucket/a.csv --out OUT"])
def test_bucket_that_cannot_be_read_here_is_told_in_one_line(
    command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(pattern: str) -> list[str]:
        raise PermissionError(f"no access to {pattern}")

    monkeypatch.setattr("tfx.dsl.io.fileio.glob", refuse)
    assert main(command.replace("OUT", str(tmp_path / "out.pbtxt")).split()) == 2
    shown = capsys.readouterr()
    assert (
        "fer-tfx: gs://no-bucket: can't be read: PermissionError: no access to gs://no-bucket/a.csv; check" in shown.err
    )
    assert "Traceback" not in shown.out + shown.err
