"""Parameters of a run and of its tasks, as the backends resolve them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fer_tfx.errors import ConfigError
from pipeline.deployment.parameters import resolve_parameters
from pipeline.replay.compiled import Json, Task


def resolve_run(declared: Json, given: Json, overrides: Sequence[str], buckets: Path) -> Json:
    """Values of a run's parameters: the overrides, then what the file brings, then the defaults.

    Args:
        declared: by name a ParameterSpec.
        given: values that the file brings.
        overrides: `name=value`, as on the command line; taken as they are.
        buckets: folder that stands for the buckets which the file names: no replay touches one that it isn't told of.

    Raises:
        ConfigError: an unknown name, a value of the wrong type, or none at all.
    """
    defaults = {name: spec["defaultValue"] for name, spec in declared.items() if "defaultValue" in spec}
    in_file = {name: _keep_local(value, buckets) for name, value in {**defaults, **given}.items()}
    return resolve_parameters(declared, in_file, overrides)


def _keep_local(value: Any, buckets: Path) -> Any:
    return str(buckets / value.replace("://", "/", 1)) if isinstance(value, str) and "://" in value else value


def resolve_task(task: Task, run_values: Json, find_output: Callable[[Json], Any]) -> Json:
    """Values of a task's parameters, with placeholders left as they are.

    Args:
        task: the task.
        run_values: those of the run.
        find_output: gives the value that a TaskOutputParameterSpec speaks of.

    Raises:
        ConfigError: a parameter comes from a source that can't be replayed.
    """
    values = {}
    for name, source in task.input_parameters.items():
        if "componentInputParameter" in source:
            if source["componentInputParameter"] in run_values:
                values[name] = run_values[source["componentInputParameter"]]
        elif "taskOutputParameter" in source:
            values[name] = find_output(source["taskOutputParameter"])
        elif "constant" in source.get("runtimeValue", {}):
            values[name] = source["runtimeValue"]["constant"]
        else:
            raise ConfigError(f"task {task.name}: parameter {name}: {sorted(source)} can't be replayed")
    return values
