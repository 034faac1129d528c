"""A hash of the sources that a stage runs and of its libraries, so that other code misses TFX's cache.

TFX's cache key holds the dotted name of a function, not what it does (tensorflow/tfx#2247).
"""

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import NamedTuple

_PACKAGES = ("components", "configs", "fer_tfx", "models", "reporting", "schema")
# It declares settings, whose values are part of the cache key: its edit must not repeat stages that don't use them.
_VALUES = "configs.spec"
# Libraries that affect no result: logging, messages between processes, files of settings.
_HARMLESS = {"absl", "google", "pydantic", "pydantic_core", "yaml"}
_list_distributions = cache(packages_distributions)


class _Source(NamedTuple):
    imports: tuple[str, ...]
    """Dotted names, of modules and of what is in them, of this project or not."""
    code: str
    """Without comments, docstrings and layout."""


def compute_code_fingerprint(*modules: str) -> str:
    """SHA-256 over the given modules and all that they import, first 16 digits.

    Of this project's modules the code counts, without comments, docstrings and layout. Of a library, such as `tfx`, the
    version counts that is installed where the graph is built. Raises ModuleNotFoundError.
    """
    names = _closure(modules)
    sources = [f"{name}{_read(name).code}" for name in sorted(filter(_is_own, names))]
    libraries = sorted({each.partition(".")[0] for each in names if not _is_own(each)})
    text = "".join([*sources, *map(_describe_library, libraries)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _closure(modules: tuple[str, ...]) -> set[str]:
    seen: set[str] = set()
    waiting = set(modules)
    while waiting:
        seen |= waiting
        found = {each for name in waiting if _is_own(name) for each in _read(name).imports}
        waiting = {each for each in found - seen if (_find(each) or not _is_own(each)) and each != _VALUES}
    return seen


def _is_own(name: str) -> bool:
    return name.partition(".")[0] in _PACKAGES


def _describe_library(name: str) -> str:
    """Such as "tensorflow 2.16.2"; empty for what comes with Python, is not installed, or affects nothing."""
    if name in _HARMLESS or name in sys.stdlib_module_names:
        return ""
    return "".join(f"{each} {version(each)}\n" for each in sorted(set(_list_distributions().get(name, ()))))


def _read(name: str) -> _Source:
    path = _find(name)
    if path is None:
        raise ModuleNotFoundError(f"no source file of {name}")
    return _read_file(path, path.stat().st_mtime_ns)


@cache
def _read_file(path: Path, changed_ns: int) -> _Source:
    """Once for all stages that a module is part of; again once it is edited."""
    del changed_ns  # part of the cache's key only
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
    """The source file of a module of this project. Finds the package alone: a spec further down imports its parents."""
    package, *rest = name.split(".")
    spec = importlib.util.find_spec(package) if package in _PACKAGES else None
    if spec is None or spec.origin is None:
        return None
    place = Path(spec.origin).parent.joinpath(*rest)
    candidates = (place.with_suffix(".py"), place / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)
