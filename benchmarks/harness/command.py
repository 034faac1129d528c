"""What the commands share: options, refusals in one line, reports, and the facts of machine and code."""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2

from fer_tfx.errors import DataError, FerError

ROOT = Path(__file__).resolve().parents[2]
_CPU_INFO = Path("/proc/cpuinfo")
_EXTENSIONS = ("avx2", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
_PACKAGES = ("tfx", "tensorflow", "tensorflow-transform", "apache-beam", "pandas", "numpy")


def make_parser(name: str, doc: str | None) -> argparse.ArgumentParser:
    """The parser of `python -m benchmarks.NAME`, described by the first line of its module's docstring."""
    return argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=(doc or "").partition("\n")[0])


def add_growth_options(parser: argparse.ArgumentParser, rows: Sequence[int], repeat: int, room: str) -> None:
    """Add `--rows`, `--repeat` and `--out` of a cost that grows with the rows; `room` is the disk the default takes."""
    counts = f"numbers of rows (default: {' '.join(map(str, rows))}, which takes {room} below TMPDIR for a while)"
    parser.add_argument("--rows", metavar="N", nargs="+", type=parse_count, default=rows, help=counts)
    parser.add_argument("--repeat", metavar="N", type=parse_count, default=repeat, help=f"rounds (default: {repeat})")
    parser.add_argument("--out", metavar="FILE", type=Path, help="also write the report there, as Markdown")


def parse_count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def run_command(parser: argparse.ArgumentParser, work: Callable[[Any], object], arguments: Sequence[str] | None) -> int:
    """Pass the options to `work`; the exit code is 0, that of a FerError, or 1 if interrupted, with one line of why."""
    options = parser.parse_args(arguments)
    name = parser.prog.rpartition(".")[2]
    try:
        work(options)
    except FerError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 1
    return 0


def print_report(out: Path | None, write_report: Callable[[], str]) -> None:
    """Print a report and write it to `out`, if given, whose folder is checked before the work."""
    if out and not out.parent.is_dir():
        raise DataError(f"{out}: no such folder; give --out a file in an existing one")
    report = write_report()
    print(report, end="")
    if out:
        out.write_text(report, encoding="utf-8")


def tell(line: str) -> None:
    """Report progress on standard error."""
    print(line, file=sys.stderr, flush=True)


def render(template: str, **values: Any) -> str:
    """Fill in one of `benchmarks/templates`, in which `value | shown(".1f")` is Python's `format`."""
    environment = jinja2.Environment(  # noqa: S701 (Markdown, which is not escaped)
        loader=jinja2.FileSystemLoader(ROOT / "benchmarks" / "templates"), undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters["shown"] = format
    environment.globals |= {"machine": describe_machine, "code_version": read_code_version}
    return environment.get_template(template).render(**values)


def describe_machine() -> str:
    """Processor, cores, Python and the packages that matter, in one line."""
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return f"{os.cpu_count()} cores ({describe_processor()}), Python {platform.python_version()}, {versions}"


def describe_processor() -> str:
    """Its name, and what it has for small numbers."""
    parts = (line.partition(":") for line in _CPU_INFO.read_text("utf-8").splitlines())
    facts = {name.strip(): value.split() for name, _, value in parts}
    extensions = [each for each in _EXTENSIONS if each in facts.get("flags", [])]
    return " ".join([*facts.get("model name", [platform.machine()]), *extensions])


def read_code_version(root: Path = ROOT) -> dict[str, str | bool | None]:
    """`git_commit`, and `git_is_changed`: whether a tracked file differs from it; both None outside a repository."""
    git = ["git", "-C", str(root)]
    try:
        commit = subprocess.check_output([*git, "rev-parse", "HEAD"], text=True, stderr=subprocess.DEVNULL)
        changes = subprocess.check_output([*git, "status", "--porcelain", "--untracked-files=no"])
    except (OSError, subprocess.CalledProcessError):
        return {"git_commit": None, "git_is_changed": None}
    return {"git_commit": commit.strip(), "git_is_changed": bool(changes)}


def read_json_object(path: Path, remedy: str, keys: Sequence[str] = ()) -> dict[str, Any]:
    """The content of a file that holds one JSON object with at least `keys`. Raises DataError, ending with `remedy`."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: can't be read as JSON: {reason}; {remedy}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object, found a {type(content).__name__}; {remedy}")
    if missing := [key for key in keys if key not in content]:
        raise DataError(f"{path}: no {', '.join(missing)} in it; {remedy}")
    return content
