"""Settings, code fingerprints and source files out of the parameters that TFX keeps of a node."""

import json

from pipeline.history.records import read_code, read_node_settings, read_sources


def test_read_node_settings_trainer_gives_dotted_keys():
    sections = {"trainer": json.dumps({"epochs": 3, "augmentation": {"flip": True}}), "code": "c0de"}
    parameters = {"custom_config": json.dumps(sections), "run_fn": "models.trainer_fn.run_fn"}
    found = read_node_settings("Trainer", parameters)
    assert found == {"trainer.epochs": 3, "trainer.augmentation.flip": True}


def test_read_node_settings_without_settings_gives_none():
    assert read_node_settings("Pusher", {"custom_config": "null", "push_destination": "{broken"}) == {}
    assert read_node_settings("FerExampleGen", {"input_base": "/base"}) == {}


def test_read_code_several_metrics_are_joined_and_equal_ones_named_once():
    metrics = [{"config": json.dumps({"code": code, "name": "m"})} for code in ("b", "a", "b")]
    parameters = {"eval_config": json.dumps({"metrics_specs": [{"metrics": metrics}]}), "training_code": "t"}
    assert read_code(parameters) == {"code": "a+b", "training_code": "t"}


def test_read_sources_two_inputs_get_each_their_fingerprint():
    splits = [{"name": "labelled", "pattern": "a.csv"}, {"name": "unlabelled", "pattern": "b.csv"}]
    parameters = {
        "input_base": "/base",
        "input_config": json.dumps({"splits": splits}),
        "input_fingerprint": "split:labelled,num_files:1\nsplit:unlabelled,num_files:2",
    }
    expected = {"labelled": "/base/a.csv; num_files 1", "unlabelled": "/base/b.csv; num_files 2"}
    assert read_sources(parameters) == expected


def test_read_sources_before_ingestion_ended_names_the_files_alone():
    parameters = {"input_base": "/base", "input_config": '{"splits": [{"name": "labelled", "pattern": "a.csv"}]}'}
    assert read_sources(parameters) == {"labelled": "/base/a.csv"}


def test_read_sources_of_a_node_without_files_gives_none():
    assert read_sources({"code": "c0de"}) == {}


def test_read_sources_schema_as_text_gives_its_digest():
    # printf 'feature {}' | sha256sum
    assert read_sources({"schema_text": "feature {}"}) == {"schema": "sha256 07a36d59c7d2da30"}


def test_read_sources_schema_file_of_an_earlier_version_gives_its_path():
    assert read_sources({"schema_file": "/s.pbtxt"}) == {"schema_file": "/s.pbtxt"}
