"""A report made by hand: twelve rows, seven classes, names that would break a page that doesn't escape them."""

import base64
import dataclasses
import math

import numpy as np

from configs.progress import EpochMetrics
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from reporting.answered import AnsweredRows, LabelledRows, keep_answers
from reporting.evaluation import compare, describe_robustness, evaluate
from reporting.faces import ClassFaces, Faces
from reporting.ingestion import IngestionReport
from reporting.intervals import Figure, Interval
from reporting.label_shift import compute_label_shift
from reporting.report_data import (
    Conflict,
    DataFigures,
    Lineage,
    QuarantinedRow,
    ReportData,
    RunFacts,
    TrainingFigures,
    UsedArtifact,
    Verdict,
)
from reporting.serving_figures import ServingFigures

TRUE = np.array([0, 0, 0, 1, 1, 2, 3, 3, 4, 5, 6, 6])
SAID = np.array([0, 0, 1, 1, 0, 2, 3, 6, 4, 4, 6, 3])  # 7 of 12 right
CONFIDENCES = np.array([0.40, 0.41, 0.90, 0.43, 0.80, 0.45, 0.46, 0.70, 0.48, 0.60, 0.50, 0.55])
PICTURE = base64.b64encode(bytes(range(48)) * 48).decode()
HOSTILE = "<script>alert('x')</script>&\"'"


def make_probabilities(said: np.ndarray, confidences: np.ndarray) -> np.ndarray:
    """(n, 7): the confidence at the answer, the rest shared out evenly."""
    probabilities = np.repeat((1 - confidences[:, None]) / 6, 7, axis=1)
    probabilities[np.arange(len(said)), said] = confidences
    return probabilities


def make_pixels() -> np.ndarray:
    """Twelve pictures: that of row n is flat with the grey value 10 n, but white in its middle."""
    pixels = np.repeat(np.arange(12, dtype=np.uint8) * 10, 48 * 48).reshape(12, 48, 48)
    pixels[:, 24, 24] = 255
    return pixels


def answer_rows(probabilities: np.ndarray, batch_size: int = 5) -> AnsweredRows:
    """The twelve rows with these answers, in batches."""
    pixels = make_pixels()
    parts = [slice(start, start + batch_size) for start in range(0, 12, batch_size)]
    batches = [
        (LabelledRows(pixels[part], TRUE[part], ("eval.csv",) * 12, np.arange(100, 112)[part]), probabilities[part])
        for part in parts
    ]
    return keep_answers(batches, 12, DEFAULT_CLASS_NAMES)


def make_data() -> DataFigures:
    """Rows of which some were dropped or quarantined; train's labels have drifted from the data accepted last."""
    return DataFigures(
        rows=IngestionReport(
            read={"fer.csv": 1_250}, emitted={"train": {"happy": 1_000, "sad": 200}, "eval": {"happy": 12}},
            dropped={"repeat within train": 37}, quarantined={"unknown label": 1},
        ),
        quarantined=(QuarantinedRow("fer.csv", 7, "unknown label", "9 is no class", HOSTILE, PICTURE),),
        anomalies=(),
        label_shift=compute_label_shift(
            {"train": (0, 0, 0, 1_000, 200, 0, 0), "eval": (0, 0, 0, 12, 0, 0, 0)},
            {"train": (0, 0, 0, 900, 300, 0, 0), "eval": (0, 0, 0, 12, 0, 0, 0)},
            skew_bound=0.25, drift_bound=0.015625, class_names=DEFAULT_CLASS_NAMES),
        conflicts=(Conflict(("happy: fer.csv, row 3, train", "sad: fer.csv, row 8, eval"), PICTURE),),
    )  # fmt: skip


def make_report_of_refused_data(sentence: str, name: str = "fer") -> ReportData:
    """Of a run that the data gate ended."""
    return ReportData(name, Verdict((sentence,), place=""), make_data())


def make_report(*refusals: str, name: str = "fer", has_baseline: bool = True) -> ReportData:
    """A whole report; with refusals one of a refused model."""
    probabilities = make_probabilities(SAID, CONFIDENCES)
    evaluation = evaluate(answer_rows(probabilities), temperature=1.25, threshold=0.55, class_names=DEFAULT_CLASS_NAMES)
    baseline = make_probabilities(TRUE, np.full(12, 0.5))
    return ReportData(
        name=name,
        verdict=Verdict(refusals, "/serving/17"),
        data=make_data(),
        training=TrainingFigures(
            (EpochMetrics(1, 1.9, 0.2, 1.7, 0.3, 0.1, 4.0), EpochMetrics(2, 1.5, 0.4, None, None, 0.0, 2.0)),
            123_456, "float32", 1_200,
        ),
        evaluation=evaluation,
        figures=(
            Figure("macro F1", evaluation.macro_f1, None, 12), Figure("error, 15 bins", 0.25, Interval(0.0, 0.5), 12)
        ),
        robustness=describe_robustness({"gaussian_noise_20": 0.5, "eyes_masked": 0.25}, evaluation.accuracy),
        serving=ServingFigures(2_340_000, 1.5, 1.2 if has_baseline else None),
        comparison=compare(probabilities, baseline, TRUE, "/model/3", 0.01) if has_baseline else None,
        lineage=Lineage(
            "split:labelled,num_files:1", {"Trainer": "0123abcd"}, {"tensorflow": "2.16.2"},
            {"name": name, "trainer": {"epochs": 2, "augmentation": {"flip": True}}},
            (UsedArtifact("model", "Model", 5, "/model/5"),),
        ),
        run=RunFacts("2026-11-30 03:00:00 UTC", 7, "fer-tfx run --data fer.csv", "0.1.0"),
    )  # fmt: skip


def make_report_of_nan() -> ReportData:
    """A report of a model that diverged and answers NaN to every row."""
    report = make_report("negative log-likelihood is nan, at most 88.0000")
    answers = np.full((12, 7), math.nan)
    return dataclasses.replace(
        report,
        training=dataclasses.replace(
            report.training, epochs=(EpochMetrics(1, math.nan, 0.2, math.nan, 0.1, 0.1, 4.0),)
        ),
        evaluation=evaluate(answer_rows(answers), temperature=1.25, threshold=0.55, class_names=DEFAULT_CLASS_NAMES),
        robustness=describe_robustness({"eyes_masked": math.nan}, report.evaluation.accuracy),
        comparison=compare(answers, make_probabilities(TRUE, np.full(12, 0.5)), TRUE, "/model/3", 0.01),
    )


def make_faces(report: ReportData) -> Faces:
    """Grey squares for the classes, and what a model said of the twelve rows."""
    rows = answer_rows(make_probabilities(SAID, CONFIDENCES))
    square = np.full((48, 48), 128, np.uint8)
    heat = np.linspace(0, 0.4, 81).reshape(9, 9)
    classes = [ClassFaces(square, [square - 20, square + 20]) for _ in report.data.rows.classes]
    return Faces(classes, rows.mistakes, [heat] * len(rows.mistakes), rows.cells)
