"""What a release adds to the card of the run: every figure that it promises, each from metrics.json."""

import copy
from pathlib import Path
from typing import Any

import pytest

from benchmarks.ship import LightForm, look_up, render_card
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import DataError
from reporting.corruptions import CORRUPTIONS

DIGESTS = {"saved_model.pb": "ab" * 32}
LIGHT = LightForm("int8", Path(), {"bytes": 1_156_304, "views": {
    4: {"accuracy": {"value": 0.7091, "low": 0.6941, "high": 0.7238, "n": 3585}, "macro_f1": 0.6777,
        "trust": {"nll": 0.8999, "ece": 0.0222}},
}})  # fmt: skip


@pytest.fixture
def pushed(tmp_path: Path) -> Path:
    folder = tmp_path / "1795"
    (folder / "assets.extra").mkdir(parents=True)
    (folder / "assets.extra" / "MODEL_CARD.md").write_text("# Of the run\n\n| made from |\n|---|\n| /tmp |\n", "utf-8")
    return folder


def share(value: float, count: int) -> dict[str, float | int]:
    return {"value": value, "low": value - 0.0101, "high": value + 0.0102, "n": count}


@pytest.fixture
def metrics() -> dict[str, Any]:
    """The form of `benchmarks.evaluate`, each value another one so that none can stand in for its neighbour."""
    return {
        "parameters": 1_234_567, "epochs": 52, "train_wall_seconds": 8999.4, "train_wall_seconds_n": 52,
        "teacher_wall_seconds": 3360.2,
        "public_accuracy": 0.7011, "public_accuracy_n": 3589, "macro_f1": 0.6712, "macro_f1_n": 3589,
        "ece_before": 0.0513, "ece_after": 0.0214,
        "accuracy": {
            "all_rows": share(0.7015, 3589), "clean_rows": share(0.6816, 3309), "leaked_rows": share(0.8817, 280),
        },
        "views": {
            count: {
                "all_rows": share(0.7118 + step, 3588), "clean_rows": share(0.6919 + step, 3308),
                "abstain": {"threshold": 0.5 + step, "coverage": share(0.76 + step, 3586),
                            "accuracy": share(0.81 + step, 2702)},
            }
            for count, step in (("1", 0.0), ("4", 0.03))
        },
        "classes": {
            "accuracy": 0.7011, "macro_f1": 0.6712, "balanced_accuracy": 0.6520, "n": 3589,
            "recall": {name: share(0.50 + index / 40, 400 + index) for index, name in enumerate(DEFAULT_CLASS_NAMES)},
            "confusion": [[1000 * row + column for column in range(7)] for row in range(7)],
        },
        "calibration": {
            "temperature": 1.2321,
            "before": {"ece": 0.0513, "nll": 0.9522, "brier": 0.4523, "n": 3589},
            "after": {"ece": 0.0214, "nll": 0.9124, "brier": 0.4325, "n": 3587},
        },
        "abstain": {"threshold": 0.5526, "coverage": share(0.7527, 3589), "accuracy": share(0.8028, 2701)},
        "robustness": {
            name: {**share(0.40 + index / 100, 3580 + index), "relative": 0.60 + index / 1000}
            for index, name in enumerate(CORRUPTIONS)
        },
        "configuration": {}, "code": "0123456789abcdef", "curves": "curves.png", "command": "python -m evaluate",
        "train_command": "fer-tfx run --data train.csv.xz", "git_commit": "c0ffee", "git_is_changed": False,
    }  # fmt: skip


def test_render_card_every_figure_is_in_its_place(metrics, pushed):
    card = render_card(pushed, metrics, LIGHT, "2,345,678 bytes as a SavedModel", DIGESTS)
    assert card.startswith("# Of the run\n\n## Release\n")
    for line in [
        "Added by `python -m benchmarks.ship`, version 1795: 2,345,678 bytes as a SavedModel. Rights in data and"
        " weights: LICENCE_NOTE.md.",
        "| all rows | 0.7015 | 0.6914 to 0.7117 | 3,589 |",
        "| clean rows: the training file doesn't hold the picture | 0.6816 | 0.6715 to 0.6918 | 3,309 |",
        "| leaked rows: the training file holds the same picture | 0.8817 | 0.8716 to 0.8919 | 280 |",
        "| all rows, views averaged: 1 | 0.7118 | 0.7017 to 0.7220 | 3,588 |",
        "| clean rows, views averaged: 4 | 0.7219 | 0.7118 to 0.7321 | 3,308 |",
        "Answers average the model's own views of each picture unless said otherwise: 1. `fer-tfx predict --views`"
        " averages others; docs/predict.md.",
        "Macro F1 0.6712 (n = 3,589), balanced accuracy 0.6520 (n = 3,589).",
        "| angry | 0.5000 | 0.4899 to 0.5102 | 400 |",
        "| neutral | 0.6500 | 0.6399 to 0.6602 | 406 |",
        "Calibration, without and with the temperature of 1.2321; ECE has 15 bins:",
        "| before temperature | 0.0513 | 0.9522 | 0.4523 | 3,589 |",
        "| after temperature | 0.0214 | 0.9124 | 0.4325 | 3,587 |",
        "`fer-tfx predict --abstain` says `unsure` below a confidence of 0.5526:",
        "| share of pictures kept | 0.7527 | 0.7426 to 0.7629 | 3,589 |",
        "| accuracy of those | 0.8028 | 0.7927 to 0.8130 | 2,701 |",
        "| averaging 4 views, below 0.5300: kept | 0.7900 | 0.7799 to 0.8002 | 3,586 |",
        "| accuracy of those | 0.8400 | 0.8299 to 0.8502 | 2,702 |",
        "| `gaussian_noise_20` | 0.4000 | 0.3899 to 0.4102 | 3,580 | 0.600 |",
        "| `darker_x0.4` | 0.4200 | 0.4099 to 0.4302 | 3,582 | 0.602 |",
        "The light form, which `fer_tfx` loads, has int8 weights and activations, calibrated on training rows. Its own"
        " figures, all rows:",
        "| 4 | 0.7091 | 0.6941 to 0.7238 | 3,585 | 0.6777 | 0.8999 | 0.0222 |",
        "- **Training**: 8,999 s of wall time (2.5 h) for 52 epochs, and 3,360 s for its teachers. Energy was not"
        " measured.",
        "- **Command**: `fer-tfx run --data train.csv.xz`",
        "- **Figures**: `python -m evaluate`",
        "- **Code**: training 0123456789abcdef, evaluation c0ffee",
        f"| `saved_model.pb` | `{'ab' * 32}` |",
    ]:
        assert f"\n{line}\n" in card, line
    assert "\n- **Versions**: Python 3." in card


def test_render_card_code_with_uncommitted_changes_is_told(metrics, pushed):
    card = render_card(pushed, metrics | {"git_is_changed": True}, LIGHT, "", DIGESTS)
    assert "evaluation c0ffee with uncommitted changes\n" in card


NEEDED = [
    "epochs", "train_wall_seconds", "macro_f1", "macro_f1_n", "accuracy", "accuracy.clean_rows",
    "accuracy.clean_rows.low", "classes.balanced_accuracy", "classes.recall.disgust",
    "calibration.temperature", "calibration.before", "calibration.after.ece", "abstain.threshold",
    "abstain.coverage", "robustness", "code", "command",
]  # fmt: skip


@pytest.mark.parametrize("key", NEEDED)
@pytest.mark.parametrize("is_null", [False, True])
def test_render_card_missing_figure_is_one_line_that_names_it(metrics, pushed, key, is_null):
    changed = copy.deepcopy(metrics)
    *sections, leaf = key.split(".")
    place = changed
    for section in sections:
        place = place[section]
    if is_null:
        place[leaf] = None
    else:
        del place[leaf]
    with pytest.raises(DataError, match=rf"^metrics: no `{key}(?:\.\w+)*` in it; write it with `python -m ben"):
        render_card(pushed, changed, LIGHT, "", DIGESTS)


def test_look_up_key_below_a_number_is_missing():
    assert look_up({"a": {"b.c": 0}}, "a", "b.c") == 0
    with pytest.raises(DataError, match=r"no `a\.b`"):
        look_up({"a": 3}, "a", "b")
