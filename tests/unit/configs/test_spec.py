"""Ranges of the settings: the last good value passes, the first bad one is named."""

import dataclasses

import pytest

from configs.convert import from_nested, read_setting
from configs.load import load_config
from configs.spec import (
    AugmentationConfig,
    BeamConfig,
    DataConfig,
    DeployConfig,
    GateConfig,
    ModelConfig,
    NotifyConfig,
    PipelineConfig,
    Recipe,
    ResourcesConfig,
    RuntimeConfig,
    ServingConfig,
    SpansConfig,
    TrainerConfig,
    TrainingInputConfig,
    TunerConfig,
    ValidationConfig,
)
from fer_tfx.errors import ConfigError
from pipeline.paths import PLACES

SECTIONS = [
    AugmentationConfig,
    BeamConfig,
    DataConfig,
    DeployConfig,
    GateConfig,
    ModelConfig,
    NotifyConfig,
    PipelineConfig,
    Recipe,
    ResourcesConfig,
    RuntimeConfig,
    SpansConfig,
    TrainerConfig,
    TrainingInputConfig,
    TunerConfig,
    ValidationConfig,
]
CLASS_RULE = "names of letters, digits, spaces, - and _, a letter first, at most 63"
NAME_RULE = "at most 63 lower-case letters, digits and dashes, a letter first"


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_defaults_of_every_section_are_in_range_and_of_their_declared_type(section):
    """Pydantic takes defaults unseen."""
    assert from_nested(section, dataclasses.asdict(section())) == section()


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_assignment_to_a_finished_section_is_refused(section):
    config = section()
    name = dataclasses.fields(config)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(config, name, getattr(config, name))


@pytest.mark.parametrize(
    ("section", "values", "expected"),
    [
        (ServingConfig, {"settle_s": -1.0}, "settle_s: expected at least 0, got -1.0"),
        (ServingConfig, {"settle_s": float("nan")}, "settle_s: expected a finite number, got nan"),
        (ServingConfig, {"settle_s": float("inf")}, "settle_s: expected a finite number, got inf"),
        (DataConfig, {"classes": ["happy"]}, "classes: expected a list of at least 2, got ['happy']"),
        *(
            (DataConfig, {"classes": ["happy", each]}, f"data.classes: expected {CLASS_RULE}, got {name!r}")
            for each, name in (("1st", "1st"), ("a,b", "a,b"), (" a", " a"), ("a ", "a "), ([], ""), (["", "a"], ""))
        ),
        (
            DataConfig,
            {"classes": ["happy", ["sad", "Happy"]]},
            "data.classes: expected words that differ, also from leave_out, got 'Happy'",
        ),
        (DataConfig, {"classes": ["happy", True]}, "classes: expected text or a list, got True"),
        (
            DataConfig,
            {"classes": ["happy", "sad"], "label_map": {7: "glad"}},
            "data.label_map.7: expected one of happy, sad or leave_out, got 'glad'",
        ),
        (DataConfig, {"eval_fraction": -0.1}, "eval_fraction: expected at least 0, got -0.1"),
        (DataConfig, {"test_fraction": 1.1}, "test_fraction: expected at most 1, got 1.1"),
        (
            DataConfig,
            {"max_quarantined_fraction": 2.0},
            "max_quarantined_fraction: expected at most 1, got 2.0",
        ),
        (
            DataConfig,
            {"eval_fraction": 0.5, "test_fraction": 0.5},
            "data.eval_fraction + data.test_fraction: expected less than 1, got 1.0",
        ),
        (DataConfig, {"max_line_bytes": 9_999}, "max_line_bytes: expected at least 10000, got 9999"),
        (DataConfig, {"max_compression_ratio": 1.0}, "max_compression_ratio: expected more than 1, got 1.0"),
        (ModelConfig, {"dropout_fraction": 1.0}, "dropout_fraction: expected less than 1, got 1.0"),
        (ModelConfig, {"stem_filters": 0}, "stem_filters: expected at least 1, got 0"),
        (ModelConfig, {"stage_filters": ()}, "stage_filters: expected a list of at least 1, got ()"),
        (
            ModelConfig,
            {"stage_filters": (8, 8, 8, 8, 8)},
            "stage_filters: expected a list of at most 4, got (8, 8, 8, 8, 8)",
        ),
        (
            ModelConfig,
            {"stage_filters": (8, 0)},
            "stage_filters: expected at least 1, got 0",
        ),
        (ModelConfig, {"convolutions_per_stage": 0}, "convolutions_per_stage: expected at least 1, got 0"),
        (
            AugmentationConfig,
            {"shift_fraction": 1.01},
            "shift_fraction: expected at most 1, got 1.01",
        ),
        (AugmentationConfig, {"scale_fraction": 1.0}, "scale_fraction: expected less than 1, got 1.0"),
        (AugmentationConfig, {"max_noise": -0.1}, "max_noise: expected at least 0, got -0.1"),
        (AugmentationConfig, {"rotation_deg": -1.0}, "rotation_deg: expected at least 0, got -1.0"),
        (AugmentationConfig, {"shear_deg": 46.0}, "shear_deg: expected at most 45, got 46.0"),
        (AugmentationConfig, {"aspect_fraction": 1.0}, "aspect_fraction: expected less than 1, got 1.0"),
        (AugmentationConfig, {"cutmix_alpha": -0.5}, "cutmix_alpha: expected at least 0, got -0.5"),
        *(
            (AugmentationConfig, {name: 0.049}, f"trainer.augmentation.{name}: expected 0 or at least 0.05, got 0.049")
            for name in ("mixup_alpha", "cutmix_alpha")
        ),
        (
            AugmentationConfig,
            {"mixed_fraction": 0.5},
            "trainer.augmentation.mixup_alpha + trainer.augmentation.cutmix_alpha: expected one above 0, as"
            " mixed_fraction is 0.5, got (0.0, 0.0)",
        ),
        (TrainerConfig, {"epochs": 0}, "epochs: expected at least 1, got 0"),
        (TrainerConfig, {"batch_size": 0}, "batch_size: expected at least 1, got 0"),
        (
            TrainerConfig,
            {"batch_size": 63, "consistency_weight": 0.5},
            "trainer.batch_size: expected an even number, as consistency_weight is 0.5, got 63",
        ),
        (TrainerConfig, {"peak_learning_rate": 0.0}, "peak_learning_rate: expected more than 0, got 0.0"),
        (TrainerConfig, {"warmup_epochs": -1.0}, "warmup_epochs: expected at least 0, got -1.0"),
        (TrainerConfig, {"final_rate_fraction": 1.1}, "final_rate_fraction: expected at most 1, got 1.1"),
        (TrainerConfig, {"momentum": 1.0}, "momentum: expected less than 1, got 1.0"),
        (TrainerConfig, {"weight_decay": -1e-4}, "weight_decay: expected at least 0, got -0.0001"),
        (TrainerConfig, {"label_smoothing": 1.0}, "label_smoothing: expected less than 1, got 1.0"),
        (TrainerConfig, {"consistency_weight": 1.1}, "consistency_weight: expected at most 1, got 1.1"),
        (TrainerConfig, {"reverse_weight": -0.1}, "reverse_weight: expected at least 0, got -0.1"),
        (TrainerConfig, {"ema_momentum": 1.0}, "ema_momentum: expected less than 1, got 1.0"),
        (TrainerConfig, {"threads": -1}, "threads: expected at least 0, got -1"),
        (TrainerConfig, {"threads": 1025}, "threads: expected at most 1024, got 1025"),
        (TrainerConfig, {"seed": 2**31}, "seed: expected less than 2147483648, got 2147483648"),
        (TunerConfig, {"trials": -1}, "trials: expected at least 0, got -1"),
        (TunerConfig, {"epochs": 0}, "epochs: expected at least 1, got 0"),
        (TunerConfig, {"trials": 1, "space": {}}, "tuner.space: expected at least one setting, got {}"),
        (
            TunerConfig,
            {"trials": 2, "hyperparameters_path": "best"},
            "tuner.trials + tuner.hyperparameters_path: expected one of the two, got (2, 'best')",
        ),
        (GateConfig, {"min_accuracy": 50.0}, "min_accuracy: expected at most 1, got 50.0"),
        (GateConfig, {"min_macro_f1": -0.1}, "min_macro_f1: expected at least 0, got -0.1"),
        (GateConfig, {"min_class_recall": 1.1}, "min_class_recall: expected at most 1, got 1.1"),
        (GateConfig, {"max_accuracy_drop": 1.1}, "max_accuracy_drop: expected at most 1, got 1.1"),
        (
            GateConfig,
            {"min_corrupted_accuracy": 1.5},
            "min_corrupted_accuracy: expected at most 1, got 1.5",
        ),
        (GateConfig, {"max_model_mb": 0.0}, "max_model_mb: expected more than 0, got 0.0"),
        (GateConfig, {"max_latency_ratio": -1.0}, "max_latency_ratio: expected more than 0, got -1.0"),
        (GateConfig, {"max_ece": -0.1}, "max_ece: expected at least 0, got -0.1"),
        (GateConfig, {"min_eval_rows": 0}, "min_eval_rows: expected at least 1, got 0"),
        *((PipelineConfig, {"name": name}, f"name: expected {NAME_RULE}, got {name!r}")
          for name in ("", "Fer", "7fer", "-fer", "fer_2", "fer 2", "a/b", "fér", "a" * 64)),
    ],
)  # fmt: skip
def test_section_value_out_of_range_names_setting_range_and_value(section, values, expected):
    with pytest.raises(ConfigError) as caught:
        from_nested(section, values)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("section", "values"),
    [
        (DataConfig, {"eval_fraction": 0.0, "test_fraction": 0.99, "max_line_bytes": 10_000}),
        (
            ModelConfig,
            {"stem_filters": 1, "stage_filters": (1, 1, 1, 1), "convolutions_per_stage": 1, "dropout_fraction": 0.99},
        ),
        (AugmentationConfig, {"rotation_deg": 180.0, "max_noise": 0.0, "erasing_fraction": 1.0}),
        (AugmentationConfig, {"scale_fraction": 0.99, "mixup_alpha": 0.05, "cutmix_alpha": 0.05}),
        (TrainerConfig, {"batch_size": 64, "consistency_weight": 1.0}),
        (TrainerConfig, {"epochs": 1, "batch_size": 1, "warmup_epochs": 0.0, "momentum": 0.0, "seed": 2**31 - 1}),
        (
            GateConfig,
            {"min_accuracy": 0.0, "min_macro_f1": 1.0, "max_accuracy_drop": 0.0, "max_ece": 1.0, "min_eval_rows": 1},
        ),
        (TunerConfig, {"trials": 0, "epochs": 1, "space": {}, "hyperparameters_path": "best"}),
        (PipelineConfig, {"name": "a"}),
        (PipelineConfig, {"name": "fer-2-b"}),
        (PipelineConfig, {"name": "a" * 63}),
    ],
)
def test_section_value_on_the_edge_of_its_range_is_kept(section, values):
    config = section(**values)
    assert {name: getattr(config, name) for name in values} == values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"beam": "flink"}, r"beam: expected 'in_process' or 'dataflow', got 'flink'"),
        ({"training": "local"}, r"training: expected 'container' or 'vertex', got 'local'"),
        ({"retries": -1}, r"retries: expected at least 0, got -1"),
        ({"volume_path": "fer"}, r"volume_path: expected an absolute path, got 'fer'"),
        ({"volume_path": "/"}, r"volume_path: expected an absolute path, got '/'"),
        ({"labels": {"Team": "a"}}, r"labels\.Team: expected lower-case .*, a letter first, got 'Team'"),
        ({"labels": {"team": "a b"}}, r"labels\.team: expected lower-case .*, got 'a b'"),
        ({"labels": {"1team": "a"}}, r"labels\.1team: expected lower-case .*, a letter first, got '1team'"),
    ],
)
def test_deploy_config_value_that_no_cluster_takes_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        from_nested(DeployConfig, values)


def test_deploy_config_label_without_a_value_is_taken():
    assert DeployConfig(labels={"team": ""}).labels == {"team": ""}


CLOSED = [
    "s3://b/x", "minio://b/x", "nonsense://x", "https://host/x.csv", "hdfs://h:9000/x", "file:///x", "ram://x",
    "GS://b/x", "gs:///x", "gs://", "gs:/b/x", "S3://b/c/",
]  # fmt: skip


@pytest.mark.parametrize("key", PLACES)
def test_place_is_a_local_path_or_a_bucket_that_can_be_opened(key):
    for place in ("", "a.csv", "/data/{SPAN}/*.csv", "~/x", "../x:y", "gs://b", "gs://b/x/{SPAN}/*.csv", "gs://b/a b"):
        assert read_setting(load_config(values={"data.targets": "votes", key: place}), key) == place
    for place in CLOSED:
        with pytest.raises(ConfigError) as refusal:
            load_config(values={key: place})
        expected = f"expected a local path or gs://BUCKET/PATH, which can be opened, got {place!r}"
        assert str(refusal.value) == f"command line: {key}: {expected}"


@pytest.mark.parametrize(
    ("key", "sound"), [("validation.schema_path", "a.pbtxt"), ("beam.temp_location", "gs://b/tmp")]
)
def test_place_that_only_one_kind_of_file_system_can_be_is_of_that_kind(key, sound):
    other = {"a.pbtxt": "gs://b/a.pbtxt", "gs://b/tmp": "/tmp/beam"}[sound]
    assert read_setting(load_config(values={key: sound}), key) == sound
    for place in (other, *CLOSED):
        with pytest.raises(ConfigError, match=f"^command line: {key}: expected "):
            load_config(values={key: place})
