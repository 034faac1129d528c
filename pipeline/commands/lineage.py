"""fer-tfx lineage: what a model was made of, and what came of it."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from configs.spec import PipelineConfig
from fer_tfx.installation import require_tfx

if TYPE_CHECKING:
    from pipeline.history.walk import Product, Use, WorkStep


class _Branch(NamedTuple):
    """A line of the tree with what hangs on it."""

    text: str
    twigs: list["_Branch"]


def print_lineage(config: PipelineConfig, name: str, is_json: bool) -> int:
    """Print a model's way from the files, and what was made of it, as a tree or as JSON; the exit code is 0.

    Args:
        config: says where the runs are recorded.
        name: a pushed version, its folder, or the path of an artifact.
        is_json: nested objects instead of a tree.

    Raises:
        ConfigError: there is no such model, or TFX is not installed.
        DataError: the metadata can't be read.
    """
    require_tfx()
    from pipeline.history.runs import History
    from pipeline.history.versions import describe_destination
    from pipeline.history.walk import LineageGraph

    graph = LineageGraph(History.open(config).store)
    found = graph.find_artifact(name)
    model = graph.find_model(found)
    product, uses = graph.trace_back(model), graph.list_uses(model)
    states = {
        output.id: describe_destination(str(output.properties.get("pushed_destination", "")), config)
        for use in uses
        for outputs in use.outputs.values()
        for output in outputs
    }
    if is_json:
        print(json.dumps({"artifact": asdict(product), "uses": [asdict(use) for use in uses]}, indent=2))
    else:
        print("\n".join([_describe_product("", product), *_draw(list(_grow_back(product)))]))
        if uses:
            print("\n".join(["\nused by", *_draw([_grow(use, states) for use in uses])]))
    return 0


def _describe_product(key: str, product: "Product") -> str:
    return f"{f'{key}: ' if key else ''}{product.type_name} {product.id}  {product.uri}"


def _describe_step(step: "WorkStep") -> str:
    code = "".join(f"  {name} {value}" for name, value in step.code.items())
    return f"{step.node} {step.id}  run {step.run_id}{code}"


def _grow_back(product: "Product") -> Iterator[_Branch]:
    step = product.made_by
    if step:
        inputs = [
            _Branch(_describe_product(key, each), list(_grow_back(each)))
            for key, products in sorted(step.inputs.items())
            for each in products
        ]
        yield _Branch(_describe_step(step), [*_grow_settings(step), *_grow_sources(step), *inputs])


def _grow_settings(step: "WorkStep") -> Iterator[_Branch]:
    """A line for each section."""
    for section, pairs in groupby(sorted(step.settings.items()), key=lambda pair: pair[0].rpartition(".")[0]):
        values = ", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in pairs)
        yield _Branch(f"{section}: {values}", [])


def _grow_sources(step: "WorkStep") -> Iterator[_Branch]:
    yield from (_Branch(f"{name}: {source}", []) for name, source in step.sources.items())


def _grow(use: "Use", states: dict[int, str]) -> _Branch:
    outputs = [
        _Branch(_describe_product(key, each) + _describe_marks(each.properties, states[each.id]), [])
        for key, products in sorted(use.outputs.items())
        for each in products
    ]
    return _Branch(f"{_describe_step(use.step)}  as {use.key}", outputs)


def _describe_marks(properties: dict[str, Any], state: str) -> str:
    """Whether it was blessed or pushed, which version that is, and why a person accepted it."""
    marks = [("" if properties[mark] else "not ") + mark for mark in ("blessed", "pushed") if mark in properties]
    version = f"version {properties['pushed_version']}" if properties.get("pushed_version") else ""
    reason = f"accepted by hand: {properties['accept_reason']}" if properties.get("accept_reason") else ""
    words = ", ".join(filter(None, [*marks, version, state, reason]))
    return f"  ({words})" if words else ""


def _draw(branches: list[_Branch], indent: str = "") -> Iterator[str]:
    for branch in branches:
        is_last = branch is branches[-1]
        yield f"{indent}{'└─' if is_last else '├─'} {branch.text}"
        yield from _draw(branch.twigs, indent + ("   " if is_last else "│  "))
