"""`data.targets` and `data.votes_path`: from the settings to the graph, a cluster and the schema."""

import json
import re

import pytest
from golden_files import compile_example
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from configs.load import load_config
from configs.spec import DataConfig
from fer_tfx.errors import ConfigError
from pipeline.inputs import read_schema, resolve_input
from pipeline.runners.ingestion_driver import split_paths
from pipeline.runners.local import check


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["data.votes_path=votes.csv"], "data.targets: expected majority or votes, as data.votes_path is given"),
        (["data.targets=votes", "distillation.folds=2"], "distillation.folds: expected 0, as data.targets=votes fills"),
        (["data.targets=most"], "data.targets: expected"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_config(overrides=settings)


def test_teachers_may_learn_from_the_majority() -> None:
    assert load_config(overrides=["data.targets=majority", "distillation.folds=2"]).distillation.folds == 2


def test_drawn_faces_have_no_votes(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"data\.targets: votes: drawn faces have no votes; give your data"):
        check(load_config(overrides=["data.targets=votes", f"runtime.root={tmp_path}"]))


def test_file_of_votes_is_an_input_of_the_run_so_its_fingerprint_counts(tmp_path) -> None:
    for name in ("fer2013.csv", "fer2013new.csv"):
        (tmp_path / name).touch()
    config = DataConfig(path=str(tmp_path / "fer2013.csv"), votes_path=str(tmp_path / "fer2013new.csv"))
    found = resolve_input(config)
    assert (found.base, found.patterns) == (str(tmp_path), {"labelled": "fer2013.csv", "votes": "fer2013new.csv"})


def test_file_of_votes_goes_to_a_cluster_with_the_data() -> None:
    job = json.loads(compile_example("vertex", "data.targets=votes", "data.votes_path=gs://b/votes.csv"))
    parameters = job["pipelineSpec"]["root"]["dag"]["tasks"]["FerExampleGen"]["inputs"]["parameters"]
    config = json.loads(parameters["input_config"]["runtimeValue"]["constant"])
    assert config["splits"][-1] == {"name": "votes", "pattern": "gs://b/votes.csv"}
    config["splits"] = [{"name": "labelled", "pattern": "gs://b/fer2013.csv"}, config["splits"][-1]]
    constant = parameters["custom_config"]["runtimeValue"]["constant"]
    custom_config = re.sub(r"\{\{\$\.inputs[^}]*\}\}", "0.01", constant)  # as the cluster fills its parameters in
    values = {"input_base": "", "input_config": json.dumps(config), "custom_config": custom_config}
    split = split_paths(values, lambda _: False)
    assert {"name": "votes", "pattern": "votes.csv"} in json.loads(split["input_config"])["splits"]
    with pytest.raises(ConfigError, match=r"data\.votes_path: /votes\.csv: a cluster can't reach this machine's files"):
        compile_example("vertex", "data.targets=votes", "data.votes_path=/votes.csv")


def test_schema_has_the_column_of_targets_only_where_votes_fill_it(tmp_path) -> None:
    def read(*overrides: str) -> schema_pb2.Schema:
        return text_format.Parse(read_schema(load_config(overrides=overrides)), schema_pb2.Schema())

    assert "target" not in {feature.name for feature in read("data.targets=majority").feature}
    (target,) = (each for each in read("data.targets=votes").feature if each.name == "target")
    assert (target.value_count.min, target.value_count.max) == (7, 7)
    assert target.presence.min_count == 0
    own = tmp_path / "own.pbtxt"
    own.write_text('feature { name: "target" type: FLOAT }')
    assert len(read("data.targets=votes", f"validation.schema_path={own}").feature) == 1
