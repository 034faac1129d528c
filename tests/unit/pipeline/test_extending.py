"""The examples of docs/extending.md do what it says of them."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from documents import PYTHON, ROOT, list_snippets, run_python
from small_run import write_tiny_csvs

from configs.load import load_config
from configs.spec import ModelConfig

EXAMPLES = [each for each in list_snippets(ROOT / "docs" / "extending.md") if each.language == PYTHON]
METRIC = """
from dataclasses import dataclass
from typing import Any
import numpy as np
from components.metrics.base import AT_LEAST, Bound, SummedMetric, Sums, extract_row
"""
FAMILY = """
import keras
from configs.spec import ModelConfig
from fer_tfx.contract import IMAGE_SIZE_PX
from models.networks.layers import fold_batch_norm, standardise
"""
RUNNER = """
from typing import Any
from configs.spec import PipelineConfig
from pipeline.engines import build_arguments
from pipeline.inputs import read_schema, resolve_earlier_models, resolve_hyperparameters, resolve_input
from pipeline.paths import RunPaths
"""
COMPONENT = """
import os
from typing import Any
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Examples
from tfx.utils import io_utils
from components.artifacts import Component, Report, declare
Artifacts = dict[str, Any]
"""


def define(name: str, imports: str) -> dict[str, Any]:
    """What the example that defines `name` defines."""
    (example,) = (each for each in EXAMPLES if name in each.text)
    return run_python(imports, example.text)


def test_example_of_a_metric_counts_the_two_best_and_marks_what_is_not_finite():
    defined = define("class TopTwoAccuracy", METRIC)
    sums = defined["TopTwoHits"]()
    rows = [(0, [0.5, 0.3, 0.2]), (1, [0.5, 0.3, 0.2]), (2, [0.5, 0.3, 0.2]), (0, [np.nan, 0, 0])]
    for row in rows:
        defined["extract_row"] = lambda *_, row=row: (row[0], np.array(row[1]))
        sums.add_element(None, None, "")
    assert (sums.count, sums.unsound, sums.hits) == (3, 1, 2)
    assert defined["TopTwoAccuracy"].compute(sums) == pytest.approx(2 / 3)


def test_example_of_a_family_gives_logits_and_is_folded_to_the_same_function():
    defined = define("def fold", FAMILY)
    network = defined["build"](ModelConfig(stem_filters=8), 7)
    pictures = np.random.default_rng(0).normal(size=(3, 48, 48, 1)).astype(np.float32)
    expected = network.predict(pictures, verbose=0)
    assert expected.shape == (3, 7)
    np.testing.assert_allclose(defined["fold"](network).predict(pictures, verbose=0), expected, atol=1e-5)


def test_example_of_a_runner_passes_the_whole_graph_to_its_orchestrator(tmp_path):
    drawn = write_tiny_csvs(tmp_path)
    defined = define("def build_dag", RUNNER)
    defined["TheirDagRunner"] = lambda: SimpleNamespace(run=lambda pipeline: pipeline)
    settings = [f"data.path={drawn.labelled_path}", f"runtime.root={tmp_path / 'runs'}"]
    pipeline = defined["build_dag"](load_config(None, settings))
    assert {"FerExampleGen", "Trainer", "Evaluator", "Pusher"} <= {node.id for node in pipeline.components}


def test_example_of_a_component_declares_its_inputs_and_outputs():
    from tfx.types import channel_utils
    from tfx.types.standard_artifacts import Examples

    node = define("class FaceCount", COMPONENT)["FaceCount"](code="1", examples=channel_utils.as_channel([Examples()]))
    assert ([*node.inputs], [*node.outputs]) == (["examples"], ["report"])


def test_other_examples_are_sound_python():
    define("FORMS: tuple", "from fer_tfx.reading.forms import CSV, JSON_LINES,"
           " PARQUET, PICTURES, Form\nJsonForm = object")  # fmt: skip
    define("class TrainerConfig", "from configs.spec import PositiveFloat")
    assert len(EXAMPLES) == 7
