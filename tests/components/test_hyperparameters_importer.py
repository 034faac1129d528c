"""An earlier search's result is taken over from a folder, as one on a cluster's volume."""

import json
from pathlib import Path

import pytest
from tfx.types.standard_artifacts import HyperParameters

from components.hyperparameters_importer import Executor
from fer_tfx.errors import ConfigError


def take_over(folder: Path, place: Path) -> None:
    artifact = HyperParameters()
    artifact.uri = str(place)
    place.mkdir()
    Executor().Do({}, {"hyperparameters": [artifact]}, {"folder": str(folder), "fingerprint": ""})


def test_importer_copies_the_one_file(tmp_path):
    content = json.dumps({"values": {"trainer.momentum": 0.8}})
    (tmp_path / "7").mkdir()
    (tmp_path / "7/best_hyperparameters.txt").write_text(content)
    take_over(tmp_path / "7", tmp_path / "out")
    assert [(path.name, path.read_text()) for path in (tmp_path / "out").iterdir()] == [
        ("best_hyperparameters.txt", content)
    ]


@pytest.mark.parametrize(("names", "count"), [((), 0), (("a.txt", "b.txt"), 2)])
def test_importer_other_than_one_file_is_refused(tmp_path, names, count):
    (tmp_path / "7").mkdir()
    for name in names:
        (tmp_path / "7" / name).touch()
    with pytest.raises(
        ConfigError, match=rf"hyperparameters_path: .*/7: expected a folder with one file, found {count}; "
    ):
        take_over(tmp_path / "7", tmp_path / "out")


def test_importer_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="found 0"):
        take_over(tmp_path / "none", tmp_path / "out")
