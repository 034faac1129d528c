"""The data and settings of runs in tests: small enough for a minute, large enough to tell a sound model from chance."""

from pathlib import Path

from schema.drawn_faces import DrawnCsvs, write_drawn_csvs

SETTINGS = {
    "model.stem_filters": "16",
    "model.stage_filters": "[16,32,64]",
    "trainer.epochs": "4",
    "trainer.batch_size": "32",
    "gate.min_accuracy": "0.5",
    "gate.min_macro_f1": "0.4",
    "gate.min_class_recall": "0",
    "gate.min_corrupted_accuracy": "0",
}

# A network as small as may be, for a run that isn't about its model.
TINY_NETWORK = {"model__stage_filters": "[8]", "model__convolutions_per_stage": "1", "trainer__epochs": "1"}
# Whatever comes of it is pushed.
LENIENT_GATE = {"gate__min_accuracy": "0", "gate__min_macro_f1": "0", "gate__max_ece": "1", "gate__min_eval_rows": "1"}

UNLABELLED_ROWS, REPEATS, BROKEN_ROWS = 20, 20, 10
LABELLED_ROWS = 1500 + 300 + 50 + REPEATS + BROKEN_ROWS
# What is left of train without the pictures that are in eval too, and eval with these: half of the repeats.
TRAIN_ROWS, EVAL_ROWS = 1500 - REPEATS // 2, 300 + REPEATS // 2


def write_small_csvs(folder: Path) -> DrawnCsvs:
    """Drawn faces with repeats and broken rows."""
    return write_drawn_csvs(
        folder,
        train_count=1500, eval_count=300, test_count=50,
        unlabelled_count=UNLABELLED_ROWS, repeat_count=REPEATS, broken_count=BROKEN_ROWS,
    )  # fmt: skip


def write_tiny_csvs(folder: Path, seed: int = 1, unlabelled_count: int = 5) -> DrawnCsvs:
    """As few drawn faces as a run takes, without repeats and broken rows."""
    return write_drawn_csvs(
        folder,
        train_count=160, eval_count=60, test_count=7,
        unlabelled_count=unlabelled_count, repeat_count=0, broken_count=0, seed=seed,
    )  # fmt: skip


def list_options(data: DrawnCsvs, **overrides: str) -> tuple[str, ...]:
    """Options of `fer-tfx run` on `data`; a keyword `trainer__epochs` sets trainer.epochs."""
    settings = {**SETTINGS, **{key.replace("__", "."): value for key, value in overrides.items()}}
    paths = ("--data", str(data.labelled_path), "--unlabelled", str(data.unlabelled_path))
    return (*paths, *(option for key, value in settings.items() for option in ("--set", f"{key}={value}")))
