"""Answers of Vertex AI's metadata to the queries that TFX's compiler writes for its resolvers.

`_build_resolver_for_latest_model_blessing` and its neighbours in tfx/orchestration/kubeflow/v2/step_builder.py write
conjunctions of `schema_title="..."`, `state=LIVE`, `metadata.<key>.number_value=<n>` and `name="..."`, the last with
a placeholder for a property of an input.
"""

import re
from collections.abc import Sequence

from fer_tfx.errors import ConfigError
from pipeline.replay.compiled import Json
from pipeline.runners.container.executor_input import find_title

_PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.artifacts\['([^']+)'\]\.metadata\['([^']+)'\]\}\}")
_TERM = re.compile(r'(schema_title|state|name|metadata\.(\w+)\.number_value)="?([^"]*)"?')


def resolve(query: str, inputs: Json, artifacts: Sequence[Json]) -> list[Json]:
    """The latest artifact that fits, or none.

    Args:
        query: a filter.
        inputs: `inputs.artifacts` of the task's ExecutorInput.
        artifacts: all that there are, oldest first.

    Raises:
        ConfigError: a term of the query is not known here.
    """
    if any(not held["artifacts"] for held in inputs.values()):
        return []
    terms = _PLACEHOLDER.sub(lambda match: _read_property(match, inputs), query).split(" AND ")
    fitting = [artifact for artifact in artifacts if all(_fits(term, artifact) for term in terms)]
    return fitting[-1:]


def _read_property(match: re.Match[str], inputs: Json) -> str:
    return str(inputs[match[1]]["artifacts"][0]["metadata"][match[2]])


def _fits(term: str, artifact: Json) -> bool:
    match = _TERM.fullmatch(term.strip())
    if not match:
        raise ConfigError(f"resolver query {term!r} can't be replayed")
    name, key, value = match.groups()
    if key:
        return bool(artifact.get("metadata", {}).get(key) == float(value))
    # Nothing is ever deleted from the log: all of it is alive.
    found = {"schema_title": find_title(artifact["type"]), "state": "LIVE", "name": artifact["name"]}
    return str(found[name]) == value
