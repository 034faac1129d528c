"""Artifact types of this project, and the keys of outputs that several files name.

A type's name is the dotted path by which a container finds the class: `components.Quarantine`, the form that
Kubeflow's compiler takes. Metadata of earlier versions has `components.artifacts.Quarantine`.
"""

from tfx.types.artifact import Artifact

UNLABELLED_EXAMPLES_KEY = "unlabelled_examples"
QUARANTINE_KEY = "quarantine"
CARD_KEY = "card"

# On an artifact: 1 if there is nothing in it. Kubeflow hands on an artifact in any case where MLMD's resolver has none.
ABSENT_PROPERTY = "is_absent"


class Quarantine(Artifact):  # type: ignore[misc]
    """The rows that were not used, with the account of all rows.

    `ingestion.json` is a `reporting.ingestion.IngestionReport`; `rows-*.jsonl` holds a line for each
    quarantined row: `source`, `line`, `reason`, `detail` and the offending `text`, cut. Of each file, or part of a
    large plain one, they are the first 100,000; the account counts all.
    """

    TYPE_NAME = "components.Quarantine"


class DataVerdict(Artifact):  # type: ignore[misc]
    """That the data gate let the examples through: `verdict.json` says what was checked."""

    TYPE_NAME = "components.DataVerdict"


class Card(Artifact):  # type: ignore[misc]
    """What a model is for, what it was measured to be and what it was made of: `MODEL_CARD.md`."""

    TYPE_NAME = "components.Card"


class Report(Artifact):  # type: ignore[misc]
    """What a run came to: `report.html`, one page that needs nothing else, and its numbers as `report.json`."""

    TYPE_NAME = "components.Report"


class BaselineRecord(Artifact):  # type: ignore[misc]
    """What later runs on a cluster are compared with: `baseline.json` names the push; empty if nothing was pushed."""

    TYPE_NAME = "components.BaselineRecord"
