"""`--model` -> the folder of a SavedModel."""

from pathlib import Path

from fer_tfx.errors import ConfigError

_GRAPH_FILE = "saved_model.pb"


def find_model(given: Path) -> Path:
    """Folder of the SavedModel to use: the given one, or its latest version.

    Args:
        given: a SavedModel, or a folder of versions with numbers for names, as TensorFlow Serving takes it.

    Raises:
        ConfigError: there is no SavedModel.
    """
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
