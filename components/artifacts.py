"""Artifact types of this project, and the output keys that several files name.

A type's name is the dotted path by which a container finds the class: `components.Quarantine`, the form that
Kubeflow's compiler takes. Metadata of earlier versions has `components.artifacts.Quarantine`.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

from tfx.dsl.io import fileio
from tfx.types.artifact import Artifact

UNLABELLED_EXAMPLES_KEY = "unlabelled_examples"
QUARANTINE_KEY = "quarantine"
CARD_KEY = "card"

# 1: the artifact stands for none. Kubeflow always passes an artifact where MLMD's resolver has none.
ABSENT_PROPERTY = "is_absent"

Artifacts = dict[str, list[Artifact]]


class Quarantine(Artifact):  # type: ignore[misc]
    """The rows that were not used, with the account of all rows.

    `ingestion.json` is a `reporting.ingestion.IngestionReport`; `rows-*.jsonl` holds a line for each quarantined row:
    `source`, `line`, `reason`, `detail` and the offending `text`, cut. There are at most 100,000 rows from each file,
    or from each part of a large plain one; the account counts all.
    """

    TYPE_NAME = "components.Quarantine"


def iter_quarantined(folder: str) -> Iterator[dict[str, Any]]:
    """The rows of a `Quarantine` artifact in no particular order, one at a time, as there may be millions."""
    for path in fileio.glob(os.path.join(folder, "rows-*.jsonl")):
        with fileio.open(path) as lines:
            yield from map(json.loads, lines)


class DataVerdict(Artifact):  # type: ignore[misc]
    """That the data gate let the examples through: `verdict.json` says what was checked."""

    TYPE_NAME = "components.DataVerdict"


class Card(Artifact):  # type: ignore[misc]
    """What a model is for, how it measured and what it was made of: `MODEL_CARD.md`."""

    TYPE_NAME = "components.Card"


class Report(Artifact):  # type: ignore[misc]
    """The result of a run: `report.html`, a self-contained page, and its numbers as `report.json`."""

    TYPE_NAME = "components.Report"


class BaselineRecord(Artifact):  # type: ignore[misc]
    """What later runs on a cluster are compared with: `baseline.json` names the push; empty if nothing was pushed."""

    TYPE_NAME = "components.BaselineRecord"
