"""Ask PyPI's advisory database about every locked package of this Python's stack: python .ci/audit.py [LOCK...]

The exit code is 1 if it knows more than docs/audit.md accepts, or could not be asked about every package.
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ACCEPTED_PATH = ROOT / "docs" / "audit.md"
# pip-audit leaves out what is not for the Python that it runs with.
STACK = "1.16" if sys.version_info < (3, 12) else "1.21"
LOCKS = tuple(sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "requirements" / STACK).glob("*.lock")))
# The locks name every package and hash: nothing is resolved, installed or downloaded.
PIP_AUDIT = (sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--progress-spinner", "off",
             "--format", "json")  # fmt: skip
_ROW = re.compile(r"^\| *((?:CVE|GHSA|PYSEC)-[0-9A-Za-z-]+) *\| *`([^`]+)` *\|", re.MULTILINE)


class AuditError(Exception):
    """The database could not be asked about every package."""


def read_accepted(text: str) -> dict[str, str]:
    """Package by advisory, from the table of docs/audit.md."""
    return dict(_ROW.findall(text))


def audit(lock: Path, accepted: Sequence[str], command: Sequence[str] = PIP_AUDIT) -> tuple[int, list[str]]:
    """Ask about a lock, except for the advisories in `accepted`: its number of packages, and a line for each finding.

    Raises AuditError unless the database answers about every package.
    """
    ignored = [word for each in accepted for word in ("--ignore-vuln", each)]
    done = subprocess.run([*command, "-r", str(lock), *ignored], capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        lines = done.stderr.strip().splitlines() or ["no word"]
        raise AuditError(f"{lock.relative_to(ROOT)}: pip-audit could not ask ({lines[-1][:200]})") from None
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    if skipped or not packages:
        raise AuditError(
            f"{lock.relative_to(ROOT)}: no answer on {len(skipped)} of {len(packages)} packages"
            f" ({', '.join(skipped[:3])}, ...): a mirror in the place of PyPI has no advisories"
        )
    return len(packages), [
        f"{each['name']} {each['version']}: {found['id']}, fixed in {', '.join(found['fix_versions']) or 'no version'}"
        for each in packages
        for found in each["vulns"]
    ]


def main(locks: Sequence[str]) -> int:
    accepted = list(read_accepted(ACCEPTED_PATH.read_text("utf-8")))
    try:
        audits = [audit(ROOT / lock, accepted) for lock in locks or LOCKS]
    except AuditError as error:
        print(f"audit: {error}; run it after `make setup`, where PyPI itself can be reached", file=sys.stderr)
        return 1
    findings = sorted({finding for _, found in audits for finding in found})
    for finding in findings:
        print(f"audit: {finding}; upgrade it, or accept it in docs/audit.md with a reason", file=sys.stderr)
    if not findings:
        counts = " and ".join(str(count) for count, _ in audits)
        print(f"audit: {counts} packages, nothing known but the {len(accepted)} advisories that docs/audit.md accepts")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
