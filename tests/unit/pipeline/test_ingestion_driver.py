"""Whole paths, as given at submission, on their way to FerExampleGen."""

import argparse
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from components.face_example_gen.component import FerExampleGen
from configs.spec import DataConfig
from fer_tfx.errors import DataError
from fer_tfx.reading.votes import VOTE_COLUMNS
from pipeline.runners import ingestion_driver
from pipeline.runners.ingestion_driver import split_paths


def compiled(labelled: str, unlabelled: str | None = None, **settings: Any) -> dict[str, str]:
    splits = [{"name": "labelled", "pattern": labelled}]
    splits += [{"name": "unlabelled", "pattern": unlabelled}] if unlabelled is not None else []
    component = FerExampleGen("", {}, DataConfig(**settings), code="")
    custom_config = component.spec.exec_properties["custom_config"]
    return {"input_base": "", "input_config": json.dumps({"splits": splits}), "custom_config": custom_config}


def split(values: dict[str, str], folders: tuple[str, ...] = ()) -> tuple[str, dict[str, str]]:
    """Base, and patterns by name."""
    found = split_paths(values, folders.__contains__)
    return found["input_base"], {each["name"]: each["pattern"] for each in json.loads(found["input_config"])["splits"]}


@pytest.mark.parametrize(
    ("labelled", "unlabelled", "expected"),
    [
        ("gs://b/data/fer2013.csv", "", ("gs://b/data", {"labelled": "fer2013.csv"})),
        ("gs://b/data/", None, ("gs://b/data", {"labelled": "*"})),
        ("gs://b/data", "", ("gs://b/data", {"labelled": "*"})),
        ("gs://b/faces/*/*", "", ("gs://b/faces", {"labelled": "*/*"})),
        ("gs://b/fer/span-{SPAN}/*.csv", "", ("gs://b/fer", {"labelled": "span-{SPAN}/*.csv"})),
        ("gs://b/a/x.csv", "gs://b/c/y.csv", ("gs://b", {"labelled": "a/x.csv", "unlabelled": "c/y.csv"})),
    ],
)
def test_split_paths_gives_a_base_and_a_pattern_for_each_path_that_is_given(labelled, unlabelled, expected):
    assert split(compiled(labelled, unlabelled), folders=("gs://b/data",)) == expected


def test_split_paths_chooses_files_by_the_classes_and_targets_of_the_run(tmp_path):
    """A table of paths with votes alone is one only where votes count."""
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces/1.png").touch()
    (tmp_path / "votes.csv").write_text(f"path,{','.join(VOTE_COLUMNS)}\nfaces/1.png{',1' * len(VOTE_COLUMNS)}\n")
    _, patterns = split(compiled(str(tmp_path), targets="majority"))
    assert patterns == {"labelled": "*", "beside": "*/*"}


def test_split_paths_without_data_is_refused():
    with pytest.raises(DataError, match=r"data\.path: no file is given"):
        split(compiled("", ""))


def test_split_paths_of_what_is_split_already_changes_nothing():
    values = {"input_base": "/data", "input_config": json.dumps({"splits": [{"name": "labelled", "pattern": "a.csv"}]})}
    assert split_paths(values, lambda _: False) == {}


def test_main_writes_base_patterns_and_fingerprint_where_the_executor_reads_them(tmp_path):
    data = tmp_path / "faces"
    data.mkdir()
    (data / "train.csv").write_text("emotion,pixels\n")
    os.utime(data / "train.csv", (1_700_000_000, 1_700_000_000))
    output_file = tmp_path / "out" / "output.json"
    artifact = {"name": "examples", "uri": str(tmp_path / "examples"), "type": {"schemaTitle": "tfx.Examples"}}
    executor_input = {
        "inputs": {"parameterValues": compiled(str(data), "")},
        "outputs": {"artifacts": {"examples": {"artifacts": [artifact]}}, "outputFile": str(output_file)},
    }
    names = compiled("")
    spec = {"parameters": {name: {"parameterType": "STRING"} for name in names}}
    given = ["--json_serialized_invocation_args", json.dumps(executor_input),
             "--json_serialized_inputs_spec_args", json.dumps(spec), "--runner=DataflowRunner"]  # fmt: skip
    parsed = ingestion_driver.parse(given)
    assert isinstance(parsed, argparse.Namespace)
    ingestion_driver.main(parsed)
    written = json.loads(output_file.read_text())["parameterValues"]
    assert written["input_base"] == str(data)
    assert json.loads(written["input_config"])["splits"] == [{"name": "labelled", "pattern": "*"}]
    # 15 bytes, and the time it was changed at twice over, as a sum and as an exclusive or.
    assert written["input_fingerprint"] == (
        "split:labelled,num_files:1,total_bytes:15,xor_checksum:1700000000,sum_checksum:1700000000"
    )


def test_driver_that_is_given_nothing_to_read_ends_with_one_line_and_the_code_of_bad_input(tmp_path):
    values = compiled(str(tmp_path / "none"))
    message = {"inputs": {"parameterValues": values}, "outputs": {"outputFile": str(tmp_path / "output.json")}}
    command = [sys.executable, "-m", "pipeline.runners.ingestion_driver", "--json_serialized_invocation_args"]
    done = subprocess.run([*command, json.dumps(message)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"fer-tfx: {tmp_path}/none: no such file or folder; give a table")
    assert "Traceback" not in done.stderr
