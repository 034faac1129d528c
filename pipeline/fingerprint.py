"""A hash of the sources that a stage runs and of its libraries, so that other code misses TFX's cache.

TFX's cache key holds the dotted name of a function, not what it does (tensorflow/tfx#2247).
"""

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import NamedTuple

_PACKAGES = ("components", "configs", "fer_tfx", "models", "reporting", "schema")
# It declares settings, which reach a stage as values, and the values are part of the key already. So an edit of one
# section repeats no stage that another one is for. What turns texts into values, and values into others, counts.
_VALUES = "configs.spec"
# Libraries that decide nothing: for the log, for messages between processes, and for files of settings.
_HARMLESS = {"absl", "google", "pydantic", "pydantic_core", "yaml"}


class _Source(NamedTuple):
    """What a module's file holds."""

    imports: tuple[str, ...]
    """Dotted names, of modules and of what lies in them, of this project or not."""
    code: str
    """Without comments, docstrings and layout."""


def compute_code_fingerprint(*modules: str) -> str:
    """SHA-256 over the given modules and all that they import, first 16 digits.

    Of this project's modules the code counts, but no comments, docstrings and layout, which change nothing that a stage
    does. Of a library its version counts, as it is installed where the graph is built.

    Args:
        modules: dotted names; one of a library, such as `tfx`, stands for its version.

    Raises:
        ModuleNotFoundError: this project has no such module.
    """
    digest = hashlib.sha256()
    names = _closure(modules)
    for name in sorted(each for each in names if _is_own(each)):
        digest.update(name.encode())
        digest.update(_code_of(name).encode())
    for library in sorted({each.partition(".")[0] for each in names if not _is_own(each)}):
        digest.update(_describe_library(library).encode())
    return digest.hexdigest()[:16]


def _closure(modules: tuple[str, ...]) -> set[str]:
    seen: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(_imports_of(name) if _is_own(name) else ())
    return seen


def _imports_of(name: str) -> Iterator[str]:
    return (each for each in _read(name).imports if (_find(each) or not _is_own(each)) and each != _VALUES)


def _is_own(name: str) -> bool:
    return name.partition(".")[0] in _PACKAGES


def _describe_library(name: str) -> str:
    """Such as "tensorflow 2.16.2"; empty for what comes with Python, is not installed, or decides nothing."""
    if name in _HARMLESS or name in sys.stdlib_module_names:
        return ""
    distributions = sorted(set(_list_distributions().get(name, ())))
    return "".join(f"{each} {version(each)}\n" for each in distributions)


@cache
def _list_distributions() -> Mapping[str, list[str]]:
    """By top-level module."""
    return packages_distributions()


def _code_of(name: str) -> str:
    return _read(name).code


def _read(name: str) -> _Source:
    path = _find(name)
    if path is None:
        raise ModuleNotFoundError(f"no source file of {name}")
    return _read_file(path, path.stat().st_mtime_ns)


@cache
def _read_file(path: Path, changed_ns: int) -> _Source:
    """Once for the many stages that a module is part of."""
    del changed_ns  # part of the key only
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = tuple(_list_imports(tree))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [each for each in body if not _is_text(each)] or [ast.Pass()]  # type: ignore[attr-defined]
    return _Source(imports, ast.unparse(tree))


def _list_imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from package import module` names a module only in its alias.
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _find(name: str) -> Path | None:
    """The source file of a module of this project. Asks for the package alone: a spec further down imports its way."""
    package, *rest = name.split(".")
    spec = importlib.util.find_spec(package) if package in _PACKAGES else None
    if spec is None or spec.origin is None:
        return None
    place = Path(spec.origin).parent.joinpath(*rest)
    candidates = (place.with_suffix(".py"), place / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)
