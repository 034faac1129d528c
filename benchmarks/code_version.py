"""Which version of the sources a figure belongs to."""

import subprocess
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent


def read_code_version(root: Path = _ROOT) -> dict[str, str | bool | None]:
    """`git_commit`, and `git_is_changed`: whether a tracked file differs from it; both None outside a repository."""
    commit = _run_git(root, "rev-parse", "HEAD")
    changes = _run_git(root, "status", "--porcelain", "--untracked-files=no")
    return {"git_commit": commit, "git_is_changed": None if changes is None else bool(changes)}


def _run_git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
