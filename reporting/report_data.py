"""Every number of a run's report, before any mark-up: what `report.json` holds."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from reporting.calibration import ReliabilityBin
from reporting.ingestion import IngestionReport
from reporting.intervals import Interval, wilson_interval
from reporting.label_shift import LabelShift
from reporting.serving_figures import ServingFigures


@dataclass(frozen=True)
class Share:
    """A share of rows with Wilson's 95 % interval; all three fractions lie in [0, 1]."""

    fraction: float
    low: float
    high: float
    count: int
    """Rows that it is a share of; 0 gives the interval from 0 to 1."""

    @classmethod
    def of(cls, fraction: float, count: int) -> "Share":
        interval = wilson_interval(fraction, count)
        return cls(fraction, interval.low, interval.high, count)


@dataclass(frozen=True)
class Verdict:
    """Whether the model went into service, and why not."""

    refusals: tuple[str, ...]
    """As the command line says them; empty: it was pushed."""
    place: str
    """The pushed version, or the refused export; empty: there is no model, as the data was refused."""


@dataclass(frozen=True)
class QuarantinedRow:
    """One row that could not be used."""

    source: str
    line: int
    reason: str
    detail: str
    text: str
    """The offending text, cut."""


@dataclass(frozen=True)
class DataFigures:
    """What came in and what became of it."""

    rows: IngestionReport
    quarantined: tuple[QuarantinedRow, ...]
    """A few for each reason."""
    anomalies: tuple[str, ...]
    """What TFDV found amiss, a sentence each."""
    label_shift: LabelShift


@dataclass(frozen=True)
class Epoch:
    """One epoch of the training; see `models.history.EpochMetrics`, which writes these figures."""

    epoch: int
    loss: float
    accuracy: float
    eval_loss: float | None
    eval_accuracy: float | None
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class TrainedSpan:
    """One of the pieces of data that a model was trained on."""

    number: int | None
    """0: the data doesn't come in spans; None: the training was not told."""
    train_rows: int
    fingerprint: str = ""
    """Of its files, as TFX computes it; empty: the training was not told."""


@dataclass(frozen=True)
class TrainingFigures:
    """How the model was trained. What records of earlier versions leave out has a default."""

    epochs: tuple[Epoch, ...]
    parameters: int
    precision: str
    train_rows: int
    """Of all spans together."""
    warm_start: str = ""
    """Digest of the weights of an earlier model that the training began with; empty: random ones."""
    threads: tuple[int, ...] = ()
    """Of each worker."""
    device: str = ""
    spans: tuple[TrainedSpan, ...] = ()
    """In their order."""

    @property
    def seconds(self) -> float:
        """Wall time of all epochs."""
        return sum(epoch.seconds for epoch in self.epochs)

    @property
    def rows_per_second(self) -> float:
        """Training rows in a second of wall time, evaluations included; 0 if no time was measured."""
        return self.train_rows * len(self.epochs) / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class ClassFigures:
    """How well one class is told apart."""

    name: str
    recall: Share
    """Of the rows of the class those that were predicted as it."""
    precision: Share
    """Of the rows that were predicted as the class those that are of it."""
    f1: float


@dataclass(frozen=True)
class Trust:
    """How far confidence may be believed."""

    ece: float
    """Expected calibration error over 15 bins; what a temperature takes from it by being fitted on the same rows is
    given back."""
    ece_interval: Interval
    """95 %."""
    nll: float
    brier: float
    bins: tuple[ReliabilityBin, ...]


@dataclass(frozen=True)
class CoveragePoint:
    """What is left when only confident answers are given."""

    threshold: float
    coverage_fraction: float
    accuracy_fraction: float


@dataclass(frozen=True)
class Slice:
    """The rows whose pictures are alike in one quality."""

    quality: str
    level: str
    low: float
    """Least value of the quality within the slice."""
    high: float
    """Largest value of it."""
    accuracy: Share


@dataclass(frozen=True)
class Mistake:
    """A wrong answer."""

    source: str
    row: int
    """Position in that file, from 0."""
    true_class: str
    predicted_class: str
    confidence: float


@dataclass(frozen=True)
class Evaluation:
    """What the exported model's answers on the eval split came to."""

    accuracy: Share
    macro_f1: float
    classes: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Numbers of rows by true class, then by predicted class."""
    temperature: float
    before: Trust
    """With the temperature taken out of the answers again."""
    after: Trust
    """As the model answers."""
    coverage: tuple[CoveragePoint, ...]
    abstain: CoveragePoint
    """At the threshold that the model itself uses."""
    slices: tuple[Slice, ...]
    mistakes: tuple[Mistake, ...]
    """Most confident first."""


@dataclass(frozen=True)
class Robustness:
    """What is left of the accuracy when pictures get worse in one way."""

    corruption: str
    """A key of `reporting.corruptions.CORRUPTIONS`."""
    description: str
    """The corruption in words."""
    accuracy: Share
    relative: float
    """Share of the accuracy on pictures as they are; NaN where that is 0."""


@dataclass(frozen=True)
class Comparison:
    """The candidate and an earlier model, the anchor or the one in service, on the same rows."""

    baseline_uri: str
    """Of the earlier model."""
    accuracy: Share
    """Of the earlier model."""
    macro_f1: float
    """Of the earlier model."""
    recalls: tuple[Share, ...]
    """Of the earlier model, in class order."""
    candidate_only: int
    """Rows that only the candidate got right."""
    baseline_only: int
    """Rows that only the earlier model got right."""
    p_value: float
    """Two-sided, of McNemar's exact test."""
    detectable_loss: float
    """Of accuracy: the smallest that the gate finds in four of five cases on this number of rows, so many of which just
    one of the two models gets right."""


@dataclass(frozen=True)
class UsedArtifact:
    """One of the artifacts that the page was made of."""

    role: str
    type_name: str
    id: int
    uri: str


@dataclass(frozen=True)
class Lineage:
    """What the model was made of and by which code."""

    input_fingerprint: str
    """Of all data files of the newest span, as TFX computes it: numbers, bytes and checksums by input."""
    code: dict[str, str]
    """Fingerprint of the sources by component."""
    versions: dict[str, str]
    """Of the libraries that the training had, by name; empty: its record is from before they were kept."""
    settings: dict[str, Any]
    """Of the run, by section."""
    artifacts: tuple[UsedArtifact, ...]


@dataclass(frozen=True)
class ReportData:
    """A run's whole report; of a run whose data was refused, what was known by then."""

    name: str
    """Of the run."""
    verdict: Verdict
    data: DataFigures
    training: TrainingFigures | None = None
    evaluation: Evaluation | None = None
    robustness: tuple[Robustness, ...] = ()
    """By corruption; empty: the evaluation is from before they were asked about."""
    serving: ServingFigures | None = None
    """None: there was no export, or it could not be served."""
    comparison: Comparison | None = None
    """With the anchor. None: there was none, or no model."""
    service: Comparison | None = None
    """With the model in service before this run, which may be the anchor. None: there was none, or no model."""
    lineage: Lineage | None = None

    def to_json(self) -> str:
        """All of it, with what is derived beside what it is derived from; a NaN, which JSON doesn't know, is null."""
        content = dataclasses.asdict(self)
        content["verdict"]["is_pushed"] = not self.verdict.refusals
        rows = self.data.rows
        content["data"]["rows"] |= {
            name: getattr(rows, name) for name in ("rows_read", "rows_emitted", "rows_dropped", "rows_quarantined")
        }
        if self.training:
            content["training"] |= {name: getattr(self.training, name) for name in ("seconds", "rows_per_second")}
        if self.serving:
            content["serving"]["latency_ratio"] = self.serving.latency_ratio
        content = json.loads(json.dumps(content), parse_constant=lambda _: None)
        return json.dumps(content, indent=1, allow_nan=False) + "\n"
