"""Every setting of a run, as frozen dataclasses. A range is checked where the value is declared.

YAML -> `configs.load` -> `PipelineConfig` -> each stage gets its own part as JSON -> the same dataclass.
"""

import re
from dataclasses import dataclass, field, fields

from configs.search_space import LOG, Choices, Interval, check_space
from fer_tfx.errors import ConfigError

PRECISIONS = ("auto", "float32", "mixed_bfloat16")
TRAINING_INPUTS = ("auto", "memory", "stream")
ENGINES = ("local", "local-parallel", "portable", "flink", "spark", "dataflow")
BEAM_PLACES = ("in_process", "dataflow")
TRAINING_PLACES = ("container", "vertex")
_LABEL = re.compile("[a-z0-9_-]{1,63}")
FAILED, REFUSED, PUSHED = "failed", "refused", "pushed"
VERDICTS = (FAILED, REFUSED, PUSHED)


def _require(is_valid: bool, setting: str, expected: str, value: object) -> None:
    if not is_valid:
        raise ConfigError(f"{setting}: expected {expected}, got {value!r}")


def _require_fraction(setting: str, value: float) -> None:
    _require(0 <= value <= 1, setting, "a fraction from 0 to 1", value)


def _require_fractions(section: str, config: object) -> None:
    for each in fields(config):  # type: ignore[arg-type]
        if each.name.endswith("_fraction"):
            _require_fraction(f"{section}.{each.name}", getattr(config, each.name))


@dataclass(frozen=True)
class DataConfig:
    """Where rows come from, how they are split and how many bad ones are borne."""

    path: str = ""
    """A CSV, an archive, a folder or a glob of them; empty: faces are drawn."""
    unlabelled_path: str = ""
    """Further rows without labels, such as Kaggle's test.csv, for batch prediction."""
    eval_fraction: float = 0.1
    test_fraction: float = 0.0
    """Shares of labelled rows, chosen by a hash of their pixels, when the file has no `Usage`."""
    drop_repeats: bool = True
    """Drop from train the repeats within train and the pictures that also stand in another split."""
    max_quarantined_fraction: float = 0.01
    max_decompressed_bytes: int = 16_000_000_000
    """Bound on what one archive may unpack to."""
    max_compression_ratio: float = 200.0
    """Bound on unpacked size over packed size of one archive; FER2013 packs about 4 to 1."""
    max_line_bytes: int = 1_000_000
    part_bytes: int = 64_000_000
    """Size of the parts that a plain CSV is read in, and bound on the pictures that are held in memory at a time."""

    def __post_init__(self) -> None:
        _require_fractions("data", self)
        held_out = self.eval_fraction + self.test_fraction
        _require(held_out < 1, "data.eval_fraction + data.test_fraction", "less than 1", held_out)
        _require(self.max_line_bytes >= 10_000, "data.max_line_bytes", "at least 10000", self.max_line_bytes)
        _require(self.part_bytes >= 1, "data.part_bytes", "at least 1", self.part_bytes)
        _require(
            self.max_decompressed_bytes > 0, "data.max_decompressed_bytes", "at least 1", self.max_decompressed_bytes
        )
        _require(
            self.max_compression_ratio > 1, "data.max_compression_ratio", "more than 1", self.max_compression_ratio
        )


@dataclass(frozen=True)
class SpansConfig:
    """How data that comes in pieces, `{SPAN}` in data.path, is put together."""

    window: int = 1
    """Newest spans that are trained on; each is ingested, checked and analysed once, when it comes."""
    warm_start: bool = False
    """Begin with the weights of the model that was pushed last before the newest data came, instead of random ones; the
    first time with random ones. The network must be of the same shape; see docs/spans.md for the recipe."""

    def __post_init__(self) -> None:
        _require(self.window >= 1, "spans.window", "at least 1", self.window)


@dataclass(frozen=True)
class ValidationConfig:
    """What the examples are held to."""

    schema_path: str = ""
    """A schema of one's own, as text; empty: the curated one of this project."""


@dataclass(frozen=True)
class ModelConfig:
    """Shape of the network."""

    stem_filters: int = 16
    """Filters of the one convolution at 48 px."""
    stage_filters: tuple[int, ...] = (32, 64, 128)
    """Filters of the stages at 24, 12 and 6 px; each further stage halves the size again."""
    convolutions_per_stage: int = 2
    dropout_fraction: float = 0.0

    def __post_init__(self) -> None:
        _require_fractions("model", self)
        _require(self.stem_filters > 0, "model.stem_filters", "at least 1", self.stem_filters)
        _require(
            1 <= len(self.stage_filters) <= 4 and min(self.stage_filters) > 0,
            "model.stage_filters",
            "one to four positive numbers",
            self.stage_filters,
        )
        _require(
            self.convolutions_per_stage >= 1, "model.convolutions_per_stage", "at least 1", self.convolutions_per_stage
        )


@dataclass(frozen=True)
class AugmentationConfig:
    """Random changes of a training picture; all zero: none."""

    flip: bool = True
    """Mirror half of the pictures in one epoch and the other half in the next."""
    rotation_deg: float = 10.0
    scale_fraction: float = 0.1
    shift_fraction: float = 0.08
    blur_fraction: float = 0.0
    """Share of pictures that are blurred: each pixel becomes the mean of 3x3."""
    noise_fraction: float = 0.0
    """Share of pictures to which Gaussian noise is added."""
    max_noise: float = 0.4
    """Largest standard deviation of that noise, in standard deviations of the data."""
    erasing_fraction: float = 0.0
    """Share of pictures in which one rectangle is blanked."""
    max_erased_px: int = 24
    """Longest side of that rectangle."""

    def __post_init__(self) -> None:
        _require_fractions("trainer.augmentation", self)
        _require(6 <= self.max_erased_px <= 48, "trainer.augmentation.max_erased_px", "6 to 48", self.max_erased_px)
        _require(self.max_noise >= 0, "trainer.augmentation.max_noise", "at least 0", self.max_noise)
        _require(0 <= self.rotation_deg <= 180, "trainer.augmentation.rotation_deg", "0 to 180", self.rotation_deg)


@dataclass(frozen=True)
class TrainerConfig:
    """The recipe: optimiser, schedule, augmentation and seed."""

    epochs: int = 10
    batch_size: int = 64
    peak_learning_rate: float = 0.1
    warmup_epochs: float = 1.0
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    ema_momentum: float = 0.99
    """Memory of the averaged weights that are exported; 0: the last weights."""
    crop_px: int = 48
    """Side of the square that is cut out of each training picture at a random place; 48: the whole picture."""
    full_size_fraction: float = 0.0
    """Share of the epochs, the last ones, that train on whole pictures."""
    precision: str = "auto"
    """`float32`, `mixed_bfloat16`, or `auto`: the latter where the processor computes in it, else the former."""
    threads: int = 0
    """Threads that TensorFlow shares one operation out to, and operations that it runs at a time. Another number adds
    up in another order and so gives other weights; the same number gives the same ones, however many cores there are.
    0: as many as there are cores that the process may use (its CPU affinity; a container's CPU quota isn't looked at),
    so the weights depend on the machine. All stages of a run on this machine work with that number."""
    evaluation_interval_epochs: int = 1
    """Every how many epochs the eval split is measured; after the last one always."""
    seed: int = 20130421
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)

    def __post_init__(self) -> None:
        _require(self.epochs >= 1, "trainer.epochs", "at least 1", self.epochs)
        _require(self.batch_size >= 1, "trainer.batch_size", "at least 1", self.batch_size)
        _require(self.peak_learning_rate > 0, "trainer.peak_learning_rate", "more than 0", self.peak_learning_rate)
        _require(self.warmup_epochs >= 0, "trainer.warmup_epochs", "at least 0", self.warmup_epochs)
        _require(0 <= self.momentum < 1, "trainer.momentum", "0 to below 1", self.momentum)
        _require(self.weight_decay >= 0, "trainer.weight_decay", "at least 0", self.weight_decay)
        _require(0 <= self.label_smoothing < 1, "trainer.label_smoothing", "0 to below 1", self.label_smoothing)
        _require(0 <= self.ema_momentum < 1, "trainer.ema_momentum", "0 to below 1", self.ema_momentum)
        _require(16 <= self.crop_px <= 48, "trainer.crop_px", "16 to 48", self.crop_px)
        _require_fraction("trainer.full_size_fraction", self.full_size_fraction)
        _require(self.precision in PRECISIONS, "trainer.precision", f"one of {PRECISIONS}", self.precision)
        _require(0 <= self.threads <= 1024, "trainer.threads", "0 to 1024", self.threads)
        interval = self.evaluation_interval_epochs
        _require(interval >= 1, "trainer.evaluation_interval_epochs", "at least 1", interval)
        _require(0 <= self.seed < 2**31, "trainer.seed", "0 to 2147483647", self.seed)


@dataclass(frozen=True)
class TrainingInputConfig:
    """How pictures come to the training. No part of `trainer`: a training held in memory keeps its name, so that it
    goes on with its state."""

    mode: str = "auto"
    """Hold the train split in memory (memory), read it anew in each epoch (stream), or stream where it would take more
    than `max_memory_mb` (auto). The eval split is read anew each time."""
    max_memory_mb: float = 2000.0
    """That the train split may take in memory, in millions of bytes: 2.4 kB a picture, whatever its files take."""
    shuffle_rows: int = 50_000
    """Pictures that a stream keeps at hand to draw the next one from: 115 MB."""

    def __post_init__(self) -> None:
        _require(self.mode in TRAINING_INPUTS, "training_input.mode", f"one of {TRAINING_INPUTS}", self.mode)
        _require(self.max_memory_mb >= 0, "training_input.max_memory_mb", "at least 0", self.max_memory_mb)
        _require(self.shuffle_rows >= 1, "training_input.shuffle_rows", "at least 1", self.shuffle_rows)


@dataclass(frozen=True)
class ExportConfig:
    """What the exported model is like."""

    half_precision: bool = True
    """Weights are stored as float16 and computed with as float32: half the size, the same answers to 2e-3. Those that
    float16 doesn't hold, such as one above 65,504, stay float32."""
    average_flip: bool = False
    """Answer with the mean of a picture and its mirror image: twice the cost."""
    abstain_accuracy: float = 0.8
    """The abstain threshold is the least confidence at which this share of the kept eval pictures is right."""

    def __post_init__(self) -> None:
        _require_fraction("export.abstain_accuracy", self.abstain_accuracy)


@dataclass(frozen=True)
class GateConfig:
    """What a model must reach on the eval split to be pushed."""

    min_accuracy: float = 0.5
    min_macro_f1: float = 0.4
    min_class_recall: float = 0.1
    """Bound for each class by itself."""
    max_ece: float = 0.15
    """Largest expected calibration error: how far confidence may lie from accuracy, on average."""
    min_corrupted_accuracy: float = 0.35
    """Bound on the mean accuracy over eight corruptions: noise, blur, darker, brighter, less contrast, low resolution,
    masked eyes, masked lower half."""
    max_accuracy_drop: float = 0.01
    """How far accuracy may lie below the anchor's, see docs/protocol.md. A model is refused when it lost more beyond
    doubt: when even the upper end of the paired 99 % interval of the difference is lower."""
    min_eval_rows: int = 100
    """Rows that a verdict needs at least."""
    max_model_mb: float = 10.0
    """Largest size of the exported folder, in millions of bytes."""
    max_latency_ratio: float = 2.0
    """How many times as long as the latency reference the model may take for one picture."""
    use_baseline: bool = True
    """Compare with the anchor and the latency reference. Switch off once after the model's signatures have changed:
    older models can't be compared then, and the one that is pushed becomes both."""

    def __post_init__(self) -> None:
        bounded = ("min_accuracy", "min_macro_f1", "min_class_recall", "max_ece", "max_accuracy_drop")
        for name in (*bounded, "min_corrupted_accuracy"):
            _require_fraction(f"gate.{name}", getattr(self, name))
        for name in ("max_model_mb", "max_latency_ratio"):
            _require(getattr(self, name) > 0, f"gate.{name}", "more than 0", getattr(self, name))
        _require(self.min_eval_rows >= 1, "gate.min_eval_rows", "at least 1", self.min_eval_rows)


@dataclass(frozen=True)
class Recipe:
    """What a training is made of: the settings that a tuner may change."""

    model: ModelConfig = field(default_factory=ModelConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)


def _default_space() -> dict[str, Interval | Choices]:
    return {
        "trainer.peak_learning_rate": Interval(0.02, 0.5, LOG),
        "trainer.weight_decay": Interval(5e-5, 5e-3, LOG),
        "model.dropout_fraction": Interval(0.0, 0.5),
    }


@dataclass(frozen=True)
class TunerConfig:
    """A search for better settings before the training, or the result of an earlier one."""

    trials: int = 0
    """Trainings to compare by their accuracy on the eval split; 0: no search."""
    epochs: int = 5
    """Length of each trial; the training with the winner's settings lasts trainer.epochs."""
    space: dict[str, Interval | Choices] = field(default_factory=_default_space)
    """By setting of `model` or `trainer`: a mapping with low, high and scale (linear or log), or a list of choices."""
    hyperparameters_path: str = ""
    """Folder or bucket URI of an earlier search's best_hyperparameters, to train with instead of a search."""

    def __post_init__(self) -> None:
        _require(self.trials >= 0, "tuner.trials", "at least 0", self.trials)
        _require(self.epochs >= 1, "tuner.epochs", "at least 1", self.epochs)
        _require(bool(self.space) or not self.trials, "tuner.space", "at least one setting", self.space)
        _require(
            not (self.trials and self.hyperparameters_path),
            "tuner.trials + tuner.hyperparameters_path",
            "one of the two",
            f"{self.trials} and {self.hyperparameters_path}",
        )


@dataclass(frozen=True)
class ServingConfig:
    """How pushed versions are kept, and what TensorFlow Serving is told of them in `models.config`."""

    model_name: str = "fer"
    """As in the URL, /v1/models/fer."""
    base_path: str = "/models/fer"
    """Where the server finds the folder of the versions."""
    keep_versions: int = 5
    """Newest versions to keep, those in service (at least the three that a server has loaded) and those rolled back
    each; 0: all."""
    settle_s: float = 15.0
    """Seconds until every server has read `models.config` again and loaded a version: a roll-back waits so long before
    it moves a version away. At least twice the server's `--model_config_file_poll_wait_seconds`; 0: no server reads
    that file."""

    def __post_init__(self) -> None:
        is_name = self.model_name.replace("-", "a").replace("_", "a").isalnum() and self.model_name.isascii()
        _require(is_name, "serving.model_name", "letters, digits, dashes and underscores", self.model_name)
        is_plain = bool(self.base_path) and not set(self.base_path) & set('"\\\n')
        _require(is_plain, "serving.base_path", "a path without quotes and backslashes", self.base_path)
        _require(self.keep_versions >= 0, "serving.keep_versions", "at least 0", self.keep_versions)
        _require(0 <= self.settle_s <= 3600, "serving.settle_s", "from 0 to 3600", self.settle_s)


@dataclass(frozen=True)
class RuntimeConfig:
    """Where a run keeps its files and how Beam works."""

    root: str = "runs"
    """Folder, or bucket URI, of the artifacts, metadata, logs and pushed models."""
    serving_path: str = ""
    """Folder of the pushed model's versions; empty: <root>/<name>/serving."""
    beam_pipeline_args: tuple[str, ...] = ()
    """Options of Beam's beyond those that `beam` gives; they come last, so they win."""


@dataclass(frozen=True)
class BeamConfig:
    """What the Beam components work on: ingestion, statistics, Transform, evaluation and bulk inference."""

    engine: str = "local"
    """In this process (local: the fastest for data of one machine), in `workers` processes (local-parallel), on any
    Beam job service (portable), or on a cluster: flink, spark or dataflow."""
    workers: int = 2
    """How many work at once, on every engine but `local`; Dataflow takes at most so many machines."""
    endpoint: str = ""
    """portable: host:port of the job service. flink, spark: http://host:port of the cluster's REST interface; empty: a
    cluster within this machine, for trying."""
    job_server_jar: str = ""
    """flink, spark: file of Beam's job server; empty: Beam fetches that of its version from Maven."""
    image: str = ""
    """Container image with this project that the workers run; empty: they run on this machine."""
    packages: tuple[str, ...] = ()
    """sdists or wheels of the library and of the pipeline, for workers whose image holds TFX but not this version of
    the project."""
    project: str = ""
    """dataflow: Google Cloud project."""
    region: str = ""
    temp_location: str = ""
    """dataflow: gs:// folder for what a job leaves behind."""

    def __post_init__(self) -> None:
        _require(self.engine in ENGINES, "beam.engine", f"one of {ENGINES}", self.engine)
        _require(self.workers >= 1, "beam.workers", "at least 1", self.workers)


@dataclass(frozen=True)
class NotifyConfig:
    """A program that is told how a run on this machine ended; see docs/notify.md."""

    command: tuple[str, ...] = ()
    """The program and its arguments, word by word; no shell reads them. Empty: nobody is told. Recorded with the run
    like every setting: what is secret belongs into a file that the program reads."""
    on: tuple[str, ...] = (FAILED, REFUSED)
    """Ends to tell of, out of `failed` (also interrupted), `refused` (by a gate) and `pushed`."""
    timeout_s: float = 30.0
    """How long the program may take."""

    def __post_init__(self) -> None:
        _require(all(self.command[:1]), "notify.command", "a program first", self.command)
        _require(set(self.on) <= set(VERDICTS), "notify.on", f"some of {VERDICTS}", self.on)
        _require(0 < self.timeout_s <= 3600, "notify.timeout_s", "more than 0, at most 3600", self.timeout_s)


@dataclass(frozen=True)
class ResourcesConfig:
    """What one component gets on a cluster; 0 or empty: what the cluster gives of itself."""

    cpus: float = 0.0
    memory_gb: float = 0.0
    accelerator: str = ""
    """As the cluster calls it: nvidia.com/gpu on Kubernetes, NVIDIA_TESLA_T4 on Vertex AI."""
    accelerator_count: int = 0

    def __post_init__(self) -> None:
        _require(self.cpus >= 0, "deploy.resources.cpus", "at least 0", self.cpus)
        _require(self.memory_gb >= 0, "deploy.resources.memory_gb", "at least 0", self.memory_gb)
        _require(
            bool(self.accelerator) == (self.accelerator_count > 0),
            "deploy.resources.accelerator + deploy.resources.accelerator_count",
            "both or neither",
            f"{self.accelerator!r} and {self.accelerator_count}",
        )


@dataclass(frozen=True)
class DeployConfig:
    """How a compiled pipeline runs on a cluster; a run on this machine looks at none of it."""

    image: str = ""
    """Container image with this project, by tag or digest; `latest` is refused, as it names another one tomorrow."""
    project: str = ""
    """Google Cloud project of Dataflow and of Vertex Training."""
    region: str = ""
    beam: str = "in_process"
    """Where the Beam components work: in their container (in_process) or on Dataflow (dataflow)."""
    training: str = "container"
    """Where the Trainer trains: in its container, or in a job of Vertex Training that it starts (vertex)."""
    training_machine: str = "n1-standard-8"
    """Machine type of such a job; its accelerator is that of the Trainer's resources."""
    dataflow_max_workers: int = 4
    volume_claim: str = ""
    """Kubernetes' name of a volume that many pods can write to, for a cluster without a bucket of Google's; its
    `volume_path` is then where runtime.root and the data may lie."""
    volume_path: str = "/fer"
    retries: int = 2
    """Times that a component is tried again after a failure."""
    retry_wait_s: int = 60
    """Wait before the first retry; each further one waits twice as long."""
    cache: bool = True
    labels: dict[str, str] = field(default_factory=dict)
    """On the job and, on Kubernetes, on every pod: lower-case letters, digits, dashes, underscores."""
    resources: dict[str, ResourcesConfig] = field(default_factory=dict)
    """By component; `default` are those of components that aren't named."""
    parameters: tuple[str, ...] = (
        "data.path",
        "data.unlabelled_path",
        "data.max_quarantined_fraction",
        "trainer.epochs",
        "trainer.batch_size",
        "trainer.peak_learning_rate",
        "trainer.seed",
        "gate.min_accuracy",
        "gate.min_macro_f1",
        "gate.min_class_recall",
        "gate.max_ece",
        "gate.min_corrupted_accuracy",
        "gate.max_accuracy_drop",
        "gate.min_eval_rows",
        "gate.max_model_mb",
        "gate.max_latency_ratio",
        "runtime.root",
        "runtime.serving_path",
    )
    """Settings that can be given anew at each submission; their values here become the defaults."""

    def __post_init__(self) -> None:
        _require(self.beam in BEAM_PLACES, "deploy.beam", f"one of {BEAM_PLACES}", self.beam)
        _require(self.training in TRAINING_PLACES, "deploy.training", f"one of {TRAINING_PLACES}", self.training)
        is_folder = self.volume_path.startswith("/") and self.volume_path.strip("/") != ""
        _require(is_folder, "deploy.volume_path", "an absolute path", self.volume_path)
        _require(self.retries >= 0, "deploy.retries", "at least 0", self.retries)
        _require(self.retry_wait_s >= 0, "deploy.retry_wait_s", "at least 0", self.retry_wait_s)
        _require(self.dataflow_max_workers >= 1, "deploy.dataflow_max_workers", "at least 1", self.dataflow_max_workers)
        for name, value in self.labels.items():
            is_valid = _LABEL.fullmatch(name) and name[0].isalpha() and (not value or _LABEL.fullmatch(value))
            _require(
                bool(is_valid), "deploy.labels", "lower-case letters, digits, - and _, at most 63", f"{name}={value}"
            )


@dataclass(frozen=True)
class PipelineConfig:
    """A whole run."""

    name: str = "fer"
    data: DataConfig = field(default_factory=DataConfig)
    spans: SpansConfig = field(default_factory=SpansConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    training_input: TrainingInputConfig = field(default_factory=TrainingInputConfig)
    tuner: TunerConfig = field(default_factory=TunerConfig)
    export: ExportConfig = field(default_factory=ExportConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    serving: ServingConfig = field(default_factory=ServingConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    beam: BeamConfig = field(default_factory=BeamConfig)
    deploy: DeployConfig = field(default_factory=DeployConfig)
    notify: NotifyConfig = field(default_factory=NotifyConfig)

    def __post_init__(self) -> None:
        is_valid = bool(self.name) and self.name[0].isalpha() and self.name.replace("-", "a").isalnum()
        _require(
            is_valid and self.name == self.name.lower() and len(self.name) <= 63 and self.name.isascii(),
            "name",
            "at most 63 lower-case letters, digits and dashes, a letter first",
            self.name,
        )
        check_space(Recipe(self.model, self.trainer), self.tuner.space)
