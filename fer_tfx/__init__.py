"""Names the expression in pictures of faces; no TensorFlow is needed.

    for face in fer_tfx.predict("party.jpg"):
        print(face.box, face.label, face.confidence)

What callers use is imported from here, each name's module when it is first asked for. The names are those that
__init__.pyi declares: here they would be part of the code that training imports, and a new one would retrain models.
"""

import ast
from importlib import import_module
from pathlib import Path
from typing import Any

_STUB = ast.parse(Path(__file__).with_suffix(".pyi").read_text("utf-8"))
_MODULE_OF = {
    alias.name: node.module for node in _STUB.body if isinstance(node, ast.ImportFrom) for alias in node.names
}
__all__ = [*_MODULE_OF]  # noqa: PLE0604 (strings, all of them)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(str(_MODULE_OF[name])), name)


def __dir__() -> list[str]:
    return __all__
