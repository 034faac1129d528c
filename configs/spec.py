"""Every setting of a run with its type, range and default. Each stage gets its own part as JSON."""

import os
import re
from dataclasses import field
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from configs.convert import STRICT, Bool, Float, Int, Word, matching, overlay
from configs.tuning import Choices, Interval, check_space, require_no_threads
from fer_tfx.contract import ANSWER_WORDS, DEFAULT_CLASS_NAMES, LEAVE_OUT
from fer_tfx.errors import ConfigError

FAILED, REFUSED, PUSHED = "failed", "refused", "pushed"
NonNegativeInt = Annotated[Int, Field(ge=0)]
PositiveInt = Annotated[Int, Field(ge=1)]
NonNegativeFloat = Annotated[Float, Field(ge=0)]
PositiveFloat = Annotated[Float, Field(gt=0)]
Fraction = Annotated[Float, Field(ge=0, le=1)]
BelowOne = Annotated[Float, Field(ge=0, lt=1)]
MOST_FOLDS, MOST_MEMBERS = 10, 9
_NAME_RULE = "at most 63 lower-case letters, digits and dashes, a letter first"
_CLASS_NAME = re.compile(r"[^\W\d_]([\w -]{0,61}\w)?")
_CLASS_RULE = "names of letters, digits, spaces, - and _, a letter first, at most 63"
_LABEL_RULE = "lower-case letters, digits, - and _, at most 63"
_LabelName = Annotated[str, matching(r"[a-z][a-z0-9_-]{0,62}", f"{_LABEL_RULE}, a letter first")]
_LabelValue = Annotated[str, matching(r"[a-z0-9_-]{0,63}", _LABEL_RULE)]
_ENDPOINT_RULE = "projects/PROJECT/locations/REGION/endpoints/ID"
# Of what TensorFlow, TFX and Beam can open without further packages.
_BUCKET, _LOCAL = r"gs://[^/]+(/.*)?", r"(?![A-Za-z][\w+.-]*:/).*"
_Place = Annotated[str, matching(f"(?s)({_LOCAL}|{_BUCKET})", "a local path or gs://BUCKET/PATH, which can be opened")]


def _require(is_valid: bool, setting: str, expected: str, value: object) -> None:
    if not is_valid:
        raise ConfigError(f"{setting}: expected {expected}, got {value!r}")


@dataclass(frozen=True, config=STRICT)
class DataConfig:
    """Where rows come from, how they are split and how many bad ones are allowed."""

    path: _Place = ""
    """A CSV, an archive, a folder or a glob of them; empty: faces are drawn."""
    unlabelled_path: _Place = ""
    """Further rows without labels, such as Kaggle's test.csv, for batch prediction."""
    classes: Annotated[tuple[Word | tuple[Word, ...], ...], Field(min_length=2)] = DEFAULT_CLASS_NAMES
    """Names by class index, each alone or in a list with aliases; see docs/data.md."""
    label_map: dict[Word, str] = field(default_factory=dict)
    """What words of the data mean: the name of a class, or leave_out for rows that are not used."""
    targets: Literal["label", "majority", "votes"] = "label"
    """What rows are labelled by: their `label`, the `majority` of their annotators' votes, or `votes`: by the majority,
    but training rows also get the share of each class as their `target`, see trainer.target_weight and docs/data.md."""
    votes_path: _Place = ""
    """A CSV of the votes, such as FER+'s fer2013new.csv, in the order of the table to read; empty: they are in that."""
    eval_fraction: Fraction = 0.1
    test_fraction: Fraction = 0.0
    """Shares of labelled rows, chosen by a hash of their pixels, when the file has no `Usage`; if no row at all is for
    eval, a share of the training rows."""
    splits: Literal["auto", "usage"] = "auto"
    """`usage`: only as the rows say (`Usage` and its like), without a hash; a row that says nothing is for training."""
    drop_repeats: Bool = True
    """Drop from train all repeats within train, and pictures that also occur in another split."""
    keep_twins: Bool = False
    """Keep those that also occur in another split, as published figures do; then figures on these rows flatter."""
    max_quarantined_fraction: Fraction = 0.01
    max_decompressed_bytes: PositiveInt = 16_000_000_000
    """Limit on the unpacked size of one archive."""
    max_compression_ratio: Annotated[Float, Field(gt=1)] = 200.0
    """Limit on unpacked over packed size of one archive; FER2013 packs about 4 to 1."""
    max_line_bytes: Annotated[Int, Field(ge=10_000)] = 1_000_000
    part_bytes: PositiveInt = 64_000_000
    """Size of the parts in which a plain CSV is read, and limit on the pictures held in memory at a time."""

    def __post_init__(self) -> None:
        names = [each if isinstance(each, str) else "".join(each[:1]) for each in self.classes]
        for name in names:
            _require(bool(_CLASS_NAME.fullmatch(name)), "data.classes", _CLASS_RULE, name)
            _require(name.lower() not in ANSWER_WORDS, "data.classes", f"none of {', '.join(ANSWER_WORDS)}", name)
        spelt = [LEAVE_OUT]
        for word in (word for each in self.classes for word in ([each] if isinstance(each, str) else each)):
            _require(word.lower() not in spelt, "data.classes", f"words that differ, also from {LEAVE_OUT}", word)
            spelt.append(word.lower())
        meanings = [LEAVE_OUT, *(each.lower() for each in names)]
        for word, name in self.label_map.items():
            expected = f"one of {', '.join(names)} or {LEAVE_OUT}"
            _require(name.lower() in meanings, f"data.label_map.{word}", expected, name)
        held_out = self.eval_fraction + self.test_fraction
        _require(held_out < 1, "data.eval_fraction + data.test_fraction", "less than 1", held_out)


@dataclass(frozen=True, config=STRICT)
class SpansConfig:
    """How data that arrives in pieces, `{SPAN}` in data.path, is put together."""

    window: PositiveInt = 1
    """Newest spans to train on; each is ingested, checked and analysed once, when it arrives."""
    warm_start: Bool = False
    """Start from the weights of the model pushed last before the newest data arrived, if any; see docs/spans.md."""


@dataclass(frozen=True, config=STRICT)
class ValidationConfig:
    """What the examples are checked against."""

    schema_path: Annotated[str, matching(f"(?s){_LOCAL}", "a local path")] = ""
    """Your own schema as a text file; empty: this project's curated one."""


@dataclass(frozen=True, config=STRICT)
class ModelConfig:
    """Shape of the network."""

    family: Literal["vgg"] = "vgg"
    """Kind of network: a file of models/networks."""
    stem_filters: PositiveInt = 16
    """Filters of the one convolution at 48 px."""
    stage_filters: Annotated[tuple[PositiveInt, ...], Field(min_length=1, max_length=4)] = (32, 64, 128)
    """Filters of the stages at 24, 12 and 6 px; each further stage halves the size again."""
    convolutions_per_stage: PositiveInt = 2
    skips: Bool = False
    """Add the input of each convolution that changes neither the size nor the number of filters to its output."""
    dropout_fraction: BelowOne = 0.0


@dataclass(frozen=True, config=STRICT)
class AugmentationConfig:
    """Random changes to a training picture; all zero: none."""

    flip: Bool = True
    """Mirror half of the pictures in one epoch and the other half in the next."""
    rotation_deg: Annotated[Float, Field(ge=0, le=180)] = 10.0
    scale_fraction: BelowOne = 0.1
    shift_fraction: Fraction = 0.08
    shear_deg: Annotated[Float, Field(ge=0, le=45)] = 0.0
    aspect_fraction: BelowOne = 0.0
    """Largest change of the ratio of width to height, which leaves the area as it is."""
    blur_fraction: Fraction = 0.0
    """Share of pictures that are blurred: each pixel becomes the mean of 3x3."""
    noise_fraction: Fraction = 0.0
    """Share of pictures that get Gaussian noise."""
    max_noise: NonNegativeFloat = 0.4
    """Largest standard deviation of that noise, in standard deviations of the data."""
    erasing_fraction: Fraction = 0.0
    """Share of pictures in which one rectangle is blanked."""
    max_erased_px: Annotated[Int, Field(ge=6, le=48)] = 24
    """Longest side of that rectangle."""
    mixed_fraction: Fraction = 0.0
    """Share of batches in which each picture, and its target, is mixed with another of the batch."""
    mixup_alpha: NonNegativeFloat = 0.0
    """Mixup: the sum of both pictures, weighted by shares from Beta(alpha, alpha), alpha at least 0.05; 0: no mixup."""
    cutmix_alpha: NonNegativeFloat = 0.0
    """CutMix: a rectangle of the other picture is pasted in, its area from Beta(alpha, alpha); 0: no CutMix. If both
    alphas are above 0, one of the two is chosen at random for each mixed batch."""

    def __post_init__(self) -> None:
        for name, alpha in (("mixup_alpha", self.mixup_alpha), ("cutmix_alpha", self.cutmix_alpha)):
            # Below, both gamma variates that give a share often underflow in float32, which makes it one half.
            _require(not 0 < alpha < 0.05, f"trainer.augmentation.{name}", "0 or at least 0.05", alpha)
        alphas = (self.mixup_alpha, self.cutmix_alpha)
        keys = "trainer.augmentation.mixup_alpha + trainer.augmentation.cutmix_alpha"
        expected = f"one above 0, as mixed_fraction is {self.mixed_fraction}"
        _require(any(alphas) or not self.mixed_fraction, keys, expected, alphas)


@dataclass(frozen=True, config=STRICT)
class TrainerConfig:
    """The recipe: optimiser, schedule, augmentation and seed."""

    epochs: PositiveInt = 10
    batch_size: PositiveInt = 64
    peak_learning_rate: PositiveFloat = 0.1
    warmup_epochs: NonNegativeFloat = 1.0
    final_rate_fraction: Fraction = 0.0
    """The learning rate ends at this share of its peak."""
    momentum: BelowOne = 0.9
    weight_decay: NonNegativeFloat = 5e-4
    label_smoothing: BelowOne = 0.1
    target_weight: Fraction = 0.7
    """Share of an example's `target`, a distribution over the classes, in what it is trained on; the rest is its
    smoothed label. Targets come from data.targets=votes or from teachers; examples without one have their label alone:
    docs/distillation.md."""
    consistency_weight: Fraction = 0.0
    """Above 0, each batch holds half as many pictures, in two views, and this share of their target is the mean of the
    network's answers to both. A step costs the same and an epoch has as many, so it shows half of the pictures. Needs
    an even batch_size."""
    reverse_weight: NonNegativeFloat = 0.0
    """Weight of the reverse cross entropy, which errors in the labels affect less, beside the usual one."""
    ema_momentum: BelowOne = 0.99
    """Decay of the averaged weights that are exported; 0: export the last weights."""
    crop_px: Annotated[Int, Field(ge=16, le=48)] = 48
    """Side of the square cut from each training picture at a random place; 48: the whole picture."""
    full_size_fraction: Fraction = 0.0
    """Share of the epochs, counted from the end, that train on whole pictures."""
    precision: Annotated[str, matching("auto|float32|mixed_bfloat16", "auto, float32 or mixed_bfloat16")] = "auto"
    """`auto`: mixed_bfloat16 where the processor, or every GPU, computes in it, else float32."""
    threads: Annotated[Int, Field(ge=0, le=1024)] = 0
    """Threads per TensorFlow operation, and operations at a time, in all stages of a local run; 0: one per core of the
    CPU affinity (a container's quota is ignored). Another number sums in another order, so it gives other weights."""
    evaluation_interval_epochs: PositiveInt = 1
    """Evaluate on the eval split every so many epochs, and always after the last one."""
    seed: Annotated[Int, Field(ge=0, lt=2**31)] = 20130421
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)

    def __post_init__(self) -> None:
        is_even = not self.consistency_weight or self.batch_size % 2 == 0
        expected = f"an even number, as consistency_weight is {self.consistency_weight}"
        _require(is_even, "trainer.batch_size", expected, self.batch_size)


@dataclass(frozen=True, config=STRICT)
class TrainingInputConfig:
    """How pictures reach the training. A change doesn't restart a training in memory, as one of `trainer` does."""

    mode: Literal["auto", "memory", "stream"] = "auto"
    """`memory` holds the train split, `stream` reads it anew in each epoch; `auto` streams beyond `max_memory_mb`."""
    max_memory_mb: NonNegativeFloat = 2000.0
    """Limit on the train split in memory, in millions of bytes: 2.4 kB per picture, whatever the size of its files."""
    shuffle_rows: PositiveInt = 50_000
    """Shuffle buffer of a stream, in pictures; the default takes 115 MB."""


@dataclass(frozen=True, config=STRICT)
class ExportConfig:
    """What the exported model is like."""

    half_precision: Bool = True
    """Store weights as float16, where it can hold them, and compute in float32: half the size, same answers to 2e-3."""
    views: Literal[1, 2, 4] = 1
    """Average 2 views (picture, mirror image) or 4 (both also enlarged); gate.max_latency_ratio must allow the cost."""
    abstain_accuracy: Fraction = 0.8
    """The abstain threshold is the lowest confidence at which this share of the kept eval pictures is right."""


@dataclass(frozen=True, config=STRICT)
class GateConfig:
    """What a model must reach on the eval split to be pushed."""

    min_accuracy: Fraction = 0.5
    min_macro_f1: Fraction = 0.4
    min_class_recall: Fraction = 0.1
    """Applies to each class separately."""
    max_ece: Fraction = 0.15
    """Expected calibration error: the mean distance between confidence and accuracy."""
    min_corrupted_accuracy: Fraction = 0.35
    """Mean over noise, blur, darker, brighter, less contrast, low resolution, masked eyes and masked lower half."""
    max_accuracy_drop: Fraction = 0.01
    """How far even the upper end of the paired 99 % interval may lie below the anchor's accuracy: docs/protocol.md."""
    min_eval_rows: PositiveInt = 100
    max_model_mb: PositiveFloat = 10.0
    """Size of the exported folder without its light form, in millions of bytes."""
    max_latency_ratio: PositiveFloat = 2.0
    """Time for one picture, as a multiple of the latency reference's."""
    use_baseline: Bool = True
    """Compare with the anchor and the latency reference. Turn off for the one run after a change of the signatures,
    which older models lack; the model it pushes becomes both."""


@dataclass(frozen=True, config=STRICT)
class Recipe:
    """What a training is made of: the settings that a tuner may change."""

    model: ModelConfig = field(default_factory=ModelConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)


@dataclass(frozen=True, config=STRICT)
class TunerConfig:
    """A search for better settings before the training, or the result of an earlier one."""

    trials: NonNegativeInt = 0
    """Trainings to compare by their accuracy on the eval split; 0: no search."""
    epochs: PositiveInt = 5
    """Length of each trial; the training with the winner's settings lasts trainer.epochs."""
    space: dict[str, Interval | Choices] = field(default_factory=lambda: {
        "trainer.peak_learning_rate": Interval(0.02, 0.5, "log"), "trainer.weight_decay": Interval(5e-5, 5e-3, "log"),
        "model.dropout_fraction": Interval(0.0, 0.5),
    })  # fmt: skip
    """By setting of `model` or `trainer`: a mapping with low, high and scale (linear or log), or a list of choices."""
    hyperparameters_path: _Place = ""
    """Folder or bucket URI of an earlier search's best_hyperparameters, to train with instead of searching."""

    def __post_init__(self) -> None:
        _require(bool(self.space) or not self.trials, "tuner.space", "at least one setting", self.space)
        both = self.trials and self.hyperparameters_path
        _require(not both, "tuner.trials + tuner.hyperparameters_path", "one of the two", (self.trials, both))


@dataclass(frozen=True, config=STRICT)
class DistillationConfig:
    """Networks whose answers to the training rows become targets of the final training; see docs/distillation.md."""

    folds: Annotated[Int, Field(ge=0, le=MOST_FOLDS)] = 0
    """0: none. 1: one teacher, which saw the rows that it answers. From 2 on: as many teachers, each trained without
    its fold of the pictures, which it answers."""
    views: Literal[1, 2, 4] = 4
    """Views of a picture that a teacher's answer averages; see export.views."""
    teacher: dict[str, Any] = field(default_factory=dict)
    """Settings of `model` and `trainer` in which teachers differ, by dotted key, such as `trainer.epochs: 120`."""

    def __post_init__(self) -> None:
        require_no_threads("distillation.teacher", self.teacher)


@dataclass(frozen=True, config=STRICT)
class EnsembleConfig:
    """Further networks, with whose logits the model's own are averaged; see docs/ensembles.md."""

    members: Annotated[tuple[dict[str, Any], ...], Field(max_length=MOST_MEMBERS)] = ()
    """For each, the settings of `model` and `trainer` in which it differs, by dotted key, such as `trainer.seed: 2`."""
    models: Annotated[tuple[_Place, ...], Field(max_length=MOST_MEMBERS)] = ()
    """Models of earlier runs, whose networks join as they are: folders such as `runs/fer/artifacts/Trainer/model/8`."""

    def __post_init__(self) -> None:
        places = {each.rstrip("/") if "://" in each else os.path.normpath(each) for each in self.models}
        _require(len(places) == len(self.models), "ensemble.models", "each model once", self.models)
        for differences in self.members:
            require_no_threads("ensemble.members", differences)


@dataclass(frozen=True, config=STRICT)
class EndpointConfig:
    """An endpoint of Vertex AI that answers with what is pushed, beside the folder of versions; see docs/deploy.md."""

    name: Annotated[str, matching("(projects/[^/]+/locations/[a-z0-9-]+/endpoints/[^/]+)?", _ENDPOINT_RULE)] = ""
    """Empty: none."""
    image: str = ""
    """Container image that serves a SavedModel, such as one of Google's prebuilt ones for TensorFlow."""
    machine: str = "n1-standard-2"
    """Machine type of each replica."""
    min_replicas: PositiveInt = 1
    max_replicas: PositiveInt = 1
    keep_versions: PositiveInt = 2
    """Versions that stay deployed, each on machines of its own; a roll-back to one of them only moves the traffic."""

    def __post_init__(self) -> None:
        _require(bool(self.image) or not self.name, "serving.endpoint.image", "an image, as name is given", self.image)
        replicas = (self.min_replicas, self.max_replicas)
        keys = "serving.endpoint.min_replicas + serving.endpoint.max_replicas"
        _require(self.min_replicas <= self.max_replicas, keys, "no more at least than at most", replicas)


@dataclass(frozen=True, config=STRICT)
class ServingConfig:
    """How pushed versions are kept, and what `models.config` tells TensorFlow Serving about them."""

    model_name: Annotated[str, matching(r"[A-Za-z0-9_-]+", "letters, digits, dashes and underscores")] = "fer"
    """As in the URL, /v1/models/fer."""
    base_path: Annotated[str, matching(r'[^"\\\n]+', "a path without quotes and backslashes")] = "/models/fer"
    """Where the server finds the folder of the versions."""
    keep_versions: NonNegativeInt = 5
    """Versions to keep of those in service (at least the three a server loaded) and of those rolled back; 0: all."""
    settle_s: Annotated[Float, Field(ge=0, le=3600)] = 15.0
    """Time for every server to read `models.config` again and load a version, before a roll-back moves one away. At
    least twice the server's `--model_config_file_poll_wait_seconds`; 0: no server reads that file."""
    endpoint: EndpointConfig = field(default_factory=EndpointConfig)

    def __post_init__(self) -> None:
        has_id = bool(re.fullmatch("[a-z_][a-z0-9_-]{0,62}", self.model_name)) or not self.endpoint.name
        expected = "at most 63 lower-case letters, digits, dashes and underscores, a letter first, for Vertex AI"
        _require(has_id, "serving.model_name", expected, self.model_name)


@dataclass(frozen=True, config=STRICT)
class RuntimeConfig:
    """Where a run keeps its files, and extra options for Beam."""

    root: _Place = "runs"
    """Folder, or bucket URI, of the artifacts, metadata, logs and pushed models."""
    serving_path: _Place = ""
    """Folder of the pushed versions; empty: <root>/<name>/serving."""
    beam_pipeline_args: tuple[str, ...] = ()
    """Beam options beyond those that `beam` sets; they come last, so they win."""


@dataclass(frozen=True, config=STRICT)
class BeamConfig:
    """Where ingestion, statistics, Transform, evaluation and bulk inference run."""

    engine: Literal["local", "local-parallel", "portable", "flink", "spark", "dataflow"] = "local"
    """In this process (local), in `workers` processes (local-parallel), on a Beam job service (portable) or cluster."""
    workers: PositiveInt = 2
    """Number of workers on every engine but `local`; the maximum on Dataflow."""
    endpoint: str = ""
    """portable: host:port of its job service. flink, spark: http://host:port of the REST API; empty: a local one."""
    job_server_jar: str = ""
    """flink, spark: file of Beam's job server; empty: the newest that lies in ~/.apache_beam/cache/jars; with none
    there, Beam downloads the one for its version from Maven."""
    image: str = ""
    """Container image with this project for the workers; empty: they run on this machine."""
    packages: tuple[str, ...] = ()
    """sdists or wheels of library and pipeline, for workers whose image holds TFX but not this version of them."""
    project: str = ""
    """dataflow: Google Cloud project."""
    region: str = ""
    temp_location: Annotated[str, matching(f"(?s)({_BUCKET})?", "gs://BUCKET/PATH")] = ""
    """dataflow: gs:// folder for temporary files of a job."""


@dataclass(frozen=True, config=STRICT)
class NotifyConfig:
    """A program that is told how a local run ended; see docs/notify.md."""

    command: tuple[str, ...] = ()
    """The program and its arguments, without a shell; empty: none. Recorded with the run, so it must hold no secret."""
    on: tuple[Literal["failed", "refused", "pushed"], ...] = ("failed", "refused")
    """Which ends to report: `failed` (also interrupted), `refused` (by a gate), `pushed`."""
    timeout_s: Annotated[Float, Field(gt=0, le=3600)] = 30.0
    """How long the program may take."""

    def __post_init__(self) -> None:
        _require(all(self.command[:1]), "notify.command", "a program first", self.command)


@dataclass(frozen=True, config=STRICT)
class ResourcesConfig:
    """What one component gets on a cluster; 0 or empty: the cluster's default."""

    cpus: NonNegativeFloat = 0.0
    memory_gb: NonNegativeFloat = 0.0
    accelerator: str = ""
    """As the cluster calls it: nvidia.com/gpu on Kubernetes, NVIDIA_TESLA_T4 on Vertex AI. Counts only with
    deploy.accelerator=cuda."""
    accelerator_count: Int = 0

    def __post_init__(self) -> None:
        keys = "deploy.resources.accelerator + deploy.resources.accelerator_count"
        found = (self.accelerator, self.accelerator_count)
        _require(bool(self.accelerator) == (self.accelerator_count > 0), keys, "both or neither", found)


@dataclass(frozen=True, config=STRICT)
class DeployConfig:
    """How a compiled pipeline runs on a cluster; a local run ignores it."""

    image: str = ""
    """Container image with this project, by tag or digest; `latest` is refused because it changes over time."""
    project: str = ""
    """Google Cloud project of Dataflow and of Vertex Training."""
    region: str = ""
    service_account: Annotated[str, matching(r'[^\s"\\]*', "the e-mail address of an account")] = ""
    """Google's, of Dataflow's workers and of the job of Vertex Training; empty: each service's default. To Vertex AI,
    `fer-tfx submit --service-account` gives another one to all."""
    accelerator: Literal["cpu", "cuda"] = "cpu"
    """As the image was built (`--build-arg ACCELERATOR=`). `cuda`: trainings and a search get the accelerator of their
    resources; `cpu`: none gets any."""
    beam: Literal["in_process", "dataflow"] = "in_process"
    """Where the Beam components work: in their container (in_process) or on Dataflow (dataflow)."""
    training: Literal["container", "vertex"] = "container"
    """Where the Trainer trains: in its container, or in a job of Vertex Training that it starts (vertex)."""
    training_machine: str = "n1-standard-8"
    """Machine type of such a job; its accelerator is that of the Trainer's resources."""
    dataflow_max_workers: PositiveInt = 4
    volume_claim: str = ""
    """A Kubernetes volume that many pods can write to, mounted at `volume_path`, for runtime.root and the data."""
    volume_path: Annotated[str, matching(r"(?s)/.*[^/].*", "an absolute path")] = "/fer"
    retries: NonNegativeInt = 2
    """How often a component that failed is tried again, in its container; a refusal, exit code 2 or 3, is final."""
    retry_wait_s: NonNegativeInt = 60
    """Wait before the first retry; it doubles with each further one."""
    cache: Bool = True
    labels: dict[_LabelName, _LabelValue] = field(default_factory=dict)
    """On the job and, on Kubernetes, on every pod."""
    resources: dict[str, ResourcesConfig] = field(default_factory=dict)
    """By component; `default` applies to components that aren't named, the Trainer's to other trainings and a search.
    The accelerator of `default` is for these alone."""
    parameters: tuple[str, ...] = (
        "data.path", "data.unlabelled_path", "data.max_quarantined_fraction", "trainer.epochs", "trainer.batch_size",
        "trainer.peak_learning_rate", "trainer.seed", "gate.min_accuracy", "gate.min_macro_f1", "gate.min_class_recall",
        "gate.max_ece", "gate.min_corrupted_accuracy", "gate.max_accuracy_drop", "gate.min_eval_rows",
        "gate.max_model_mb", "gate.max_latency_ratio", "runtime.root", "runtime.serving_path",
    )  # fmt: skip
    """Settings that may be changed at each submission; their values here become the defaults."""


@dataclass(frozen=True, config=STRICT)
class PipelineConfig:
    """A whole run."""

    name: Annotated[str, matching(r"[a-z][a-z0-9-]{0,62}", _NAME_RULE)] = "fer"
    data: DataConfig = field(default_factory=DataConfig)
    spans: SpansConfig = field(default_factory=SpansConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    training_input: TrainingInputConfig = field(default_factory=TrainingInputConfig)
    tuner: TunerConfig = field(default_factory=TunerConfig)
    distillation: DistillationConfig = field(default_factory=DistillationConfig)
    ensemble: EnsembleConfig = field(default_factory=EnsembleConfig)
    export: ExportConfig = field(default_factory=ExportConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    serving: ServingConfig = field(default_factory=ServingConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    beam: BeamConfig = field(default_factory=BeamConfig)
    deploy: DeployConfig = field(default_factory=DeployConfig)
    notify: NotifyConfig = field(default_factory=NotifyConfig)

    def __post_init__(self) -> None:
        has_use = self.data.targets != "label" or not self.data.votes_path
        _require(has_use, "data.targets", "majority or votes, as data.votes_path is given", self.data.targets)
        has_one_target = self.data.targets != "votes" or not self.distillation.folds
        expected = "0, as data.targets=votes fills the target of a row already"
        _require(has_one_target, "distillation.folds", expected, self.distillation.folds)
        recipe = Recipe(self.model, self.trainer)
        check_space(recipe, self.tuner.space)
        overlay(recipe, self.distillation.teacher, "distillation.teacher")
        members = [recipe, *(overlay(recipe, each, "ensemble.members") for each in self.ensemble.members)]
        is_distinct = all(each not in members[:number] for number, each in enumerate(members))
        expected = "settings that differ from each other and from the first network's, such as another trainer.seed"
        _require(is_distinct, "ensemble.members", expected, self.ensemble.members)
