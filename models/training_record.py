"""What a training tells of itself: one record, which the card and the page of its model copy."""

import json
import platform
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import keras

from models.computation import Computation
from models.dataset import StoredExamples, count_examples, find_examples
from models.history import History
from models.precision import describe_device
from models.warm_start import WarmStart

_PACKAGES = ("tensorflow", "keras", "tensorflow-transform", "tfx", "apache-beam", "numpy")

Record = dict[str, Any]
"""JSON."""


def describe_training(
    network: keras.Model,
    settings: dict[str, str],
    computation: Computation,
    spans: list[Record],
    history: History,
    warm_start: WarmStart | None,
) -> Record:
    """What decided the weights of `network`, and how it went.

    Args:
        network: trained.
        settings: of the component, with a tuner's values in place.
        computation: how it was trained.
        spans: see `describe_spans`.
        history: of all epochs.
        warm_start: what it began with; None: random weights.
    """
    return {
        "parameters": network.count_params(),
        "precision": computation.precision,
        "threads": list(computation.threads),
        "device": describe_device(),
        "versions": {"Python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
        "spans": spans,
        "warm_start": {"model": warm_start.model, "weights": warm_start.digest} if warm_start else None,
        **{section: json.loads(settings[section]) for section in ("model", "trainer", "training_input")},
        "history": [asdict(metrics) for metrics in history],
    }


def format_record(trained: Record, settings: dict[str, str]) -> str:
    """The record that lies beside the graph: that of the training, and what the export adds."""
    return json.dumps({**trained, "code": settings["code"], "export": json.loads(settings["export"])}, indent=1) + "\n"


def describe_spans(
    patterns: list[str], settings: dict[str, str], count_rows: Callable[[list[str]], int]
) -> list[Record]:
    """The data that was trained on, piece by piece: `span`, `fingerprint` and `train_rows`.

    Args:
        patterns: of the files of each piece.
        settings: where the Trainer's executor was ours, `spans` tells what TFX knows of the pieces, in their order;
            without it the first two are None.
        count_rows: paths -> the rows in them.
    """
    unknown = {"span": None, "fingerprint": None}
    told = json.loads(settings.get("spans", "null")) or [unknown] * len(patterns)
    return [
        {**known, "train_rows": count_rows(list(find_examples([pattern]).paths))}
        for known, pattern in zip(told, patterns, strict=True)
    ]


def count_rows(paths: list[str]) -> int:
    """Rows of GZIP TFRecord files."""
    return count_examples(StoredExamples(tuple(paths)))
