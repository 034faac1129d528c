"""Given paths -> a base folder and patterns, which together must name the files that were meant."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fault_injection.hostile_inputs import CSV, LONG_HEADERS, TEXTS
from tfx.dsl.io import fileio

from configs.spec import DataConfig
from fer_tfx.cli import main
from fer_tfx.errors import DataError
from pipeline.inputs import Input, look_into_input, resolve_input


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("fer.csv", "test.csv", "deep/more.csv", "deeper/more.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def resolve(path: object, unlabelled: object = "") -> Input:
    return resolve_input(DataConfig(path=str(path), unlabelled_path=str(unlabelled)))


def resolve_in_time(path: str, unlabelled: str) -> str:
    """The outcome in a process of its own, which is ended if it does not come to one."""
    code = (
        "import sys; from pipeline.inputs import *\n"
        "try: found = resolve_input(DataConfig(path=sys.argv[1], unlabelled_path=sys.argv[2])); print(found.base)\n"
        "except DataError as error: print('DataError')"
    )
    command = [sys.executable, "-c", code, path, unlabelled]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


def test_resolve_input_file_becomes_folder_and_name(folder):
    assert resolve(folder / "fer.csv") == Input(str(folder), {"labelled": "fer.csv"})


def test_resolve_input_folder_takes_every_file_in_it(folder):
    assert resolve(folder) == Input(str(folder), {"labelled": "*"})
    assert resolve(f"{folder}/deep/") == Input(f"{folder}/deep", {"labelled": "*"})


def test_resolve_input_glob_keeps_its_pattern_below_the_last_fixed_folder(folder):
    assert resolve(folder / "*.csv") == Input(str(folder), {"labelled": "*.csv"})
    assert resolve(folder / "dee*" / "*.csv") == Input(str(folder), {"labelled": "dee*/*.csv"})
    assert resolve(folder / "{SPAN}" / "fer.csv") == Input(str(folder), {"labelled": "{SPAN}/fer.csv"})


def test_resolve_input_two_files_of_one_folder_share_it(folder):
    assert resolve(folder / "fer.csv", folder / "test.csv") == Input(
        str(folder), {"labelled": "fer.csv", "unlabelled": "test.csv"}
    )


def test_resolve_input_two_files_apart_share_the_nearest_common_folder(folder):
    assert resolve(folder / "deep/more.csv", folder / "test.csv") == Input(
        str(folder), {"labelled": "deep/more.csv", "unlabelled": "test.csv"}
    )


def test_resolve_input_folder_whose_name_begins_like_the_other_is_no_common_base(folder):
    assert resolve(folder / "deep/more.csv", folder / "deeper/more.csv") == Input(
        str(folder), {"labelled": "deep/more.csv", "unlabelled": "deeper/more.csv"}
    )


def test_resolve_input_same_file_twice_is_read_as_both_inputs(folder):
    found = resolve(folder / "fer.csv", folder / "fer.csv")
    assert found == Input(str(folder), {"labelled": "fer.csv", "unlabelled": "fer.csv"})


def test_resolve_input_relative_path_becomes_absolute(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert resolve("deep/more.csv") == Input(f"{folder}/deep", {"labelled": "more.csv"})
    assert resolve(".") == Input(str(folder), {"labelled": "*"})


def test_resolve_input_tilde_is_the_home_folder(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    assert resolve("~/fer.csv") == Input(str(folder), {"labelled": "fer.csv"})


def test_resolve_input_link_keeps_its_own_name(folder):
    (folder / "linked.csv").symlink_to(folder / "deep/more.csv")
    assert resolve(folder / "linked.csv") == Input(str(folder), {"labelled": "linked.csv"})


def test_resolve_input_remote_files_are_taken_unseen():
    assert resolve("gs://bucket/a/fer.csv", "gs://bucket/b/*.csv") == Input(
        "gs://bucket", {"labelled": "a/fer.csv", "unlabelled": "b/*.csv"}
    )


@pytest.mark.parametrize("missing", ["none.csv", "deep/none", "none/fer.csv"])
def test_resolve_input_missing_path_says_what_to_give(folder, missing):
    with pytest.raises(DataError) as caught:
        resolve(folder / missing)
    assert str(caught.value) == (
        f"{folder}/{missing}: no such file or folder; give a table, a folder of pictures or an archive with --data"
    )


@pytest.mark.parametrize("name", ["fer.csv", "deep"])
def test_resolve_input_that_may_not_be_read_is_refused(folder, name):
    (folder / name).chmod(0)
    code = (
        "import sys; from fault_injection.acts import perform; perform('obey-rights')\n"
        "from configs.spec import DataConfig; from pipeline.inputs import resolve_input\n"
        "resolve_input(DataConfig(path=sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder / name)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    (folder / name).chmod(0o755)
    said = f"fer_tfx.errors.DataError: {folder / name}: can't be read: Permission denied; fix its permissions"
    assert done.stderr.splitlines()[-1] == said


def test_resolve_input_pipe_is_not_called_a_folder(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    expected = "a.csv: is a pipe or device: give the file"
    with pytest.raises(DataError, match=f"{expected}, or send it to `--data -`$"):
        resolve(tmp_path / "a.csv")
    with pytest.raises(DataError, match=f"{expected}$"):
        resolve("", tmp_path / "a.csv")


@pytest.mark.parametrize("place", ["back\\slash/a.csv", "back\\slash.csv"])
def test_resolve_input_name_with_a_backslash_is_refused(tmp_path, place):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).touch()
    for path in (tmp_path / place, (tmp_path / place).parent):
        if "\\" in str(path):
            with pytest.raises(DataError, match=r"slash.*: a name with a backslash, .*; rename it$"):
                resolve(path)
    if (tmp_path / place).parent == tmp_path:
        assert resolve(tmp_path).patterns == {"labelled": "*"}


def test_resolve_input_missing_unlabelled_path_is_refused_too(folder):
    with pytest.raises(DataError, match=r"none\.csv: no such file or folder"):
        resolve(folder / "fer.csv", folder / "none.csv")


def test_resolve_input_paths_on_two_file_systems_come_to_an_end():
    assert resolve_in_time("gs://bucket/fer.csv", "/") == "DataError"


def test_resolve_input_files_of_two_buckets_are_refused():
    assert resolve_in_time("gs://a/fer.csv", "gs://b/test.csv") == "DataError"


def test_resolve_input_existing_file_with_brackets_in_its_name_is_found_by_its_pattern(folder):
    (folder / "fer[1].csv").touch()
    found = resolve(folder / "fer[1].csv")
    assert fileio.glob(f"{found.base}/{found.patterns['labelled']}") == [f"{folder}/fer[1].csv"]


@pytest.mark.parametrize("spelt", [b"caf\xe9.csv", b"*.csv", b""], ids=["file", "glob", "folder"])
def test_resolve_input_name_that_is_not_utf8_is_refused(tmp_path, spelt):
    path = tmp_path / os.fsdecode(b"caf\xe9.csv")
    path.write_text("emotion,pixels\n")
    with pytest.raises(DataError, match=r"^b'.*caf\\xe9\.csv': a name that is not UTF-8; rename the file$"):
        resolve_input(DataConfig(path=str(tmp_path / os.fsdecode(spelt))))


REFUSED = {name: case.content for name, case in TEXTS.items() if case.refusal and "row" not in case.refusal}


@pytest.mark.parametrize("make", [*LONG_HEADERS.values(), *(lambda text=text: text for text in REFUSED.values())],
                         ids=[*LONG_HEADERS, *REFUSED])  # fmt: skip
def test_look_into_input_file_that_cannot_be_used_is_refused_by_its_name(tmp_path, make):
    """The files that hurt most to unpack are among them; a reader that stops at the first row never gets that far."""
    (tmp_path / "given").write_bytes(make())
    with pytest.raises(DataError, match=r"^given") as refused:
        look_into_input(DataConfig(path=str(tmp_path / "given")))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("files", "name", "found"),
    [
        (["a/1.txt", "b/2.txt"], "", "no file of faces in it (only folders: a; b); give a table"),
        (["inner/train.txt"], "", "no file of faces in it (only folders: inner); give a table"),
        (["1.doc", "2.doc"], "", "no file of faces in it (1.doc: no table, picture or archive by its name; 2.doc: "),
        (["a.csv"], "fer{2013}.csv", "fer{2013}.csv: no such file or folder; give a table"),
    ],
)
@pytest.mark.parametrize("option", ["path", "unlabelled_path"])
def test_look_into_input_folder_without_a_file_of_rows_says_what_is_there(tmp_path, files, name, found, option):
    for each in files:
        (tmp_path / each).parent.mkdir(exist_ok=True)
        (tmp_path / each).touch()
    with pytest.raises(DataError) as refusal:
        look_into_input(DataConfig(**{option: str(tmp_path / name)}))
    assert str(refusal.value).startswith(str(tmp_path))
    assert found in str(refusal.value)


def test_look_into_input_bucket_is_left_to_the_run():
    look_into_input(DataConfig(path="gs://bucket/fer2013.csv"))


def test_look_into_input_sound_files_of_both_inputs_pass(tmp_path):
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_bytes(CSV)
    look_into_input(DataConfig(path=str(tmp_path), unlabelled_path=str(tmp_path / "test.csv")))
    (tmp_path / "span-07").mkdir()
    (tmp_path / "span-07/a.csv").write_bytes(CSV)
    look_into_input(DataConfig(path=str(tmp_path / "span-{SPAN}" / "*.csv")))
    look_into_input(DataConfig(path=str(tmp_path / "span-{SPAN:2}" / "*.csv")))


def test_refused_file_ends_the_command_before_tfx_is_imported(tmp_path):
    (tmp_path / "a.tar.gz").write_bytes(LONG_HEADERS["a name of 20 MB"]())
    code = (
        "import sys; from fer_tfx.cli import main; "
        f"code = main(['run', '--data', {str(tmp_path / 'a.tar.gz')!r}, '--set', 'runtime.root={tmp_path}/runs']); "
        "print(code, {'tfx', 'tensorflow'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "2 set()\n"
    assert done.stderr.startswith("fer-tfx: a.tar.gz")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["--data", "s3://b/fer.csv"], "command line: data.path"),
        (["--unlabelled", "https://host/test.csv"], "command line: data.unlabelled_path"),
        (["--set", "runtime.serving_path=minio://b/serving"], "--set: runtime.serving_path"),
    ],
)
def test_run_place_that_no_library_here_can_open_ends_at_once_in_one_line(words, key, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert main(["run", *words]) == 2
    said = capfd.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert said.err.startswith(f"fer-tfx: {key}: expected a local path or gs://BUCKET/PATH, which can be opened, got ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_folders_called_locked")
def test_resolve_input_folder_within_that_cannot_be_read_is_named(tmp_path):
    """Its rows would be missing without a word. Beside a table, folders are looked into for what it names alone."""
    for name in ("train/happy/1.png", "train/sad/2.png", "locked/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "lists" / "locked").mkdir(parents=True)
    (tmp_path / "lists" / "paths.csv").write_text("path,label\n1.png,happy\n")
    with pytest.raises(DataError, match=f"^{tmp_path}/locked: can't be read: Permission denied; fix its permissions$"):
        resolve(tmp_path)
    assert resolve(tmp_path / "train").patterns == {"labelled": "*/*"}
    assert resolve(tmp_path / "lists" / "paths.csv").patterns["labelled"] == "paths.csv"


@pytest.mark.parametrize("pattern", ["none/span-{SPAN}/*.csv", "data/span-{SPAN}/*.csv", "data/{YYYY}-{MM}-{DD}/a.csv"])
def test_look_into_input_span_that_is_not_there_is_named_before_anything_starts(tmp_path, pattern):
    for folder in ("span-x", "2026-11"):
        (tmp_path / "data" / folder).mkdir(parents=True)
        (tmp_path / "data" / folder / "a.csv").write_bytes(CSV)
    with pytest.raises(DataError) as caught:
        look_into_input(DataConfig(path=str(tmp_path / pattern)))
    example = pattern.replace("{SPAN}", "1").replace("{YYYY}-{MM}-{DD}", "1-1-1")
    assert str(caught.value) == f"{tmp_path}/{pattern}: no file matches; expected such as {tmp_path}/{example}"


@pytest.mark.parametrize("pattern", ["span-{SPAN}/a.csv", "{YYYY}-{MM}-{DD}/a.csv"])
def test_main_inspect_several_spans_is_told_to_take_one(capsys, pattern):
    assert main(["inspect", pattern]) == 2
    said = f"{pattern}: inspect takes the files of one span; put in its number or date"
    assert capsys.readouterr() == ("", f"fer-tfx: {said}\n")
