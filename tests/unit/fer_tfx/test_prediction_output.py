import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fer_tfx.commands.output import check_output, open_output
from fer_tfx.errors import ConfigError, DataError


def fail_midway(out: Path | None) -> None:
    with open_output(out) as output:
        output.write("half")
        raise DataError("row 3")


def test_open_output_file_appears_whole_at_the_end_and_alone(tmp_path):
    out = tmp_path / "out.csv"
    with open_output(out) as file:
        file.write("a\udcff\n")
        file.flush()
        assert not out.exists()
    assert out.read_bytes() == b"a\xff\n"
    assert list(tmp_path.iterdir()) == [out]
    (tmp_path / "other").touch()
    assert stat.S_IMODE(out.stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)


def test_open_output_error_leaves_the_old_file_and_nothing_else(tmp_path):
    out = tmp_path / "out.csv"
    out.write_text("old", "utf-8")
    with pytest.raises(DataError, match="row 3"):
        fail_midway(out)
    assert out.read_text("utf-8") == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_open_output_link_keeps_pointing_to_its_renewed_file(tmp_path):
    (tmp_path / "target.csv").write_text("old", "utf-8")
    link = tmp_path / "link.csv"
    link.symlink_to("target.csv")
    with open_output(link) as file:
        file.write("new")
    assert link.is_symlink()
    assert (tmp_path / "target.csv").read_text("utf-8") == "new"


def test_open_output_full_disk_is_one_line_that_names_the_file(tmp_path):
    out = tmp_path / "out.csv"
    with pytest.raises(DataError, match=rf"^{out}: can't be written: No space left"), open_output(out):
        raise OSError(28, os.strerror(28))
    assert list(tmp_path.iterdir()) == []


def test_open_output_standard_output_gets_nothing_of_a_text_that_fails(capfd):
    with pytest.raises(DataError, match="row 3"):
        fail_midway(None)
    assert capfd.readouterr().out == ""


def test_open_output_standard_output_gets_the_whole_text_with_bytes_of_names_kept(capfdbinary):
    with open_output(None) as output:
        output.write("ä\udcff\n" * 3)
    assert capfdbinary.readouterr().out == b"\xc3\xa4\xff\n" * 3


def test_open_output_reader_that_stops_early_causes_no_traceback():
    code = "from fer_tfx.commands.output import open_output\nwith open_output(None) as o: o.write('line\\n' * 10**6)"
    command = f'"{sys.executable}" -c "{code}" | head -1'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("line\n", "")


def test_check_output_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=r"out\.csv: its folder does not exist; make it first"):
        check_output(tmp_path / "none" / "out.csv", [])


@pytest.mark.parametrize("out", ["/dev/null", "."])
def test_check_output_what_is_no_regular_file_is_refused(out):
    with pytest.raises(ConfigError, match="is no regular file; omit --out"):
        check_output(Path(out), [])


def test_check_output_file_that_is_read_is_not_overwritten(tmp_path):
    (tmp_path / "test.csv").touch()
    (tmp_path / "same.csv").symlink_to("test.csv")
    with pytest.raises(ConfigError, match="--out is a file to read; give another one"):
        check_output(tmp_path / "same.csv", ["standard input", "a\0b", str(tmp_path / "test.csv")])
    check_output(tmp_path / "other.csv", [str(tmp_path / "test.csv")])


def test_open_output_file_keeps_its_rights(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old", "utf-8")
    path.chmod(0o600)
    with open_output(path) as file:
        file.write("new")
    assert (path.read_text("utf-8"), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o600)


def test_open_output_takes_any_name_that_a_file_may_have(tmp_path):
    path = tmp_path / ("ä" * 127)
    with open_output(path) as file:
        file.write("new")
    assert [(each.name, each.read_text("utf-8")) for each in tmp_path.iterdir()] == [(path.name, "new")]


def test_open_output_interrupt_while_standard_output_is_written_does_not_say_that_nothing_was(monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "copyfileobj", interrupt)
    with pytest.raises(KeyboardInterrupt, match="not all answers were written to standard output"), open_output(None):
        pass
