"""`make audit`: what is accepted stands in one table, and no silence is taken for a good answer."""

import importlib.util
import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOUBLE = Path(__file__).with_name("pip_audit_double.py")


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def answer(tmp_path, audit, monkeypatch):
    """Prepares what the double for pip-audit says to everything it is asked."""

    def prepare(packages: object, stderr: str = "", exit_code: int = 0) -> list[str]:
        stdout = json.dumps({"dependencies": packages, "fixes": []}) if packages is not None else ""
        text = json.dumps({"stdout": stdout, "stderr": stderr, "exit_code": exit_code})
        (tmp_path / "answer.json").write_text(text, "utf-8")
        command = [sys.executable, str(DOUBLE), str(tmp_path / "answer.json")]
        monkeypatch.setattr(audit.audit, "__defaults__", (command,))
        return command

    return prepare


FOUND = {"id": "PYSEC-2030-1", "fix_versions": ["1.3", "2.0"], "aliases": [], "description": "bad"}


def test_audit_document_accepts_locked_packages_only_each_with_reasons(audit):
    text = audit.ACCEPTED_PATH.read_text("utf-8")
    accepted = audit.read_accepted(text)
    locked = {match[1] for lock in ROOT.glob("requirements/*/*.lock") for match in
              re.finditer(r"^([a-z0-9-]+)==", lock.read_text("utf-8"), re.MULTILINE)}  # fmt: skip
    assert accepted["PYSEC-2023-238"] == "pyarrow"
    assert set(accepted.values()) <= locked
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith(("| PYSEC", "| GHSA", "| CVE"))]
    assert len(rows) == len(accepted)
    assert all(len(row) == 4 and all(cell.strip() for cell in row) for row in rows)


HOSTILE_SCHEMA = """
import pyarrow

class Hostile(pyarrow.PyExtensionType):
    def __init__(self):
        super().__init__(pyarrow.int8())
    def __reduce__(self):
        return print, ("code of the file runs",)

schema = pyarrow.schema([("a", Hostile())]).serialize()
IMPORT
pyarrow.ipc.read_schema(schema)
"""
READERS = {
    "Beam": "import apache_beam",
    "our reader of Parquet": "import io; from fer_tfx.reading.parquet_form import PARQUET;"
    " PARQUET.cut(io.BytesIO(), b'', None)",
}


@pytest.mark.parametrize("reader", READERS)
def test_audit_document_is_right_that_the_hole_in_pyarrow_is_closed(reader):
    command = [sys.executable, "-W", "ignore", "-c", HOSTILE_SCHEMA.replace("IMPORT", READERS[reader])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # By Beam on the older stack; on the current one pyarrow itself leaves the type's code alone.
    is_refused = "Disallowed deserialization of 'arrow.py_extension_type'" in done.stderr
    assert (done.returncode, done.stdout) == (int(is_refused), "")
    assert is_refused or int(version("pyarrow").partition(".")[0]) > 14


def test_audit_passes_every_accepted_advisory_to_the_command(audit, answer, tmp_path):
    answer([{"name": "a", "version": "1.0", "vulns": []}])
    assert audit.main([]) == 0
    told = json.loads((tmp_path / "arguments.json").read_text("utf-8"))
    accepted = audit.read_accepted(audit.ACCEPTED_PATH.read_text("utf-8"))
    assert told == ["-r", str(ROOT / audit.LOCKS[-1])] + [word for each in accepted for word in ("--ignore-vuln", each)]


def test_audit_without_findings_says_how_many_packages_were_asked_about(audit, answer, capsys):
    answer([{"name": "a", "version": "1.0", "vulns": []}, {"name": "b", "version": "2.0", "vulns": []}])
    assert audit.main([]) == 0
    out, error = capsys.readouterr()
    assert (
        error,
        out.startswith(f"audit: {' and '.join('2' for _ in audit.LOCKS)} packages, nothing known but the "),
    ) == ("", True)


def test_audit_finding_is_one_line_with_the_fixed_versions_and_fails(audit, answer, capsys):
    answer([{"name": "a", "version": "1.0", "vulns": [FOUND, FOUND | {"id": "GHSA-x", "fix_versions": []}]}], "", 1)
    assert audit.main([]) == 1
    remedy = "upgrade it, or accept it in docs/audit.md with a reason"
    assert capsys.readouterr() == (
        "",
        f"audit: a 1.0: GHSA-x, fixed in no version; {remedy}\n"
        f"audit: a 1.0: PYSEC-2030-1, fixed in 1.3, 2.0; {remedy}\n",
    )


@pytest.mark.parametrize(
    ("packages", "stderr", "said"),
    [
        (None, "Traceback\nConnectionError: no route", "pip-audit could not ask (ConnectionError: no route)"),
        (None, "python: No module named pip_audit", "pip-audit could not ask (python: No module named pip_audit)"),
        ([], "", "no answer on 0 of 0 packages"),
        (
            [{"name": "a", "version": "1.0", "vulns": []}, {"name": "b", "skip_reason": "not found"}],
            "No known vulnerabilities found",
            "no answer on 1 of 2 packages (b, ...): a mirror in the place of PyPI has no advisories",
        ),
    ],
)
def test_audit_that_could_not_ask_is_one_line_and_fails(audit, answer, capsys, packages, stderr, said):
    answer(packages, stderr)
    assert audit.main([]) == 1
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert error.startswith(f"audit: {audit.LOCKS[0]}: {said}")
    assert error.endswith("; run it after `make setup`, where PyPI itself can be reached\n")
