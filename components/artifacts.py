"""Artifact types of this project, output keys that several files name, and how components are declared.

A type's name is the dotted path by which a container finds the class: `components.Quarantine`, the form that
Kubeflow's compiler takes. Metadata of earlier versions has `components.artifacts.Quarantine`.
"""

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.io import fileio
from tfx.types import Artifact, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

UNLABELLED_EXAMPLES_KEY = "unlabelled_examples"
QUARANTINE_KEY = "quarantine"
CARD_KEY = "card"
TARGETS_KEY = "targets"
PICTURE_KEY = "picture"  # in the lines of a `Quarantine`
CONFLICTS_FILE = "conflicts"

# 1: the artifact stands for none. Kubeflow always passes an artifact where MLMD's resolver has none.
ABSENT_PROPERTY = "is_absent"

Artifacts = dict[str, list[Artifact]]


class Quarantine(Artifact):  # type: ignore[misc]
    """The rows that were not used, with the account of all rows.

    `ingestion.json` is a `reporting.ingestion.IngestionReport`; `rows-*.jsonl` holds a line for each quarantined row:
    `source`, `line`, `reason`, `detail`, the offending `text`, cut, and for the first of each reason the `picture`:
    base64 of 2,304 bytes, or empty. There are at most 100,000 rows from each file, or from each part of a large plain
    one; the account counts all. `conflicts-*.jsonl` holds a few pictures with several labels: `picture`, and `rows`
    with `source`, `row`, `split` and `label`.
    """

    TYPE_NAME = "components.Quarantine"


def iter_quarantined(folder: str) -> Iterator[dict[str, Any]]:
    """The rows of a `Quarantine` artifact in no particular order, one at a time, as there may be millions."""
    yield from _iter_lines(os.path.join(folder, "rows-*.jsonl"))


def iter_conflicts(folder: str) -> Iterator[dict[str, Any]]:
    """The kept pictures with several labels of a `Quarantine` artifact, in the order of their digests."""
    yield from _iter_lines(os.path.join(folder, f"{CONFLICTS_FILE}-*.jsonl"))


def _iter_lines(pattern: str) -> Iterator[dict[str, Any]]:
    for path in sorted(fileio.glob(pattern)):
        with fileio.open(path) as lines:
            yield from map(json.loads, lines)


class TaughtExamples(Artifact):  # type: ignore[misc]
    """Rows to train on with their column `target`: GZIP files of examples, whose names begin with those of spans.

    No Examples, as later runs look for the spans among these.
    """

    TYPE_NAME = "components.TaughtExamples"


class DataVerdict(Artifact):  # type: ignore[misc]
    """That the data gate let the examples through: `verdict.json` says what was checked."""

    TYPE_NAME = "components.DataVerdict"


class Card(Artifact):  # type: ignore[misc]
    """What a model is for, how it measured and what it was made of: `MODEL_CARD.md`."""

    TYPE_NAME = "components.Card"


class Report(Artifact):  # type: ignore[misc]
    """The result of a run: `report.html`, a self-contained page, its numbers as `report.json`, and `answers.npz`."""

    TYPE_NAME = "components.Report"


class BaselineRecord(Artifact):  # type: ignore[misc]
    """What later runs on a cluster are compared with: `baseline.json` names the push; empty if nothing was pushed."""

    TYPE_NAME = "components.BaselineRecord"


def declare(
    base: type[Any] = ComponentSpec,
    *,
    parameters: Mapping[str, type] | None = None,
    inputs: Mapping[str, type[Artifact]] | None = None,
    optional_inputs: Mapping[str, type[Artifact]] | None = None,
    outputs: Mapping[str, type[Artifact]] | None = None,
) -> type[Any]:
    """A ComponentSpec with these, besides those of `base`."""
    declared = {
        "PARAMETERS": {key: ExecutionParameter(type=each) for key, each in (parameters or {}).items()},
        "INPUTS": {key: ChannelParameter(type=each) for key, each in (inputs or {}).items()}
        | {key: ChannelParameter(type=each, optional=True) for key, each in (optional_inputs or {}).items()},
        "OUTPUTS": {key: ChannelParameter(type=each) for key, each in (outputs or {}).items()},
    }
    return type("Spec", (base,), {name: {**getattr(base, name, {}), **added} for name, added in declared.items()})


class Component(BaseComponent):  # type: ignore[misc]
    """A component that takes what its `SPEC_CLASS` declares by keyword, and makes the outputs."""

    def __init__(self, **given: Any):
        """Parameters and inputs; None is left out, a dict becomes JSON, so that equal ones give equal cache keys."""
        outputs = {key: Channel(type=each.type) for key, each in self.SPEC_CLASS.OUTPUTS.items() if not each.optional}
        settings = {
            key: json.dumps(value, sort_keys=True) if isinstance(value, dict) else value
            for key, value in given.items()
            if value is not None
        }
        # Not `super()`: TFX's own components, from which some of ours derive, take no further inputs.
        BaseComponent.__init__(self, self.SPEC_CLASS(**settings, **outputs))
