"""Settings from text: what is read, what wins, and what a person is told when it is wrong."""

import dataclasses
import json
import typing
from pathlib import Path

import pytest
import yaml

from configs.convert import leaf_keys, read_setting
from configs.load import from_json, load_config, overlay, to_json, to_yaml
from configs.spec import AugmentationConfig, DataConfig, PipelineConfig, Recipe, TrainerConfig, TunerConfig
from configs.tuning import Interval
from fer_tfx.errors import ConfigError

CONFIGS = Path(__file__).parents[3] / "configs"


@pytest.fixture
def config_path(tmp_path: Path) -> Path:
    return tmp_path / "own.yaml"


def read(path: Path, text: str, *overrides: str) -> PipelineConfig:
    path.write_text(text, encoding="utf-8")
    return load_config(path, overrides)


def message_of(path: Path, text: str, *overrides: str) -> str:
    """What `load_config` complains of, with the folder left out."""
    with pytest.raises(ConfigError) as caught:
        read(path, text, *overrides)
    return str(caught.value).replace(str(path), "own.yaml")


def test_load_config_empty_file_gives_every_default(config_path):
    assert read(config_path, "") == load_config() == PipelineConfig()


def test_load_config_nested_section_reaches_its_dataclass(config_path):
    config = read(config_path, "trainer:\n  epochs: 3\n  augmentation:\n    flip: false\n")
    assert config.trainer == TrainerConfig(epochs=3, augmentation=AugmentationConfig(flip=False))


def test_load_config_unknown_key_names_its_line_and_the_nearest_valid_one(config_path):
    text = "name: fer\ntrainer:\n  epochs: 2\n  peak_learning_rat: 0.1\n"
    assert message_of(config_path, text) == (
        "own.yaml:4: trainer.peak_learning_rat: unknown setting; did you mean 'trainer.peak_learning_rate'?"
    )


def test_load_config_key_in_the_wrong_section_names_the_right_one(config_path):
    assert message_of(config_path, "momentum: 0.9\n") == (
        "own.yaml:1: momentum: unknown setting; did you mean 'trainer.momentum'?"
    )


def test_load_config_key_unlike_any_lists_the_valid_ones(config_path):
    message = message_of(config_path, "zzzzz: 1\n")
    assert message.startswith("own.yaml:1: zzzzz: unknown setting; valid are beam.endpoint, beam.engine, ")
    assert message.endswith(", tuner.trials, validation.schema_path")


def test_load_config_file_changes_the_settings_of_its_base(tmp_path):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "first.yaml").write_text("name: first\ntrainer: {epochs: 7, momentum: 0.5, seed: 3}\n")
    (tmp_path / "recipes" / "second.yaml").write_text("base: ../first.yaml\nname: second\ntrainer.epochs: 8\n")
    config = read(tmp_path / "own.yaml", "trainer:\n  seed: 4\nbase: recipes/second.yaml\n", "trainer.momentum=0.6")
    assert config == PipelineConfig(name="second", trainer=TrainerConfig(epochs=8, momentum=0.6, seed=4))


@pytest.mark.parametrize(
    ("base", "text", "expected"),
    [
        ("other.yaml", "trainer:\n  epochs: x\n", "other.yaml:2: trainer.epochs: expected a whole number, got 'x'"),
        (
            "other.yaml", "trainer: [\n",
            "other.yaml:2: not valid YAML: expected the node content, but found '<stream end>'",
        ),
        (
            "other.yaml", "base: own.yaml\n",
            "other.yaml:1: base: own.yaml builds on this file; take one of the two lines out",
        ),
        ("own.yaml", "", "own.yaml:2: base: own.yaml builds on this file; take one of the two lines out"),
        (
            "no.yaml", "",
            "own.yaml:2: base: no.yaml: no such configuration file; name one relative to this file",
        ),
        ("''", "", "own.yaml:2: base: .: can't be read as a configuration file: [Errno 21] Is a directory: '.'"),
        ("3", "", "own.yaml:2: base: expected a configuration file, got 3"),
        ("[a.yaml]", "", "own.yaml:2: base: expected a configuration file, got ['a.yaml']"),
    ],
)  # fmt: skip
def test_load_config_base_that_is_wrong_names_the_line_to_change(tmp_path, monkeypatch, base, text, expected):
    monkeypatch.chdir(tmp_path)
    Path("other.yaml").write_text(text)
    assert message_of(Path("own.yaml"), f"name: own\nbase: {base}\n") == expected


def test_load_config_value_in_place_of_a_section_is_refused(config_path):
    assert message_of(config_path, "name: fer\ntrainer: 3\n").startswith("own.yaml:2: trainer: unknown setting")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("trainer:\n  epochs: many\n", "own.yaml:2: trainer.epochs: expected a whole number, got 'many'"),
        ("trainer:\n  epochs: 1.5\n", "own.yaml:2: trainer.epochs: expected a whole number, got 1.5"),
        ("trainer:\n  epochs: true\n", "own.yaml:2: trainer.epochs: expected a whole number, got True"),
        ("data:\n  drop_repeats: 1\n", "own.yaml:2: data.drop_repeats: expected true or false, got 1"),
        ("gate:\n  min_accuracy: true\n", "own.yaml:2: gate.min_accuracy: expected a finite number, got True"),
        ("gate:\n  min_accuracy: half\n", "own.yaml:2: gate.min_accuracy: expected a finite number, got 'half'"),
        ("name: [7]\n", "own.yaml:1: name: expected text, got ['7']"),
        ("data: {path: }\n", "own.yaml:1: data.path: expected text, got None"),
        ("model:\n  stage_filters: 32\n", "own.yaml:2: model.stage_filters: expected a list, got 32"),
        ("model:\n  stage_filters: [8, x]\n", "own.yaml:2: model.stage_filters: expected a whole number, got 'x'"),
        ("runtime: {beam_pipeline_args: --x}\n", "own.yaml:1: runtime.beam_pipeline_args: expected a list, got '--x'"),
    ],
)
def test_load_config_wrong_type_names_line_key_and_value(config_path, text, expected):
    assert message_of(config_path, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "data:\n  eval_fraction: 1.5\n",
            "own.yaml:2: data.eval_fraction: expected at most 1, got 1.5",
        ),
        ("trainer:\n  epochs: 0\n", "own.yaml:2: trainer.epochs: expected at least 1, got 0"),
        (
            "trainer:\n  augmentation:\n    rotation_deg: 181\n",
            "own.yaml:3: trainer.augmentation.rotation_deg: expected at most 180, got 181",
        ),
        (
            "model:\n  stage_filters: []\n",
            "own.yaml:2: model.stage_filters: expected a list of at least 1, got []",
        ),
        ("gate:\n  min_accuracy: .nan\n", "own.yaml:2: gate.min_accuracy: expected a finite number, got nan"),
    ],
)
def test_load_config_value_out_of_range_names_line_range_and_value(config_path, text, expected):
    assert message_of(config_path, text) == expected


def test_load_config_fractions_too_large_together_name_a_line_of_the_file(config_path):
    message = message_of(config_path, "data:\n  eval_fraction: 0.5\n  test_fraction: 0.5\n")
    assert message.endswith("data.eval_fraction + data.test_fraction: expected less than 1, got 1.0")
    assert message.startswith("own.yaml:")


def read_hint(key: str) -> object:
    """The declared type of a setting of `PipelineConfig`."""
    *sections, leaf = key.split(".")
    cls: typing.Any = PipelineConfig
    for section in sections:
        cls = typing.get_type_hints(cls)[section]
    return typing.get_type_hints(cls)[leaf]


FLOAT_KEYS = [key for key in leaf_keys(PipelineConfig) if read_hint(key) is float]


@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan", "inf", "1e999", "1" + 400 * "0"])
def test_load_config_number_that_is_not_finite_is_refused_for_every_float_setting(config_path, value):
    assert len(FLOAT_KEYS) > 25
    for key in FLOAT_KEYS:
        shown = repr(yaml.safe_load(value))
        assert (
            message_of(config_path, f"\n{key}: {value}\n")
            == f"own.yaml:2: {key}: expected a finite number, got {shown}"
        )


def test_load_config_number_that_is_not_finite_is_refused_wherever_it_comes_from(config_path):
    for key, value in (
        ("trainer.weight_decay", ".inf"),
        ("deploy.resources", "{Trainer: {cpus: .inf}}"),
        ("tuner.space", "{trainer.momentum: [0.5, .nan]}"),
        ("tuner.space", "{trainer.peak_learning_rate: {low: 0.1, high: .inf}}"),
    ):
        assert message_of(config_path, "", f"{key}={value}").startswith(f"--set: {key}")
    with pytest.raises(ConfigError, match=r"^warmup_epochs: expected a finite number, got inf$"):
        from_json(TrainerConfig, '{"warmup_epochs": Infinity}')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "trainer:\n  epochs: 3\n  seed: 1\n  epochs: 4\n",
            "own.yaml:4: not valid YAML: 'epochs' is already given in line 2; keep one of the two",
        ),
        (
            "trainer: {epochs: 3}\ndata: {}\ntrainer: {seed: 1}\n",
            "own.yaml:3: not valid YAML: 'trainer' is already given in line 1; keep one of the two",
        ),
        (
            "deploy:\n  labels:\n    team: a\n    'team': b\n",
            "own.yaml:4: not valid YAML: 'team' is already given in line 3; keep one of the two",
        ),
        (
            "tuner:\n  space:\n    trainer.momentum: {low: 0.1,\n      high: 0.2, low: 0.15}\n",
            "own.yaml:4: not valid YAML: 'low' is already given in line 3; keep one of the two",
        ),
        (
            "trainer.epochs: 3\ntrainer:\n  epochs: 4\n",
            "own.yaml:3: 'trainer.epochs' is already set at own.yaml:1; keep one of the two",
        ),
    ],
)
def test_load_config_key_given_twice_is_refused_with_both_lines(config_path, text, expected):
    assert message_of(config_path, text) == expected


def test_load_config_key_given_twice_within_an_override_is_refused(config_path):
    assert message_of(config_path, "", "deploy.labels={a: x, a: y}") == (
        "--set deploy.labels={a: x, a: y}: not valid YAML: 'a' is already given in line 1; keep one of the two"
    )


def test_load_config_same_key_in_two_sections_is_no_repeat(config_path):
    config = read(config_path, "trainer: {epochs: 3}\ntuner: {epochs: 4}\n")
    assert (config.trainer.epochs, config.tuner.epochs) == (3, 4)


def test_load_config_exponent_without_a_dot_is_read_as_a_number(config_path):
    assert isinstance(yaml.safe_load("1e-3"), str)  # YAML 1.1, which is why this needs a test
    assert read(config_path, "trainer: {weight_decay: 1e-3}").trainer.weight_decay == 0.001
    assert read(config_path, "", "trainer.weight_decay=1e-3").trainer.weight_decay == 0.001


def test_load_config_whole_number_for_a_fraction_becomes_a_float(config_path):
    value = read(config_path, "gate: {min_accuracy: 1}").gate.min_accuracy
    assert (value, type(value)) == (1.0, float)


def test_load_config_list_becomes_a_tuple(config_path):
    config = read(config_path, "model: {stage_filters: [8, 16]}", 'runtime.beam_pipeline_args=["--a", "--b"]')
    assert config.model.stage_filters == (8, 16)
    assert config.runtime.beam_pipeline_args == ("--a", "--b")


@pytest.mark.parametrize("root", ["- name\n- fer\n", "just text\n", "7\n"])
def test_load_config_root_that_is_no_mapping_is_refused(config_path, root):
    assert message_of(config_path, root) == "own.yaml:1: expected settings as `key: value`"


def test_load_config_yaml_error_names_its_line(config_path):
    message = message_of(config_path, "name: fer\ndata: [1, 2\ntrainer: {}\n")
    assert message.startswith("own.yaml:3: not valid YAML: ")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("name: a\x01b\n", id="control character"),
        pytest.param("name: !own b\n", id="unknown tag"),
        pytest.param("trainer: {epochs: !!int b}\n", id="tag that does not fit"),
        pytest.param("name: 2024-13-45\n", id="a date that is none"),
        pytest.param("trainer: &again\n  augmentation: *again\n", id="alias of itself"),
    ],
)
def test_load_config_yaml_that_cannot_be_constructed_is_a_config_error(config_path, text):
    assert message_of(config_path, text).startswith("own.yaml:")


def test_load_config_missing_file_says_how_to_give_one(tmp_path):
    path = tmp_path / "none.yaml"
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value) == f"{path}: no such configuration file; give an existing one with --config"


def test_load_config_folder_in_place_of_a_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="can't be read as a configuration file"):
        load_config(tmp_path)


def test_load_config_bytes_that_are_no_text_are_refused(config_path):
    config_path.write_bytes(b"name: \xff\n")
    with pytest.raises(ConfigError, match="can't be read as a configuration file"):
        load_config(config_path)


def test_load_config_override_beats_the_file_and_the_last_override_wins(config_path):
    config = read(config_path, "trainer: {epochs: 2}", "trainer.epochs=3", "trainer.epochs=4", "trainer.seed=5")
    assert (config.trainer.epochs, config.trainer.seed) == (4, 5)


def test_load_config_override_with_an_equals_sign_in_its_value_keeps_it(config_path):
    assert read(config_path, "", "data.path=a=b.csv").data.path == "a=b.csv"


def test_load_config_wrong_override_names_set_rather_than_the_file(config_path):
    message = message_of(config_path, "trainer: {epochs: 2}", "trainer.epochs=0")
    assert message == "--set: trainer.epochs: expected at least 1, got 0"


def test_load_config_wrong_file_value_that_is_overridden_does_no_harm(config_path):
    assert read(config_path, "trainer: {epochs: many}", "trainer.epochs=3").trainer.epochs == 3


@pytest.mark.parametrize("override", ["trainer.epochs", "=3", " =3"])
def test_load_config_override_without_key_or_value_shows_the_form(config_path, override):
    assert message_of(config_path, "", override) == (
        f"--set {override}: expected section.key=value, such as trainer.epochs=3"
    )


def test_load_config_override_that_is_no_yaml_says_why(config_path):
    message = message_of(config_path, "", "deploy.parameters=[a")
    assert message.startswith("--set deploy.parameters=[a: not valid YAML: expected ',' or ']'")


@pytest.mark.parametrize("override", ["trainer.epochs=2024-13-45", "trainer.epochs=!!int b", "trainer.seed=1__0"])
def test_load_config_override_that_cannot_be_constructed_is_a_config_error(config_path, override):
    assert message_of(config_path, "", override).startswith("--set")


@pytest.mark.parametrize(
    "text",
    ["/data/Project #2/runs", "010", "2020-01-01", "no", "null", "~", "[a]", "{a: 1}", "a: b", "'a'", '"', "*a", "&a",
     "!!int 3", "1e3", " a ", "- a", "%", "ä", "#"],
)  # fmt: skip
@pytest.mark.parametrize("key", ["runtime.root", "data.path"])
def test_load_config_override_of_a_text_takes_it_as_it_is(key, text):
    section, _, name = key.partition(".")
    assert getattr(getattr(load_config(overrides=[f"{key}={text}"]), section), name) == text


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("trainer.epochs=010", 10),
        ("trainer.seed=0009", 9),
        ("trainer.seed=1_000", 1000),
        ("trainer.epochs=7.0", 7),
        ("model.stage_filters=[010, 16]", (10, 16)),
        ("data.drop_repeats=no", False),
        ("trainer.weight_decay=1e-3", 0.001),
        ("export.views=2", 2),
        ("training_input.mode=stream", "stream"),
        ("notify.command=[/bin/tell, 010, no, 2020-01-01]", ("/bin/tell", "010", "no", "2020-01-01")),
        ("deploy.labels={team: 007, date: 2020-01-01, on: off}", {"team": "007", "date": "2020-01-01", "on": "off"}),
        ("tuner.space={trainer.batch_size: [032, 64]}", {"trainer.batch_size": (32, 64)}),
    ],
)
def test_load_config_override_is_read_by_the_type_of_its_setting(override, expected):
    *sections, leaf = override.partition("=")[0].split(".")
    config: typing.Any = load_config(overrides=[override])
    for section in sections:
        config = getattr(config, section)
    assert getattr(config, leaf) == expected


@pytest.mark.parametrize("value", ["0x10", "0o7", "1:30", "2020-01-01", "ten", ""])
def test_load_config_override_that_is_no_decimal_number_is_refused(config_path, value):
    expected = f"--set: trainer.epochs: expected a whole number, got {value!r}"
    assert message_of(config_path, "", f"trainer.epochs={value}") == expected


@pytest.mark.parametrize(
    "config",
    [
        PipelineConfig(),
        DataConfig(path="Gesichter/ä b.csv", eval_fraction=0.25, drop_repeats=False),
        TrainerConfig(weight_decay=1e-7, augmentation=AugmentationConfig(flip=False)),
        PipelineConfig(name="b"),
        TunerConfig(trials=3, space={"trainer.momentum": Interval(0.5, 0.9, "log"), "trainer.batch_size": (32, 64)}),
    ],
)
def test_from_json_of_to_json_gives_the_same_dataclass(config):
    assert from_json(type(config), to_json(config)) == config


def test_from_json_list_becomes_a_tuple_again():
    config = load_config(overrides=["model.stage_filters=[8, 16]"])
    assert from_json(PipelineConfig, to_json(config)).model.stage_filters == (8, 16)


def test_to_json_keys_are_sorted_so_that_equal_configs_give_equal_texts():
    keys = list(json.loads(to_json(DataConfig())))
    assert keys == sorted(keys)
    assert keys[0] == "classes"


def test_to_json_changed_setting_changes_the_text():
    assert to_json(DataConfig()) != to_json(DataConfig(eval_fraction=0.2))


def test_to_yaml_text_loads_back_to_the_same_config(config_path):
    overrides = ["model.stage_filters=[8]", "trainer.weight_decay=1e-7", "data.path=Gesichter/ä: b.csv", "name=on1"]
    config = load_config(overrides=[*overrides, "data.drop_repeats=false"])
    assert config.data.path == "Gesichter/ä: b.csv"
    assert read(config_path, to_yaml(config)) == config


def test_to_yaml_default_config_holds_every_setting_in_declared_order():
    sections = yaml.safe_load(to_yaml(PipelineConfig()))
    assert list(sections) == [
        "name",
        "data",
        "spans",
        "validation",
        "model",
        "trainer",
        "training_input",
        "tuner",
        "distillation",
        "ensemble",
        "export",
        "gate",
        "serving",
        "runtime",
        "beam",
        "deploy",
        "notify",
    ]
    assert sections["trainer"]["augmentation"]["rotation_deg"] == 10.0
    assert sections["model"]["stage_filters"] == [32, 64, 128]


@pytest.mark.parametrize(
    "text", ["trainer:\n", "trainer:\n  augmentation:\n  epochs: 3\n", "data: ~\ntrainer: {epochs: 3}\n"]
)
def test_load_config_section_without_lines_keeps_its_defaults(tmp_path, text):
    path = tmp_path / "own.yaml"
    path.write_text(text)
    epochs = 3 if "epochs" in text else PipelineConfig().trainer.epochs
    trainer = dataclasses.replace(PipelineConfig().trainer, epochs=epochs)
    assert load_config(path) == dataclasses.replace(PipelineConfig(), trainer=trainer)


def test_load_config_space_of_a_file_holds_intervals_and_choices(config_path):
    text = """
tuner:
  trials: 8
  space:
    trainer.weight_decay: {low: 1e-5, high: 1e-3, scale: log}
    trainer.momentum: {low: 0, high: 0.9}
    trainer.batch_size: [32, 64]
    trainer.augmentation.flip: [true, false]
"""
    tuner = read(config_path, text).tuner
    assert tuner == TunerConfig(
        trials=8,
        space={
            "trainer.weight_decay": Interval(1e-5, 1e-3, "log"),
            "trainer.momentum": Interval(0.0, 0.9, "linear"),
            "trainer.batch_size": (32, 64),
            "trainer.augmentation.flip": (True, False),
        },
    )
    assert [type(each) for each in tuner.space["trainer.augmentation.flip"]] == [bool, bool]


def test_load_config_space_of_an_override_replaces_that_of_the_file(config_path):
    text = "tuner: {space: {trainer.momentum: [0.8]}}"
    config = read(config_path, text, "tuner.space={trainer.batch_size: [32]}")
    assert config.tuner.space == {"trainer.batch_size": (32,)}


def test_to_yaml_space_loads_back_to_the_same_one(config_path):
    config = read(config_path, "", "tuner.space={trainer.momentum: {low: 0.1, high: 0.9}, trainer.batch_size: [32]}")
    assert read(config_path, to_yaml(config)) == config


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        ("3", "tuner.space: expected a mapping, got 3"),
        ("{3: [1]}", "tuner.space.3: expected text, got 3"),
        ("{trainer.momentum: 3}", "tuner.space.trainer.momentum: expected a mapping or a list, got 3"),
        ("{trainer.momentum: []}", "tuner.space.trainer.momentum: expected a mapping or a list of at least 1, got []"),
        (
            "{trainer.momentum: {low: 0.9, high: 0.9}}",
            "tuner.space.trainer.momentum: expected low below high or a list",
        ),
        (
            "{trainer.weight_decay: {low: 0, high: 0.1, scale: log}}",
            "tuner.space.trainer.weight_decay: expected low above 0 on a log scale or a list, got {'low': 0",
        ),
        (
            "{trainer.momentum: {low: 0.1, high: 0.2, scale: cube}}",
            "tuner.space.trainer.momentum.scale: expected 'linear' or 'log', got 'cube'",
        ),
        (
            "{trainer.momentum: {low: 0.1, high: .inf}}",
            "tuner.space.trainer.momentum.high: expected a finite number, got inf",
        ),
        ("{trainer.momentum: {low: 0.5}}", "tuner.space.trainer.momentum.high: expected a value, got nothing"),
        (
            "{trainer.momentum: {low: 0, high: 0.5, scal: log}}",
            "tuner.space.trainer.momentum.scal: unknown setting; did you mean 'scale'?",
        ),
        ("{trainer.momentum: [0.5, [1]]}", "tuner.space.trainer.momentum: expected true or false or a whole number or"),
        ("{trainer.momentum: [2.0]}", "tuner.space: trainer.momentum: expected less than 1, got 2.0"),
    ],
)
def test_load_config_space_of_a_wrong_form_names_line_and_place(config_path, space, expected):
    assert message_of(config_path, f"tuner:\n  space: {space}\n").startswith(f"own.yaml:2: {expected}")


def test_from_json_whole_number_with_a_dot_is_taken_for_a_whole_setting():
    """As a cluster may write the value of a parameter."""
    trainer = from_json(TrainerConfig, '{"epochs": 7.0, "peak_learning_rate": 1}')
    assert (trainer.epochs, trainer.peak_learning_rate) == (7, 1.0)
    assert isinstance(trainer.epochs, int)


def test_committed_teachers_are_the_recipe_of_fer2013_cut_short():
    plain, *pupils = (
        load_config(CONFIGS / f"{name}.yaml") for name in ("fer2013", "fer2013-taught", "fer2013-accurate")
    )
    teacher = Recipe(plain.model, dataclasses.replace(plain.trainer, epochs=120))
    assert [overlay(Recipe(each.model, each.trainer), each.distillation.teacher) for each in pupils] == [teacher] * 2


def test_committed_member_is_the_recipe_of_fer2013_for_fewer_epochs():
    plain, accurate = (load_config(CONFIGS / f"{name}.yaml") for name in ("fer2013", "fer2013-accurate"))
    (member,) = accurate.ensemble.members
    shorter = dataclasses.replace(plain.trainer, target_weight=0.0, epochs=200, seed=2)
    assert overlay(Recipe(accurate.model, accurate.trainer), member) == Recipe(plain.model, shorter)


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("trainer: {epochs: 010}", "trainer.epochs", 10),
        ("trainer: {epochs: 1_000}", "trainer.epochs", 1000),
        ("trainer: {peak_learning_rate: 00.5}", "trainer.peak_learning_rate", 0.5),
        ("data: {label_map: {010: leave_out, 1.0: angry, no: happy, 2020-01-01: sad}}", "data.label_map",
         {"010": "leave_out", "1.0": "angry", "no": "happy", "2020-01-01": "sad"}),
        ("data: {classes: [[no, nope, 7], yes]}", "data.classes", (("no", "nope", "7"), "yes")),
        ("name: no", "name", "no"),
        ("notify: {command: [/bin/tell, 010, ~, 'a']}", "notify.command", ("/bin/tell", "010", "~", "a")),
        ("data: &own {label_map: {8: leave_out}}\ntrainer: {epochs: 7}", "data.label_map", {"8": "leave_out"}),
    ],
)  # fmt: skip
def test_load_config_file_means_what_is_written_as_an_override_does(config_path, text, key, value):
    config_path.write_text(f"{text}\n", "utf-8")
    assert read_setting(load_config(config_path), key) == value


@pytest.mark.parametrize("value", ["1:30", "0x10", "0b1", "2020-01-01", "1:30.5"])
def test_load_config_file_with_a_number_of_another_base_is_refused(config_path, value):
    """YAML 1.1 would read 1:30 as 90."""
    for key in ("trainer.seed", "trainer.peak_learning_rate"):
        expected = "a whole number" if key == "trainer.seed" else "a finite number"
        assert message_of(config_path, f"{key}: {value}\n") == f"own.yaml:1: {key}: expected {expected}, got '{value}'"
