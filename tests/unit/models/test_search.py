"""The search itself, with a stand-in for the training: what is tried, what wins, what a failure or a kill does."""

from pathlib import Path

import keras_tuner
import pytest

from configs.convert import read_setting
from configs.spec import AugmentationConfig, ModelConfig, Recipe, TrainerConfig, TunerConfig
from configs.tuning import Interval, check_space
from fer_tfx.errors import ConfigError
from models.training import TrainingError
from models.tuner_fn import RecipeSearch, TuningError, build_search_space, find_configured_values

RATE = "trainer.peak_learning_rate"
RECIPE = Recipe(ModelConfig(dropout_fraction=0.2), TrainerConfig(epochs=2, peak_learning_rate=0.1, seed=5))
SPACE = {RATE: Interval(0.01, 1.0, "log"), "model.dropout_fraction": (0.0, 0.2, 0.4)}


class TrainingDouble:
    """Stands in for the training: best at a rate of 0.3, and a file in each trial's folder."""

    def __init__(self, failing_above: float = 9.0, killed_at: int = -1) -> None:
        self.recipes: list[Recipe] = []
        self.folders: list[Path] = []
        self._failing_above = failing_above
        self._killed_at = killed_at

    def __call__(self, recipe: Recipe, folder: str) -> float:
        if len(self.recipes) == self._killed_at:
            raise KeyboardInterrupt
        self.recipes.append(recipe)
        self.folders.append(Path(folder))
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / "state").write_text("trained")
        rate = recipe.trainer.peak_learning_rate
        if rate > self._failing_above:
            raise TrainingError("loss is nan at step 3")
        return 1.0 - abs(rate - 0.3)

    @property
    def rates(self) -> list[float]:
        return [recipe.trainer.peak_learning_rate for recipe in self.recipes]


def build_search(folder: Path, training: object, trials: int = 6, recipe: Recipe = RECIPE, space: dict = SPACE):
    config = TunerConfig(trials=trials, space=space)
    return RecipeSearch(recipe, config, training, state_dir=str(folder / "state"), scratch_dir=str(folder / "scratch"))


@pytest.mark.parametrize(
    ("setting", "searched", "expected"),
    [
        (RATE, Interval(0.01, 1.0, "log"), keras_tuner.engine.hyperparameters.Float),
        ("trainer.batch_size", Interval(8.0, 64.0), keras_tuner.engine.hyperparameters.Int),
        ("trainer.batch_size", (8, 16), keras_tuner.engine.hyperparameters.Choice),
        ("trainer.augmentation.flip", (True, False), keras_tuner.engine.hyperparameters.Boolean),
        ("trainer.augmentation.flip", (True,), keras_tuner.engine.hyperparameters.Fixed),
    ],
)
def test_build_search_space_dimension_samples_allowed_values_of_its_type(setting, searched, expected):
    (parameter,) = build_search_space(RECIPE, {setting: searched}).space
    assert (type(parameter), parameter.name) == (expected, setting)
    samples = [parameter.random_sample(seed) for seed in range(20)]
    assert {type(sample) for sample in samples} == {type(read_setting(RECIPE, setting))}
    if isinstance(searched, Interval):
        assert min(samples) >= searched.low
        assert max(samples) <= searched.high
        assert len(set(samples)) > 10
    else:
        assert set(samples) == set(searched)


@pytest.mark.parametrize(
    ("setting", "interval"),
    [(RATE, Interval(0.001, 1.0, "log")), ("trainer.batch_size", Interval(1.0, 1000.0, "log"))],
)
def test_build_search_space_log_scale_gives_each_decade_its_share(setting, interval):
    (parameter,) = build_search_space(RECIPE, {setting: interval}).space
    samples = [parameter.random_sample(seed) for seed in range(300)]
    assert 70 < sum(sample < 10 * interval.low for sample in samples) < 130


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        (SPACE, {RATE: 0.1, "model.dropout_fraction": 0.2}),
        ({RATE: Interval(0.1, 0.2)}, {RATE: 0.1}),
        ({RATE: Interval(0.2, 0.3)}, None),
        ({RATE: Interval(0.01, 1.0), "model.dropout_fraction": (0.3,)}, None),
    ],
)
def test_find_configured_values_outside_the_space_is_none(space, expected):
    assert find_configured_values(RECIPE, space) == expected


def test_search_tries_the_configured_recipe_first_and_others_after_it(tmp_path):
    training = TrainingDouble()
    build_search(tmp_path, training).search()
    assert training.recipes[0] == RECIPE
    assert len(set(training.rates)) == 6
    assert all(0.01 <= rate <= 1.0 for rate in training.rates)
    assert {recipe.trainer.epochs for recipe in training.recipes} == {2}
    assert {recipe.model.dropout_fraction for recipe in training.recipes} <= {0.0, 0.2, 0.4}


def test_search_best_is_the_trial_of_highest_accuracy(tmp_path):
    training = TrainingDouble()
    search = build_search(tmp_path, training)
    search.search()
    nearest = min(training.rates, key=lambda rate: abs(rate - 0.3))
    assert nearest not in (training.rates[0], training.rates[-1])
    assert search.get_best_hyperparameters()[0].values[RATE] == nearest
    assert search.oracle.get_best_trials()[0].score == pytest.approx(1.0 - abs(nearest - 0.3))


def test_search_finished_leaves_no_state(tmp_path):
    training = TrainingDouble()
    build_search(tmp_path, training).search()
    assert not training.folders[0].exists()
    assert not (tmp_path / "state").exists()


def test_search_other_seed_tries_other_recipes_and_the_same_seed_the_same(tmp_path):
    runs = []
    for number, seed in enumerate([0, 0, 1]):
        training = TrainingDouble()
        recipe = Recipe(RECIPE.model, TrainerConfig(epochs=2, peak_learning_rate=0.1, seed=seed))
        build_search(tmp_path / str(number), training, recipe=recipe).search()
        runs.append(training.rates)
    assert runs[0] == runs[1]
    assert set(runs[0][1:]).isdisjoint(runs[2][1:])


def test_search_killed_tries_the_same_recipes_in_the_same_folders_again(tmp_path):
    whole, killed, again = TrainingDouble(), TrainingDouble(killed_at=3), TrainingDouble()
    build_search(tmp_path / "whole", whole).search()
    with pytest.raises(KeyboardInterrupt):
        build_search(tmp_path / "killed", killed).search()
    assert all((folder / "state").exists() for folder in killed.folders)
    build_search(tmp_path / "killed", again).search()
    assert again.recipes == whole.recipes
    assert again.folders[:3] == killed.folders
    assert len(set(again.folders)) == 6


def test_search_half_a_file_of_keras_tuner_does_no_harm(tmp_path):
    killed, again = TrainingDouble(killed_at=3), TrainingDouble()
    with pytest.raises(KeyboardInterrupt):
        build_search(tmp_path, killed).search()
    for file in (tmp_path / "scratch").rglob("*.json"):
        file.write_text(file.read_text()[:20])
    build_search(tmp_path, again).search()
    assert again.recipes[:3] == killed.recipes


def test_search_trial_whose_training_fails_is_passed_over(tmp_path):
    training = TrainingDouble(failing_above=0.05)
    search = build_search(tmp_path, training, trials=8)
    search.search()
    assert len(training.rates) == 8
    assert sum(rate > 0.05 for rate in training.rates) >= 3
    best = search.get_best_hyperparameters()[0].values[RATE]
    assert best == max(rate for rate in training.rates if rate <= 0.05)


def test_search_all_trials_failed_says_so_and_keeps_no_winner(tmp_path):
    training = TrainingDouble(failing_above=0.0)
    with pytest.raises(TuningError) as caught:
        build_search(tmp_path, training).search()
    assert str(caught.value) == (
        "every trial failed (6 of 6): change tuner.space, see the log; the last one: loss is nan at step 3"
    )
    assert len(training.rates) == 6


EVEN = "trainer.batch_size: expected an even number, as consistency_weight is 0.5, got 63"
SOME = "trainer.augmentation.mixup_alpha + trainer.augmentation.cutmix_alpha: expected one above 0"
MIXED = AugmentationConfig(mixed_fraction=0.5, mixup_alpha=0.2, cutmix_alpha=1.0)


@pytest.mark.parametrize(
    ("space", "refused"),
    [
        ({"trainer.batch_size": (63, 64), "trainer.consistency_weight": (0.0, 0.5)}, EVEN),
        ({f"trainer.augmentation.{name}_alpha": (0.0, 0.2) for name in ("mixup", "cutmix")}, SOME),
    ],
)
def test_search_values_that_the_recipe_refuses_together_are_passed_over_in_one_line(tmp_path, caplog, space, refused):
    """Each value goes with the recipe as configured."""
    training = TrainingDouble()
    check_space(recipe := Recipe(trainer=TrainerConfig(augmentation=MIXED)), space)
    with caplog.at_level("WARNING"):
        build_search(tmp_path, training, trials=9, recipe=recipe, space=space).search()
    assert len(training.recipes) == 3  # of four combinations
    (line,) = [record.getMessage() for record in caplog.records if record.name == "absl"]
    assert "\n" not in line
    assert refused in line
    assert all(f"'{setting}': " in line for setting in space)


def test_search_no_trial_with_values_that_go_together_tells_why(tmp_path):
    space = {RATE: (0.1, 0.2), "trainer.batch_size": (63,), "trainer.consistency_weight": (0.5,)}
    with pytest.raises(TuningError, match=rf"^every trial failed \(2 of 2\): change tuner\.space, .*: {EVEN}$"):
        build_search(tmp_path, TrainingDouble(), space=space).search()


def test_search_error_that_is_not_the_recipes_fault_ends_it(tmp_path):
    def train_on_a_full_disk(recipe: Recipe, folder: str) -> float:
        raise OSError("disk full")

    with pytest.raises(RuntimeError, match="trial 0: disk full"):
        build_search(tmp_path, train_on_a_full_disk).search()


def test_search_space_smaller_than_the_number_of_trials_ends_when_all_is_tried(tmp_path):
    training = TrainingDouble()
    build_search(tmp_path, training, trials=9, space={RATE: (0.1, 0.2, 0.3)}).search()
    assert sorted(training.rates) == [0.1, 0.2, 0.3]


def test_build_search_space_setting_that_is_unknown_is_refused():
    with pytest.raises(ConfigError, match=r"trainer\.rate: unknown setting"):
        build_search_space(RECIPE, {"trainer.rate": (0.1,)})
