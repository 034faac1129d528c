"""Reading compiled pipelines."""

import functools
import json
import operator

import pytest
import yaml
from replay_double import PipelineDouble

from fer_tfx.errors import DataError
from pipeline.runners.compiled import KUBEFLOW, VERTEX, read_compiled


@pytest.fixture
def spec(tmp_path):
    double = PipelineDouble(tmp_path).add("First").add("Second", "First", is_cached=False)
    return next(iter(yaml.safe_load_all(double.write().read_text())))


def write(tmp_path, document):
    path = tmp_path / "file"
    path.write_text(json.dumps(document))
    return path


def test_read_compiled_form_of_the_file_says_what_it_is_for(tmp_path, spec):
    bare = read_compiled(write(tmp_path, spec))
    job = {"pipelineSpec": spec, "runtimeConfig": {"parameterValues": {"word": "given"}}}
    wrapped = read_compiled(write(tmp_path, job))
    assert (bare.flavor, bare.given) == (KUBEFLOW, {})
    assert (wrapped.flavor, wrapped.given) == (VERTEX, {"word": "given"})
    assert bare.tasks == wrapped.tasks
    assert [bare.tasks[name].is_cached for name in ("First", "Second")] == [True, False]


def test_list_dependencies_come_from_artifacts_and_names(tmp_path, spec):
    tasks = spec["root"]["dag"]["tasks"]
    tasks["Third"] = {"componentRef": {"name": "First"}, "dependentTasks": ["First", "Second"]}
    dependencies = read_compiled(write(tmp_path, spec)).list_dependencies()
    assert dependencies == {"First": set(), "Second": {"First"}, "Third": {"First", "Second"}}


def test_list_dependencies_unknown_task_is_refused(tmp_path, spec):
    spec["root"]["dag"]["tasks"]["First"]["dependentTasks"] = ["Nobody"]
    with pytest.raises(DataError, match=r"^task First waits for Nobody, which is not a task of the pipeline$"):
        read_compiled(write(tmp_path, spec)).list_dependencies()


@pytest.mark.parametrize(
    "text", ["", "text", "[1]", "{}", "pipelineInfo: {name: x}", "root: 5\npipelineInfo: 3", "a: [b"]
)
def test_read_compiled_other_file_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "file"
    path.write_text(text)
    with pytest.raises(DataError, match=r"fer-tfx compile") as caught:
        read_compiled(path)
    assert "\n" not in str(caught.value)


PARTS = (
    "root", "root.dag", "root.dag.tasks", "root.dag.tasks.First", "root.dag.tasks.First.componentRef",
    "root.dag.tasks.First.inputs", "root.dag.tasks.First.inputs.parameters",
    "root.dag.tasks.First.inputs.parameters.word", "root.dag.tasks.Second.inputs.artifacts",
    "root.dag.tasks.Second.inputs.artifacts.First", "root.inputDefinitions", "root.inputDefinitions.parameters",
    "root.inputDefinitions.parameters.word", "components", "components.First", "components.First.outputDefinitions",
    "components.First.outputDefinitions.artifacts", "components.First.outputDefinitions.artifacts.made",
    "deploymentSpec", "deploymentSpec.executors", "deploymentSpec.executors.First_executor",
    "deploymentSpec.executors.First_executor.container", "pipelineInfo",
)  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_read_compiled_list_in_place_of_a_part_is_refused_in_one_line(tmp_path, spec, part):
    *outer, last = part.split(".")
    functools.reduce(operator.getitem, outer, spec)[last] = [5]
    with pytest.raises(DataError, match=r"^\S+: not a compiled pipeline: .*; write one with `fer-tfx compile`$"):
        read_compiled(write(tmp_path, spec))


def test_read_compiled_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"none.yaml: can't be read: .*; write one with `fer-tfx compile`"):
        read_compiled(tmp_path / "none.yaml")
