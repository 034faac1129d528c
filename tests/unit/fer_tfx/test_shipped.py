"""The shipped model is the one that was shipped, file by file."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from fer_tfx import model_files
from fer_tfx.errors import ConfigError, DataError
from fer_tfx.model_files import find_shipped_model, light_folder, list_files, verify_sums, write_sums


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands in for the installed package `models`."""
    monkeypatch.setattr(model_files.resources, "files", lambda name: {"fer_tfx": tmp_path}[name])
    return tmp_path


@pytest.fixture
def folder(package: Path) -> Path:
    """Files as a model has them, with their sums."""
    folder = package / "shipped_model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"index")
    (folder / "MODEL_CARD.md").write_text("# Card\n", "utf-8")
    write_sums(folder)
    return folder


def test_find_shipped_model_sound_files_gives_their_folder(folder):
    assert find_shipped_model() == folder


def test_find_shipped_model_of_this_project_is_sound_or_absent():
    try:
        assert (find_shipped_model() / "saved_model.pb").is_file()
    except ConfigError as error:
        assert "no shipped_model comes" in str(error)  # noqa: PT017 (either is right)


def test_find_shipped_model_no_folder_is_one_line_with_a_remedy(package):
    with pytest.raises(
        ConfigError, match="no shipped_model comes with this installation of fer-tfx; give another model"
    ):
        find_shipped_model()


def test_light_folder_of_each_shipped_model_is_its_own_and_another_name_is_refused():
    assert (light_folder(), light_folder("accurate")) == ("light_model", "light_model_accurate")
    with pytest.raises(ConfigError, match="model: expected small or accurate, got 'large'"):
        light_folder("large")


def test_write_sums_are_those_of_hashlib_and_of_sha256sum(folder):
    lines = (folder / "SHA256SUMS").read_text("utf-8").splitlines()
    names = ["MODEL_CARD.md", "saved_model.pb", "variables/variables.index"]
    assert [line[66:] for line in lines] == names == list_files(folder)
    assert lines[1] == f"{hashlib.sha256(b'graph').hexdigest()}  saved_model.pb"
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=folder, check=True)


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index"])
def test_verify_sums_changed_file_is_named(folder, name):
    (folder / name).write_bytes(b"grapH")
    with pytest.raises(DataError, match=rf"shipped_model/{name}: has the SHA-256 .{{16}}\.\.\., expected .*: install"):
        verify_sums(folder)


def test_verify_sums_missing_file_is_named(folder):
    (folder / "variables" / "variables.index").unlink()
    with pytest.raises(DataError, match=r"shipped_model/variables/variables\.index: is missing, and SHA256SUMS lists"):
        verify_sums(folder)


def test_verify_sums_file_that_is_not_listed_is_named(folder):
    (folder / "variables" / "more").touch()
    with pytest.raises(DataError, match="variables/more: is not listed in SHA256SUMS: remove it"):
        verify_sums(folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "SHA256SUMS: is missing"),
        ("", "SHA256SUMS: is empty"),
        ("abc  saved_model.pb\n", "SHA256SUMS, line 1: expected a SHA-256"),
        ("0" * 64 + " saved_model.pb\n", "SHA256SUMS, line 1: expected a SHA-256"),
    ],
)
def test_verify_sums_list_that_vouches_for_nothing_is_refused(folder, text, said):
    (folder / "SHA256SUMS").unlink()
    if text is not None:
        (folder / "SHA256SUMS").write_text(text, "utf-8")
    with pytest.raises(DataError, match=said):
        verify_sums(folder)
