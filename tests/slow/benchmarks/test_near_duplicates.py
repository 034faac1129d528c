"""Planted near-duplicates of random pictures: which are found, how they are counted, and the report about them."""

import io
import re

import numpy as np
import pytest
from evaluation_doubles import write_data, write_model
from PIL import Image
from scipy.ndimage import gaussian_filter, zoom

from benchmarks import near_duplicates
from benchmarks.near_duplicates import MIN_SIMILARITY, Audit, draw_pairs, find_pairs, main


def draw_scenes(count: int, seed: int = 0) -> np.ndarray:
    """Smooth random pictures, larger than what is cropped from them: uint8 (n, 64, 64)."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(count, 64, 64)), (0, 2, 2))
    return np.clip(128 + 50 * noise / noise.std(), 0, 255).astype(np.uint8)


def crop(scene: np.ndarray, left: int = 8, top: int = 8, size: int = 48) -> np.ndarray:
    part = scene[top : top + size, left : left + size]
    return part if size == 48 else np.clip(zoom(part.astype(float), 48 / size, order=1), 0, 255).astype(np.uint8)


def recompress(picture: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=40)
    return np.asarray(Image.open(file))


SCENES = draw_scenes(40)
PICTURES = np.stack([crop(scene) for scene in SCENES])
PLANTED = {
    "shifted": crop(SCENES[0], 12, 5),
    "another crop": crop(SCENES[0], 9, 11, 38),
    "wider crop": crop(SCENES[0], 2, 2, 58),
    "brightened": (PICTURES[0] * 0.6 + 90).astype(np.uint8),
    "recompressed": recompress(PICTURES[0]),
}


def find_near(pictures: np.ndarray, is_mirrored: bool = False) -> list[list[int]]:
    pairs, similarities = find_pairs(pictures, is_mirrored)
    return pairs[similarities >= MIN_SIMILARITY].tolist()


@pytest.mark.parametrize("name", PLANTED)
def test_find_pairs_another_version_of_a_picture_is_its_only_near_duplicate(name):
    pictures = np.concatenate([PICTURES, PLANTED[name][np.newaxis]])
    assert find_near(pictures) == [[0, 40]]
    assert find_near(pictures, is_mirrored=True) == []


@pytest.mark.parametrize("name", PLANTED)
def test_find_pairs_mirrored_version_is_found_among_mirror_images_alone(name):
    pictures = np.concatenate([PICTURES, PLANTED[name][np.newaxis, :, ::-1]])
    assert find_near(pictures) == []
    assert find_near(pictures, is_mirrored=True) == [[0, 40]]


def test_find_pairs_pictures_without_details_resemble_nothing():
    flat = np.stack([np.full((48, 48), value, np.uint8) for value in (0, 1, 255)])
    assert find_near(np.concatenate([PICTURES, flat])) == []


def test_draw_pairs_unrelated_pictures_stay_below_the_threshold():
    pairs, similarities = draw_pairs(PICTURES, 500)
    assert len(pairs) == 500
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert similarities.max() < MIN_SIMILARITY


def test_audit_counts_rows_by_their_closest_kind_of_twin():
    rows = [np.array([0, 0, 1, 2]), np.array([0, 3, 4, 5]), np.array([6])]
    labels = [np.array([3, 4, 5, 6]), np.array([3, 5, 0, 1]), np.array([0])]
    # 0, 1 and 3 show one shot; 4 mirrors 1, and 2 has no twin but the mirrored 5.
    audit = Audit(rows, labels, near=np.array([[0, 1], [1, 3]]), mirrored=np.array([[1, 4], [2, 5]]))
    exact, near, mirrored = audit.find_twins(1, 0)
    assert exact.tolist() == [True, False, False, False]
    assert near.tolist() == [False, True, False, False]
    assert mirrored.tolist() == [False, False, True, True]
    exact, near, mirrored = audit.find_twins(0, 0)
    assert exact.tolist() == [True, True, False, False]
    assert near.tolist() == [False, False, True, False]
    assert not mirrored.any()
    assert not np.any(audit.find_twins(2, 0))
    # Exact: labels 3 and 4 with 3. Near: 5 with 3, and 3, 4, 5 with 5. Mirrored: 3, 4, 5 with 0, and 6 with 1.
    assert audit.compare_labels() == {
        "exact": {"same": 1, "n": 2}, "near": {"same": 1, "n": 4}, "mirrored": {"same": 0, "n": 4}
    }  # fmt: skip


def test_main_reports_twins_labels_and_accuracy_without_them(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(near_duplicates, "RANDOM_PAIRS", 100)
    test = np.stack([PICTURES[0], PLANTED["shifted"], PICTURES[1][:, ::-1], PICTURES[30], PICTURES[31]])
    test[:4, 0, 0] = [2, 2, 2, 3]  # what the model double answers
    train = np.concatenate([test[:1], PICTURES[1:20]])
    folder = write_data(tmp_path / "data", train, test, [2, 2, 0, 3], [2] + [0] * 19)
    out = tmp_path / "report.md"
    assert main(["--data", str(folder), "--model", str(write_model(tmp_path / "model")), "--out", str(out)]) == 0
    report = out.read_text("utf-8")
    assert capsys.readouterr().out == report
    assert "| PublicTest | Training | 1 | 1 | 1 | 3 | 75.0% |" in report
    assert "| PrivateTest | Training | 0 | 0 | 0 | 0 | 0.0% |" in report
    for kind, same in (("exact", 1), ("near", 1), ("mirrored", 1)):
        assert f"| {kind} | {same} | 1.000 | 1 |" in report
    rows = re.findall(r"^\| ([^|]+) \| (\d\.\d{4}) \| [\d. to]+ \| (\d) \|$", report, re.MULTILINE)
    assert [(accuracy, count) for _, accuracy, count in rows] == [
        ("0.7500", "4"), ("0.6667", "3"), ("1.0000", "1"), ("0.0000", "0"), ("0.5000", "2"), ("1.0000", "1"),
        ("0.0000", "0"), ("1.0000", "1"),
    ]  # fmt: skip


def test_main_without_a_model_is_refused_before_the_work(tmp_path, capsys):
    assert main(["--data", str(tmp_path), "--model", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"near_duplicates: {tmp_path}: no SavedModel; give the folder")
