"""Which SavedModels may be loaded: those that were pushed here, confirmed, or shipped."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

import pytest
from platformdirs import user_state_path

from fer_tfx.errors import DataError
from fer_tfx.model_files import (
    PUSHED,
    TRUSTED,
    KnownModels,
    compute_model_digest,
    find_shipped_model,
    note_model,
    require_known,
)

ADD_MANY = """
import sys
from pathlib import Path
from fer_tfx.model_files import KnownModels
folder, writer = Path(sys.argv[1]), sys.argv[2]
for number in range(20):
    KnownModels(folder).add(f"{writer}{number:063}", "pushed", Path("m"))
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "7"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"index")
    return folder


@pytest.fixture
def known(tmp_path: Path) -> KnownModels:
    return KnownModels(tmp_path / "state" / "fer-tfx")


def test_compute_model_digest_is_that_of_names_and_digests_in_order(model):
    files = {name: sha256(text).hexdigest() for name, text in
             (("saved_model.pb", b"graph"), ("variables/variables.index", b"index"))}  # fmt: skip
    text = "{" + ", ".join(f'"{name}": "{digest}"' for name, digest in files.items()) + "}"
    assert compute_model_digest(model) == sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("change", ["content", "name", "more", "less"])
def test_compute_model_digest_differs_after_any_change_of_a_file(model, change):
    before = compute_model_digest(model)
    index = model / "variables" / "variables.index"
    if change == "content":
        index.write_bytes(b"indeX")
    elif change == "name":
        index.rename(index.with_name("variables.indeX"))
    elif change == "more":
        (model / "variables" / "more").touch()
    else:
        index.unlink()
    assert compute_model_digest(model) != before


def test_compute_model_digest_copy_elsewhere_is_the_same_model(model, tmp_path):
    shutil.copytree(model, tmp_path / "copy")
    assert compute_model_digest(tmp_path / "copy") == compute_model_digest(model)


def test_compute_model_digest_linked_folder_is_refused_as_its_files_would_not_count(model, tmp_path):
    (model / "variables").rename(tmp_path / "elsewhere")
    (model / "variables").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"7/variables: is a link to a folder, .*; copy it in"):
        compute_model_digest(model)


def test_require_known_unknown_model_is_named_with_digest_danger_and_remedy(model, known):
    start = compute_model_digest(model)[:16]
    said = (
        rf"^{re.escape(str(model))}: a SavedModel of unknown origin \(SHA-256 {start}\.\.\.\)"
        ", and it is a program that can .*; if you know where it comes from, give --trust once$"
    )
    with pytest.raises(DataError, match=said) as raised:
        require_known(model, known)
    assert raised.value.exit_code == 2
    assert not known.folder.exists()


@pytest.mark.parametrize("origin", [PUSHED, TRUSTED])
def test_require_known_noted_model_passes_and_another_does_not(model, known, origin):
    assert note_model(model, origin, known) == ""
    require_known(model, known)
    (model / "saved_model.pb").write_bytes(b"another graph")
    with pytest.raises(DataError, match="unknown origin"):
        require_known(model, known)


def test_require_known_shipped_model_and_a_copy_of_it_pass(known, tmp_path):
    shipped = find_shipped_model()
    require_known(shipped, known)
    shutil.copytree(shipped, tmp_path / "copy")
    require_known(tmp_path / "copy", known)
    (tmp_path / "copy" / "saved_model.pb").write_bytes(b"another graph")
    with pytest.raises(DataError, match="unknown origin"):
        require_known(tmp_path / "copy", known)


def test_note_model_file_is_the_users_alone_and_tells_why_when_and_where(model, known):
    before = os.umask(0)
    try:
        note_model(model, PUSHED, known)
    finally:
        os.umask(before)
    (line,) = known.path.read_text("utf-8").splitlines()
    digest = compute_model_digest(model)
    assert re.fullmatch(rf'{digest} pushed \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ "{re.escape(str(model))}"', line)
    assert (known.path.stat().st_mode & 0o777, known.folder.stat().st_mode & 0o777) == (0o600, 0o700)


def test_note_model_known_one_is_noted_once(model, known):
    note_model(model, PUSHED, known)
    note_model(model, TRUSTED, known)
    assert known.path.read_text("utf-8").count("\n") == 1


def test_note_model_in_a_folder_whose_name_has_a_line_break_vouches_for_no_other(model, known):
    forged = "0" * 64
    odd = model.with_name(f"7\n{forged} pushed x")
    model.rename(odd)
    note_model(odd, TRUSTED, known)
    assert known.knows(compute_model_digest(odd))
    assert not known.knows(forged)


def test_note_model_unwritable_place_is_one_line_and_nothing_is_known(model, tmp_path):
    (tmp_path / "file").touch()
    known = KnownModels(tmp_path / "file" / "fer-tfx")
    said = f"{known.path}: can't be written: Not a directory; without it only the shipped model is known,"
    assert note_model(model, TRUSTED, known).startswith(said)
    assert not known.knows(compute_model_digest(model))


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_knows_file_that_others_may_write_is_not_believed(model, known, mode):
    note_model(model, PUSHED, known)
    known.path.chmod(mode)
    with pytest.raises(DataError, match=r"known_models: others can write to it, .*`chmod 600` on it$"):
        require_known(model, known)


@pytest.mark.parametrize("mode", [0o720, 0o777, 0o1777])
def test_knows_folder_that_others_may_write_is_not_believed(model, known, mode):
    note_model(model, PUSHED, known)
    known.folder.chmod(mode)
    with pytest.raises(DataError, match=r"state/fer-tfx: others can write to it, .*`chmod 700` on it$"):
        require_known(model, known)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("name", ["", "known_models"])
def test_knows_what_belongs_to_another_user_is_not_believed(model, known, name):
    note_model(model, PUSHED, known)
    os.chown(known.folder / name, 12345, -1)
    with pytest.raises(DataError, match=r": belongs to user 12345, neither you nor root, so .*; check it, then remove"):
        require_known(model, known)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_knows_what_belongs_to_root_is_believed_by_a_user():
    with tempfile.TemporaryDirectory() as folder:  # whose parents are open to others, unlike those of tmp_path
        Path(folder).chmod(0o755)
        (Path(folder) / "known_models").write_text("0" * 64 + " pushed", "ascii")
        (Path(folder) / "known_models").chmod(0o644)
        os.seteuid(12345)
        try:
            assert KnownModels(Path(folder)).knows("0" * 64)
        finally:
            os.seteuid(0)


@pytest.mark.parametrize(("name", "mode"), [("", 0o770), ("known_models", 0o666)])
def test_note_model_adds_nothing_to_what_others_may_have_written(model, known, name, mode):
    known.folder.mkdir(parents=True, mode=0o700)
    known.path.write_text("0" * 64 + " pushed by somebody\n", "ascii")
    known.path.chmod(0o600)
    (known.folder / name).chmod(mode)
    assert "others can write to it" in note_model(model, PUSHED, known)
    assert known.path.read_text("ascii").count("\n") == 1
    with pytest.raises(DataError, match="others can write to it"):
        known.knows("0" * 64)


def test_add_what_stands_there_stays_even_if_it_is_no_text(model, known):
    known.folder.mkdir(parents=True)
    known.path.write_bytes(b"\xff\xfe no line of ours\n")
    known.path.chmod(0o600)
    note_model(model, PUSHED, known)
    assert "no line of ours\n" in known.path.read_text("utf-8")
    assert known.knows(compute_model_digest(model))


def test_add_by_several_processes_at_once_loses_none(known):
    writers = [
        subprocess.Popen([sys.executable, "-c", ADD_MANY, str(known.folder), writer], cwd=Path(__file__).parents[3])
        for writer in "abcd"
    ]
    assert [each.wait() for each in writers] == [0, 0, 0, 0]
    lines = known.path.read_text("utf-8").splitlines()
    assert sorted(line[:64] for line in lines) == sorted(f"{w}{n:063}" for w in "abcd" for n in range(20))
    assert sorted(each.name for each in known.folder.iterdir()) == [".lock", "known_models"]


def test_of_user_lies_in_the_platforms_state_folder_and_tests_have_one_of_their_own():
    folder = KnownModels.of_user().folder
    assert folder == user_state_path("fer-tfx")
    assert not folder.is_relative_to(Path.home())
