"""The part of CEL and of metadata queries that TFX's compiler writes, evaluated.

Conditions: `placeholder_to_cel` in tfx/orchestration/kubeflow/v2/compiler_utils.py writes paths into `inputs`, numbers,
strings, `+`, comparisons, `!`, `&&` and `||`. Apart from the last three that is Python's own syntax, so Python parses
it.

Queries: `_build_resolver_for_latest_model_blessing` and others in tfx/orchestration/kubeflow/v2/step_builder.py write
`schema_title="..."`, `state=LIVE`, `metadata.<key>.number_value=<n>` and `name="..."` joined by AND, the last with a
placeholder for a property of an input.
"""

import ast
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

from fer_tfx.errors import ConfigError
from pipeline.runners.compiled import Json
from pipeline.runners.messages import find_title

_TOKEN = re.compile(r"'[^']*'|&&|\|\||!(?!=)")
_IN_PYTHON = {"&&": " and ", "||": " or ", "!": " not "}
_COMPARISONS: dict[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip
_PROPERTY = re.compile(r"\{\{\$\.inputs\.artifacts\['([^']+)'\]\.metadata\['([^']+)'\]\}\}")
_TERM = re.compile(r'(schema_title|state|name|metadata\.(\w+)\.number_value)="?([^"]*)"?')


def is_met(condition: str, executor_input: Json) -> bool:
    """Whether the condition holds for the inputs of a task.

    Raises:
        ConfigError: it uses other parts of CEL, or names what isn't there, which is an error to the backends too.
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
    raise SyntaxError(f"{ast.unparse(node)} is not supported")


def resolve(query: str, inputs: Json, artifacts: Sequence[Json]) -> list[Json]:
    """The latest of `artifacts`, oldest first, that matches, or none. `inputs`: the task's input artifacts.

    Raises:
        ConfigError: the query has an unknown term.
    """
    if any(not held["artifacts"] for held in inputs.values()):
        return []
    filled = _PROPERTY.sub(lambda match: str(inputs[match[1]]["artifacts"][0]["metadata"][match[2]]), query)
    terms = filled.split(" AND ")
    return [artifact for artifact in artifacts if all(_matches(term, artifact) for term in terms)][-1:]


def _matches(term: str, artifact: Json) -> bool:
    match = _TERM.fullmatch(term.strip())
    if not match:
        raise ConfigError(f"resolver query {term!r} can't be replayed")
    name, key, value = match.groups()
    if key:
        return bool(artifact.get("metadata", {}).get(key) == float(value))
    # Nothing is ever deleted from the log, so all of it is live.
    found = {"schema_title": find_title(artifact["type"]), "state": "LIVE", "name": artifact["name"]}
    return str(found[name]) == value
