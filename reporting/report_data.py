"""Every number of a run's report, before any mark-up: what `report.json` holds."""

import dataclasses
import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from configs.progress import EpochMetrics
from reporting.calibration import CoveragePoint, ReliabilityBin
from reporting.ingestion import IngestionReport
from reporting.intervals import Figure, Interval, Share
from reporting.label_shift import LabelShift
from reporting.serving_figures import ServingFigures

NEXT_STEP = "train longer (--set trainer.epochs=...) or, if you accept the model, lower the bounds in `gate`"
"""After a refused model, in the terminal and on the page."""
RUN_NOTE = "run"
"""Where a run's context has its `RunFacts`, as JSON."""


def describe_time(seconds: float) -> str:
    """Seconds since 1970 as date and time."""
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True)
class RunFacts:
    """Which run made the report. On a cluster nothing but the time is known."""

    started: str  # date and time in words
    number: int | None = None  # as `fer-tfx runs` prints it
    command: str = ""
    version: str = ""  # of the code


@dataclass(frozen=True)
class Verdict:
    """Whether the model went into service, and why not."""

    refusals: tuple[str, ...]  # empty: it was pushed
    place: str  # the pushed version, or the refused export; empty: there is no model, as the data was refused


@dataclass(frozen=True)
class QuarantinedRow:
    """One row that could not be used, with its text, truncated."""

    source: str
    line: int
    reason: str
    detail: str
    text: str
    picture: str = ""  # base64 of 2,304 bytes; empty: not known


@dataclass(frozen=True)
class Conflict:
    """A picture with several labels."""

    labels: tuple[str, ...]  # in words, with a row of each
    picture: str  # base64 of 2,304 bytes


@dataclass(frozen=True)
class DataFigures:
    """What was read and what happened to it: a few quarantined rows of each reason, TFDV's anomalies as sentences."""

    rows: IngestionReport
    quarantined: tuple[QuarantinedRow, ...]
    anomalies: tuple[str, ...]
    label_shift: LabelShift
    conflicts: tuple[Conflict, ...] = ()  # a few


@dataclass(frozen=True)
class TrainedSpan:
    """One of the pieces of data that a model was trained on."""

    number: int | None  # 0: the data has no spans; None: not recorded
    train_rows: int
    fingerprint: str = ""  # TFX's, of its files; empty: not recorded


@dataclass(frozen=True)
class TrainingFigures:
    """How the model was trained; what records of earlier versions lack has a default."""

    epochs: tuple[EpochMetrics, ...]
    parameters: int
    precision: str
    train_rows: int  # of all spans together
    warm_start: str = ""  # digest of the earlier model's weights that the training started from; empty: random ones
    threads: tuple[int, ...] = ()  # of each worker
    device: str = ""
    spans: tuple[TrainedSpan, ...] = ()
    networks: int = 1  # of an ensemble; epochs are those of the first, and parameters of all
    epoch_fraction: float = 1.0  # of the training rows that one epoch shows

    @property
    def seconds(self) -> float:
        return sum(epoch.seconds for epoch in self.epochs)

    @property
    def rows_per_second(self) -> float:
        """Training rows in a second of wall time, evaluations included; 0 if no time was measured."""
        shown = self.train_rows * self.epoch_fraction * len(self.epochs)
        return shown / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class ClassFigures:
    name: str
    recall: Share
    precision: Share
    f1: float


@dataclass(frozen=True)
class Trust:
    """How far confidence can be trusted; the ECE is corrected for a temperature that was fitted on the same rows."""

    ece: float
    ece_interval: Interval
    nll: float
    brier: float
    bins: tuple[ReliabilityBin, ...]


@dataclass(frozen=True)
class Slice:
    """The rows whose pictures have one quality from `low` to `high`."""

    quality: str
    level: str
    low: float
    high: float
    accuracy: Share


@dataclass(frozen=True)
class Answer:
    """What a model said of a row of a file, from 0."""

    source: str
    row: int
    true_class: str
    predicted_class: str
    confidence: float
    ranking: tuple[tuple[str, float], ...] = ()  # the three most probable classes


@dataclass(frozen=True)
class Evaluation:
    """How well the exported model answers on the eval split."""

    accuracy: Share
    macro_f1: float
    classes: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]  # numbers of rows by true class, then by predicted class
    temperature: float
    before: Trust  # without the temperature
    after: Trust  # with it, as the model answers
    coverage: tuple[CoveragePoint, ...]
    abstain: CoveragePoint  # at the model's own threshold
    slices: tuple[Slice, ...]
    mistakes: tuple[Answer, ...]  # wrong answers, most confident first


@dataclass(frozen=True)
class Robustness:
    """Accuracy on pictures corrupted in one way, a key of `reporting.corruptions.CORRUPTIONS`."""

    corruption: str
    description: str
    accuracy: Share
    relative: float  # to the accuracy on unchanged pictures; NaN where that is 0


@dataclass(frozen=True)
class Comparison:
    """An earlier model, the anchor or the one in service, and how the candidate compares on the same rows."""

    baseline_uri: str
    accuracy: Share
    macro_f1: float
    recalls: tuple[Share, ...]
    candidate_only: int
    baseline_only: int  # rows that only one of the two got right
    p_value: float  # two-sided, of McNemar's exact test
    detectable_loss: float  # the smallest loss of accuracy that the gate finds in four of five cases on these rows


@dataclass(frozen=True)
class UsedArtifact:
    role: str
    type_name: str
    id: int
    uri: str


@dataclass(frozen=True)
class Lineage:
    """What the model was made from and by which code."""

    input_fingerprint: str  # TFX's, of all data files of the newest span: numbers, bytes and checksums by input
    code: dict[str, str]  # fingerprint of the sources by component
    versions: dict[str, str]  # of the libraries that the training used; empty: not recorded
    settings: dict[str, Any]
    artifacts: tuple[UsedArtifact, ...]

    @property
    def teaching(self) -> str:
        """Where the targets of the training came from; empty: from the labels alone."""
        folds = self.settings.get("distillation", {}).get("folds")
        has_votes = self.settings.get("data", {}).get("targets") == "votes"
        if not folds and not has_votes:
            return ""
        weight = self.settings["trainer"]["target_weight"]
        if has_votes:
            return f"{weight:g} of each is the share of the annotators' votes for each class, the rest the label"
        teachers = f"the one of {folds} teachers that never saw the picture" if folds > 1 else "a teacher of all rows"
        return f"{weight:g} of each is the answer of {teachers}, the rest the label"


@dataclass(frozen=True)
class ReportData:
    """A run's whole report; if its data was refused, what was known by then."""

    name: str
    verdict: Verdict
    data: DataFigures
    training: TrainingFigures | None = None
    evaluation: Evaluation | None = None
    figures: tuple[Figure, ...] = ()  # what the Evaluator measured and the gate judged
    robustness: tuple[Robustness, ...] = ()
    serving: ServingFigures | None = None  # None: there was no export, or it could not be served
    comparison: Comparison | None = None  # with the anchor
    service: Comparison | None = None  # with the model in service before this run, which may be the anchor
    lineage: Lineage | None = None
    run: RunFacts | None = None  # None: not recorded

    def to_json(self) -> str:
        """All of it but pictures, derived figures included; NaN, which JSON lacks, becomes null."""
        content = dataclasses.asdict(self)
        content["verdict"]["is_pushed"] = not self.verdict.refusals
        for each in content["data"]["quarantined"] + content["data"]["conflicts"]:
            del each["picture"]
        rows = self.data.rows
        sums = ("rows_read", "rows_emitted", "rows_dropped", "rows_left_out", "rows_quarantined")
        content["data"]["rows"] |= {name: getattr(rows, name) for name in sums}
        if self.training:
            content["training"] |= {name: getattr(self.training, name) for name in ("seconds", "rows_per_second")}
        if self.serving:
            content["serving"]["latency_ratio"] = self.serving.latency_ratio
        content = json.loads(json.dumps(content), parse_constant=lambda _: None)
        return json.dumps(content, indent=1, allow_nan=False) + "\n"
