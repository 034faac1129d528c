"""Drawn faces as they are delivered night by night, for runs that are about which data and models they accept."""

import csv
import json
import re
from pathlib import Path

from small_run import TINY_NETWORK
from workshop import Finished, Workshop

from schema.drawn_faces import DrawnCsvs

# What these runs are about is which data and models they take, not how good a model of one epoch is.
LAX = {
    **TINY_NETWORK,
    "gate__min_accuracy": "0",
    "gate__min_macro_f1": "0",
    "gate__max_ece": "1",
    "gate__max_accuracy_drop": "1",
    "gate__min_eval_rows": "20",
}


def read_sound_rows(drawn: DrawnCsvs) -> list[str]:
    """`emotion,pixels` of the sound ones of the drawn faces, each a line."""
    with Path(drawn.labelled_path).open(encoding="utf-8", newline="") as file:
        lines = [f"{row['emotion']},{row['pixels']}" for row in csv.DictReader(file)]
    return [line for line in dict.fromkeys(lines) if re.fullmatch(r"[0-6],(\d{1,3} ){2303}\d{1,3}", line)]


def write(path: Path, rows: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["emotion,pixels", *rows]) + "\n", "utf-8")
    return path


def shift(rows: list[str], one_in: int = 3) -> list[str]:
    """All rows of one class, and one in so many of the others."""
    return [row for number, row in enumerate(rows) if row.startswith("3,") or number % one_in == 0]


def run_spans(work: Workshop, **overrides: str) -> Finished:
    """A run on the newest span and the one before."""
    path = work.root / "data" / "span-{SPAN}" / "*.csv"
    return work.run(path, **LAX, spans__window="2", data__eval_fraction="0.2", **overrides)


def deliver(work: Workshop, span: int, rows: list[str]) -> Path:
    return write(work.root / "data" / f"span-{span}" / "rows.csv", rows)


def list_window(work: Workshop) -> list[int]:
    """Spans that the latest run trained on."""
    shown = work.command("lineage", work.versions()[-1], "--json", "--set", f"runtime.root={work.root}")
    trainer = json.loads(shown.stdout)["artifact"]["made_by"]
    return sorted(int(each["properties"]["span"]) for each in trainer["inputs"]["examples"])
