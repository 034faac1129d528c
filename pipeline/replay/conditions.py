"""Trigger conditions in the part of CEL that TFX's compiler writes.

`placeholder_to_cel` in tfx/orchestration/kubeflow/v2/compiler_utils.py writes paths into `inputs`, numbers, strings,
`+`, comparisons, `!`, `&&` and `||`. But for the last three that is Python's own syntax, so Python parses it.
"""

import ast
import operator
import re
from collections.abc import Callable
from typing import Any

from fer_tfx.errors import ConfigError
from pipeline.replay.compiled import Json

_TOKEN = re.compile(r"'[^']*'|&&|\|\||!(?!=)")
_IN_PYTHON = {"&&": " and ", "||": " or ", "!": " not "}
_COMPARISONS: dict[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip


def is_met(condition: str, executor_input: Json) -> bool:
    """Whether the condition holds for the inputs of a task.

    Raises:
        ConfigError: it is written in more of CEL than is known here, or speaks of what isn't there, which is an
            error to the backends too.
    """
    python = _TOKEN.sub(lambda match: _IN_PYTHON.get(match[0], match[0]), condition).strip()
    try:
        return bool(_evaluate(ast.parse(python, mode="eval").body, executor_input))
    except (SyntaxError, TypeError, KeyError, IndexError) as error:
        raise ConfigError(f"condition {condition}: can't be evaluated: {type(error).__name__}: {error}") from None


def _evaluate(node: ast.expr, names: Json) -> Any:  # noqa: PLR0911 (one for each kind of node)
    match node:
        case ast.Constant(value):
            return value
        case ast.Name(name):
            return names[name]
        case ast.Attribute(whole, name):
            return _evaluate(whole, names)[name]
        case ast.Subscript(whole, key):
            return _evaluate(whole, names)[_evaluate(key, names)]
        case ast.UnaryOp(ast.Not(), operand):
            return not _evaluate(operand, names)
        case ast.BinOp(left, ast.Add(), right):
            return _evaluate(left, names) + _evaluate(right, names)
        case ast.BoolOp(ast.And(), values):
            return all(_evaluate(value, names) for value in values)
        case ast.BoolOp(ast.Or(), values):
            return any(_evaluate(value, names) for value in values)
        case ast.Compare(left, [comparison], [right]):
            return _COMPARISONS[type(comparison)](_evaluate(left, names), _evaluate(right, names))
    raise SyntaxError(f"{ast.unparse(node)} is not known here")
