import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from benchmarks.experiments import (
    check_name,
    find_entry,
    load_logged_recipe,
    load_recipe,
    read_log,
    require_writable,
)
from benchmarks.harness.command import render
from fer_tfx.errors import ConfigError, DataError


def build_entry(root: Path, **changes: Any) -> dict[str, Any]:
    """An entry as it comes back from JSON; its configuration is written to `root`."""
    (root / "recipe.yaml").write_text("trainer:\n  epochs: 3\n", "utf-8")
    overrides = ["model.stage_filters=[8, 16]"]
    recipe = asdict(load_recipe(str(root / "recipe.yaml"), overrides, 4))
    figures = {"accuracy": 0.61239, "macro_f1": 0.5, "nll": 1.1, "nll_at_best": 1.05, "temperature": 0.9}
    entry = {
        "name": "first", "config": "recipe.yaml", "overrides": overrides, "seed": 4, "recipe": recipe,
        "rows": "ranking split", "train_n": 18794, "n": 8147, "one_view": figures,
        "four_views": {**figures, "accuracy": 0.63}, "own_accuracy": 0.7, "epochs": 3, "seconds": 31,
        "others_fraction": 0.25, "git_commit": "abc",
    }  # fmt: skip
    return dict(json.loads(json.dumps({**entry, **changes})))


def test_read_log_gives_entries_in_order(tmp_path):
    log = tmp_path / "results" / "log.jsonl"
    entries = [build_entry(tmp_path), build_entry(tmp_path, name="second")]
    require_writable(log)
    log.write_text("".join(json.dumps(entry) + "\n" for entry in entries), "utf-8")
    assert read_log(log) == entries
    assert find_entry(entries, "second") == entries[1]


def test_read_log_no_file_has_no_entry(tmp_path):
    assert read_log(tmp_path / "log.jsonl") == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: not valid JSON: .*; fix or remove the line"),
        ("[]", "line 2: expected an experiment with name, rows, n, one_view, four_views; fix or remove the line"),
        ('{"name": "b"}', "line 2: expected an experiment"),
    ],
)
def test_read_log_line_that_is_no_entry_is_named(tmp_path, line, message):
    (tmp_path / "log.jsonl").write_text(f"{json.dumps(build_entry(tmp_path))}\n{line}\n", "utf-8")
    with pytest.raises(DataError, match=rf"log\.jsonl, {message}"):
        read_log(tmp_path / "log.jsonl")


@pytest.mark.parametrize("name", ["", "A", "a b", "../a", ".a", "a/b", "a" * 64])
def test_check_name_what_is_no_name_of_a_folder_is_refused(name):
    with pytest.raises(DataError, match="expected at most 63 of a-z, 0-9"):
        check_name([], name)


def test_load_logged_recipe_is_that_of_the_configuration_overrides_and_seed(tmp_path):
    recipe = load_logged_recipe(build_entry(tmp_path), tmp_path)
    assert (recipe.trainer.epochs, recipe.trainer.seed, recipe.model.stage_filters) == (3, 4, (8, 16))


def test_load_logged_recipe_setting_that_came_later_keeps_its_default(tmp_path):
    entry = build_entry(tmp_path)
    del entry["recipe"]["trainer"]["ema_momentum"]
    assert load_logged_recipe(entry, tmp_path).trainer.ema_momentum == 0.99


def test_load_logged_recipe_changed_configuration_is_refused_with_the_commit(tmp_path):
    entry = build_entry(tmp_path)
    (tmp_path / "recipe.yaml").write_text("trainer:\n  epochs: 5\n", "utf-8")
    with pytest.raises(ConfigError, match=r"^recipe\.yaml: gives another recipe than .* first; check out commit abc$"):
        load_logged_recipe(entry, tmp_path)


def test_load_logged_recipe_average_cannot_be_repeated(tmp_path):
    with pytest.raises(
        DataError, match=r"^both: its entry has no config, overrides, seed, recipe; it can't be repeated$"
    ):
        load_logged_recipe({"name": "both", "average_of": ["a", "b"], "rows": "ranking split"}, tmp_path)


def test_table_has_one_line_an_experiment(tmp_path):
    average = {
        key: value for key, value in build_entry(tmp_path).items() if key in ("n", "one_view", "four_views", "rows")
    }
    final = build_entry(tmp_path, rows="public test", public_look=3)
    entries = [build_entry(tmp_path), {**average, "name": "both"}, final]
    lines = render("experiments.md", entries=entries).splitlines()
    assert len(lines) == 5
    assert {line.count("|") for line in lines} == {15}
    assert lines[2] == (
        "| first | 18794 rows | 3 | 4 | 8147, ranking split | 0.6124 | 1.1000 | 1.0500 | 0.6300 | 1.0500 | 0.5000 |"
        " 0.7000 | 31 | 25% |"
    )
    assert lines[3].startswith("| both | - | - | - | 8147, ranking split | 0.6124 |")
    assert "| 8147, public test, look 3 |" in lines[4]
