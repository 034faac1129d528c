"""How the components of this project are declared: a type for each parameter, input and output."""

import json
from collections.abc import Mapping
from typing import Any

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.types import Artifact, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter


def declare(
    base: type[Any] = ComponentSpec,
    *,
    parameters: Mapping[str, type] | None = None,
    inputs: Mapping[str, type[Artifact]] | None = None,
    optional_inputs: Mapping[str, type[Artifact]] | None = None,
    outputs: Mapping[str, type[Artifact]] | None = None,
) -> type[Any]:
    """A ComponentSpec with these, besides those of `base`."""
    declared = {
        "PARAMETERS": {key: ExecutionParameter(type=each) for key, each in (parameters or {}).items()},
        "INPUTS": {key: ChannelParameter(type=each) for key, each in (inputs or {}).items()}
        | {key: ChannelParameter(type=each, optional=True) for key, each in (optional_inputs or {}).items()},
        "OUTPUTS": {key: ChannelParameter(type=each) for key, each in (outputs or {}).items()},
    }
    return type("Spec", (base,), {name: {**getattr(base, name, {}), **added} for name, added in declared.items()})


class Component(BaseComponent):  # type: ignore[misc]
    """A component that takes what its `SPEC_CLASS` declares by keyword, and makes the outputs."""

    def __init__(self, **given: Any):
        """Parameters and inputs; None is left out, a dict becomes JSON, so that equal ones give equal cache keys."""
        outputs = {key: Channel(type=each.type) for key, each in self.SPEC_CLASS.OUTPUTS.items() if not each.optional}
        settings = {
            key: json.dumps(value, sort_keys=True) if isinstance(value, dict) else value
            for key, value in given.items()
            if value is not None
        }
        # Not `super()`: TFX's own components, from which some of ours derive, take no further inputs.
        BaseComponent.__init__(self, self.SPEC_CLASS(**settings, **outputs))
