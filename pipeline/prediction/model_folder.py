"""`--model` -> the folder of a SavedModel, and what lies beside its graph."""

import json
from pathlib import Path

from schema.contract import CALIBRATION_FILE, EXTRA_ASSETS_DIR, THRESHOLD_KEY
from schema.errors import ConfigError
from serving.shipped import find_shipped_model

_GRAPH_FILE = "saved_model.pb"


def find_model(given: Path | None) -> Path:
    """Folder of the SavedModel to use: the given one, its latest version, or the shipped one.

    Args:
        given: a SavedModel, or a folder of versions with numbers for names, as TensorFlow Serving takes it.

    Raises:
        ConfigError: there is no SavedModel.
        DataError: the shipped model is damaged.
    """
    if given is None:
        return find_shipped_model()
    if not given.is_dir():
        raise ConfigError(f"{given}: no such folder; give --model a SavedModel or a folder of its versions")
    versions = [each for each in given.iterdir() if each.name.isdecimal() and each.is_dir()]
    folder = given if (given / _GRAPH_FILE).exists() else max(versions, key=lambda each: int(each.name), default=given)
    if not (folder / _GRAPH_FILE).is_file():
        raise ConfigError(
            f"{folder}: no SavedModel in it ({_GRAPH_FILE} is missing); give --model the folder `serving` of a run,"
            " or one version in it"
        )
    return folder


def read_abstain_threshold(folder: Path) -> float:
    """The least confidence at which a model should answer, as its calibration found it, in [0, 1].

    Raises:
        ConfigError: the model has no such figure.
    """
    path = folder / EXTRA_ASSETS_DIR / CALIBRATION_FILE
    remedy = "give a threshold with --min-confidence"
    try:
        value = json.loads(path.read_text("utf-8"))[THRESHOLD_KEY]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: no `{THRESHOLD_KEY}` in it ({type(error).__name__}); {remedy}") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigError(f"{path}: `{THRESHOLD_KEY}` is {value!r}, expected a number from 0 to 1; {remedy}")
    return float(value)
