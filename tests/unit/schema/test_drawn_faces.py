"""Drawn faces: the same seed gives the same bytes, every row is accounted for, neither trivial nor hopeless."""

import errno
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fer_tfx.contract import DEFAULT_CLASS_NAMES, IMAGE_SIZE_PX, PIXEL_COUNT, SPLIT_OF_USAGE
from schema.drawn_faces import DrawnCsvs, DrawnFaces, draw_faces, write_drawn_csvs
from schema.drawn_faces.drawing import CLASS_SHARES

Row = tuple[int, str, str]  # class index, pixels, usage


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> DrawnCsvs:
    folder = tmp_path_factory.mktemp("drawn")
    return _write_few(folder)


def _write_few(folder: Path, seed: int = 4) -> DrawnCsvs:
    return write_drawn_csvs(
        folder,
        train_count=60,
        eval_count=20,
        test_count=10,
        unlabelled_count=7,
        repeat_count=41,
        broken_count=12,
        seed=seed,
    )


def _read_rows(path: Path) -> tuple[list[Row], list[str]]:
    """The sound rows and the broken lines, told apart without the project's own parser."""
    sound, broken = [], []
    for line in path.read_text(encoding="ascii").splitlines()[1:]:
        row = _parse(line)
        sound.append(row) if row else broken.append(line)
    return sound, broken


def _parse(line: str) -> Row | None:
    cells = line.split(",")
    if len(cells) != 3 or cells[2].lower() not in SPLIT_OF_USAGE or not cells[0].isdigit():
        return None
    greys = cells[1].split()
    sound_greys = [grey for grey in greys if grey.isdigit() and int(grey) <= 255]
    if int(cells[0]) >= len(DEFAULT_CLASS_NAMES) or len(greys) != PIXEL_COUNT or len(sound_greys) != PIXEL_COUNT:
        return None
    return int(cells[0]), cells[1], cells[2]


def _fit_ridge(faces: DrawnFaces, strength: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least squares on standardised pixels against one-hot classes; -> (weights, shift) for raw pixels."""
    flat = faces.pixels.reshape(len(faces.pixels), -1).astype(np.float64)
    centre, spread = flat.mean(axis=0), flat.std(axis=0)
    inputs = (flat - centre) / spread
    targets = np.eye(len(DEFAULT_CLASS_NAMES))[faces.class_indices]
    level = targets.mean(axis=0)
    gram = inputs @ inputs.T + strength * np.eye(len(inputs))  # fewer rows than pixels: solve among the rows
    weights = inputs.T @ np.linalg.solve(gram, targets - level) / spread[:, None]
    return weights, level - centre @ weights


def test_draw_faces_same_seed_gives_same_bytes() -> None:
    first, again, other = draw_faces(40, 3), draw_faces(40, 3), draw_faces(40, 4)
    assert first.pixels.tobytes() == again.pixels.tobytes()
    assert first.class_indices.tobytes() == again.class_indices.tobytes()
    assert first.pixels.tobytes() != other.pixels.tobytes()


def test_draw_faces_any_count_has_contract_shape_and_types() -> None:
    for count in (0, 1, 30):
        faces = draw_faces(count, 0)
        assert faces.pixels.shape == (count, IMAGE_SIZE_PX, IMAGE_SIZE_PX)
        assert faces.pixels.dtype == np.uint8
        assert faces.class_indices.shape == (count,)
        assert faces.class_indices.dtype == np.int64


def test_draw_faces_hundred_gives_each_class_its_share() -> None:
    counts = Counter(DEFAULT_CLASS_NAMES[index] for index in draw_faces(100, 8).class_indices)
    assert counts == {"angry": 14, "disgust": 6, "fear": 14, "happy": 22, "sad": 16, "surprise": 12, "neutral": 16}
    assert sum(CLASS_SHARES) == pytest.approx(1)


def test_draw_faces_no_two_pictures_are_the_same() -> None:
    assert len({picture.tobytes() for picture in draw_faces(300, 5).pixels}) == 300


def test_draw_faces_linear_model_beats_chance_but_stays_below_70_percent() -> None:
    """The network's own bound, above 90 %, is proved by the end-to-end run of the pipeline."""
    train, evaluation = draw_faces(1500, 1), draw_faces(600, 2)
    largest_share = max(CLASS_SHARES)
    accuracies = []
    for strength in (1e3, 1e4):
        weights, shift = _fit_ridge(train, strength)
        guesses = (evaluation.pixels.reshape(-1, PIXEL_COUNT) @ weights + shift).argmax(axis=1)
        accuracies.append(float((guesses == evaluation.class_indices).mean()))
    assert largest_share + 0.1 < max(accuracies) < 0.7, accuracies


def test_draw_faces_mean_pictures_show_the_mouth_of_their_class() -> None:
    """Surprise opens the mouth: its middle is darker than that of a face at rest, light being random."""
    faces = draw_faces(1500, 6)
    means = np.array(
        [faces.pixels[faces.class_indices == index].mean(axis=0) for index in range(len(DEFAULT_CLASS_NAMES))]
    )
    mouths, cheeks = means[:, 34:40, 22:26].mean(axis=(1, 2)), means[:, 28:32, 14:18].mean(axis=(1, 2))
    depth = dict(zip(DEFAULT_CLASS_NAMES, cheeks - mouths, strict=True))
    assert depth["surprise"] > 2 * depth["neutral"]
    distances = np.abs(means[:, None] - means[None]).mean(axis=(2, 3))
    assert distances[~np.eye(len(DEFAULT_CLASS_NAMES), dtype=bool)].min() > 1


def test_write_drawn_csvs_sound_rows_are_as_many_as_asked_for(drawn: DrawnCsvs) -> None:
    sound, _ = _read_rows(drawn.labelled_path)
    usages = Counter(usage for _, _, usage in sound)
    assert usages == {"Training": 81, "PublicTest": 40, "PrivateTest": 10}
    assert drawn.labelled_path.read_text(encoding="ascii").startswith("emotion,pixels,Usage\n")


def test_write_drawn_csvs_broken_rows_are_as_many_as_asked_for(drawn: DrawnCsvs) -> None:
    sound, broken = _read_rows(drawn.labelled_path)
    assert len(broken) == 12
    assert len(sound) == 131
    assert len(set(broken)) == 12


def test_write_drawn_csvs_repeats_are_as_many_as_asked_for(drawn: DrawnCsvs) -> None:
    sound, _ = _read_rows(drawn.labelled_path)
    train = [(label, pixels) for label, pixels, usage in sound if usage == "Training"]
    evaluation = [(label, pixels) for label, pixels, usage in sound if usage == "PublicTest"]
    assert len(train) - len(set(train)) == 21
    assert len(set(train) & set(evaluation)) == 20
    assert len(set(train) - set(evaluation)) == 40


def test_write_drawn_csvs_pixels_are_those_drawn(drawn: DrawnCsvs) -> None:
    sound, _ = _read_rows(drawn.labelled_path)
    label, pixels, _ = sound[0]
    picture = np.array(pixels.split(), dtype=np.uint8)
    assert picture.std() > 5
    assert label in range(len(DEFAULT_CLASS_NAMES))
    unlabelled = drawn.unlabelled_path.read_text(encoding="ascii").splitlines()
    assert unlabelled[0] == "pixels"
    assert len(unlabelled) - 1 == 7
    greys = np.array([line.split() for line in unlabelled[1:]], dtype=np.uint8)
    assert greys.shape == (7, PIXEL_COUNT)


def test_write_drawn_csvs_again_rewrites_nothing(tmp_path: Path) -> None:
    first = _write_few(tmp_path)
    first.unlabelled_path.write_text("untouched", encoding="ascii")
    again = _write_few(tmp_path)
    assert again == first
    assert first.unlabelled_path.read_text(encoding="ascii") == "untouched"
    assert sorted(path.name for path in first.labelled_path.parent.iterdir()) == ["fer2013.csv", "test.csv"]


def test_write_drawn_csvs_same_seed_gives_same_bytes_and_another_seed_another_folder(tmp_path: Path) -> None:
    first, again, other = _write_few(tmp_path / "a"), _write_few(tmp_path / "b"), _write_few(tmp_path / "a", seed=5)
    assert first.labelled_path.read_bytes() == again.labelled_path.read_bytes()
    assert first.unlabelled_path.read_bytes() == again.unlabelled_path.read_bytes()
    assert first.labelled_path != other.labelled_path
    assert first.labelled_path.read_bytes() != other.labelled_path.read_bytes()


@pytest.mark.parametrize(
    ("error", "said"),
    [(OSError(errno.ENOSPC, "disk full"), r"disk full: .*fer2013\.csv"), (OSError("disk full"), "^disk full$")],
    ids=["of the system", "in words alone"],
)
def test_write_drawn_csvs_interrupted_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    def fail(self: Path, target: Path) -> Path:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(OSError, match=said):
            _write_few(tmp_path)
    assert list(tmp_path.rglob("*.csv")) == []
    assert _write_few(tmp_path).labelled_path.exists()
