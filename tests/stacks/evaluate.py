"""python evaluate.py EXAMPLES MODEL BASELINE ROOT: what the graph's Evaluator makes of two models, as JSON."""

import json
import sys
from pathlib import Path

import tensorflow_model_analysis as tfma
from tfx import v1 as tfx
from tfx.types import standard_artifacts

from configs.spec import BeamConfig, GateConfig
from pipeline.engines import build_arguments
from pipeline.eval_config import EXTRACTOR_MODULE, build_eval_config
from pipeline.lineage import open_store_for_reading, read_latest_run
from pipeline.runners.local import assemble


def main(examples: str, model: str, baseline: str, root: str) -> None:
    found = {"examples": standard_artifacts.Examples, "model": standard_artifacts.Model}
    nodes = {
        key: tfx.dsl.Importer(uri, found[key.removeprefix("baseline_")], properties=_describe(key)).with_id(key)
        for key, uri in (("examples", examples), ("model", model), ("baseline_model", baseline))
    }
    evaluator = tfx.components.Evaluator(
        **{key: node.outputs["result"] for key, node in nodes.items()},
        example_splits=["eval"],
        eval_config=build_eval_config(GateConfig(), "0"),
        module_path=EXTRACTOR_MODULE,
    )
    metadata = Path(root, "metadata.sqlite")
    arguments = build_arguments(BeamConfig())
    tfx.orchestration.LocalDagRunner().run(assemble("two", [*nodes.values(), evaluator], root, metadata, arguments))
    evaluation = read_latest_run(open_store_for_reading(metadata))["Evaluator"].outputs["evaluation"].uri
    print(json.dumps({name: _read_figures(evaluation, name) for name in (tfma.CANDIDATE_KEY, tfma.BASELINE_KEY)}))


def _describe(key: str) -> dict[str, str]:
    return {"split_names": '["eval"]'} if key == "examples" else {}


def _read_figures(evaluation: str, model_name: str) -> dict[str, float]:
    slices = tfma.load_eval_result(evaluation, model_name=model_name).slicing_metrics
    (overall,) = [metrics for key, metrics in slices if not key]
    return {name: value["doubleValue"] for name, value in overall[""][""].items() if "doubleValue" in value}


if __name__ == "__main__":
    main(*sys.argv[1:])
