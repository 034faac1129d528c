"""The data and settings of runs in tests: small enough for a minute, large enough to tell a sound model from chance."""

from pathlib import Path

from schema.drawn_faces import DrawnSummary, write_drawn_csvs

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


def write_small_csvs(folder: Path) -> DrawnSummary:
    """Drawn faces with repeats and broken rows."""
    return write_drawn_csvs(
        folder,
        train_count=1500, eval_count=300, test_count=50, unlabelled_count=20, repeat_count=20, broken_count=10,
    )  # fmt: skip


def list_options(data: DrawnSummary, **overrides: str) -> tuple[str, ...]:
    """Options of `fer-tfx run` on `data`; a keyword `trainer__epochs` sets trainer.epochs."""
    settings = {**SETTINGS, **{key.replace("__", "."): value for key, value in overrides.items()}}
    paths = ("--data", str(data.labelled_path), "--unlabelled", str(data.unlabelled_path))
    return (*paths, *(option for key, value in settings.items() for option in ("--set", f"{key}={value}")))
