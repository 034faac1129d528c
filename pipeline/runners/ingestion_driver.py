"""What runs before FerExampleGen on a cluster: `python -m pipeline.runners.ingestion_driver`.

A compiled pipeline has whole paths, as they were given at submission. Here they become a base and patterns, as in a
local run, and TFX's driver adds the fingerprint of the files, which the cache goes by.
"""

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Sequence

from fer_tfx.commands.ending import print_error
from fer_tfx.contract import LABELLED_INPUT, UNLABELLED_INPUT
from fer_tfx.errors import FerError
from fer_tfx.reading.vote_file import VOTES_INPUT
from pipeline.inputs import resolve_input
from pipeline.runners.compiled import Json

INPUT_BASE, INPUT_CONFIG = "input_base", "input_config"


def main(parsed: argparse.Namespace) -> Json:
    """Write the driver's ExecutorOutput to the file that the ExecutorInput names, and return it.

    Raises DataError: no path is given, or it matches nothing.
    """
    from tfx.dsl.io import fileio
    from tfx.orchestration.kubeflow.v2.file_based_example_gen import driver
    from tfx.utils import io_utils

    executor_input = json.loads(parsed.json_serialized_invocation_args)
    values = executor_input["inputs"]["parameterValues"]
    values |= split_paths(values, fileio.isdir)
    driver.main(with_message(parsed, executor_input))
    output_file = executor_input["outputs"]["outputFile"]
    output: Json = json.loads(io_utils.read_string_file(output_file))
    # The executor prefers parameters from here.
    output["parameterValues"][INPUT_BASE] = values[INPUT_BASE]
    io_utils.write_string_file(output_file, json.dumps(output))
    return output


def with_message(parsed: argparse.Namespace, executor_input: Json) -> argparse.Namespace:
    """The same arguments with another ExecutorInput."""
    return argparse.Namespace(**{**vars(parsed), "json_serialized_invocation_args": json.dumps(executor_input)})


def split_paths(values: Json, is_folder: Callable[[str], bool]) -> Json:
    """`input_base` and `input_config` for FerExampleGen, from those compiled: no base, and whole paths or folders."""
    from components.face_example_gen.component import read_data_config

    config = json.loads(values[INPUT_CONFIG])
    paths = {split["name"]: split.get("pattern", "") for split in config["splits"]}
    if values.get(INPUT_BASE):
        return {}
    whole = {name: f"{path.rstrip('/')}/" if path and is_folder(path) else path for name, path in paths.items()}
    path, unlabelled_path, votes_path = (
        whole.get(name, "") for name in (LABELLED_INPUT, UNLABELLED_INPUT, VOTES_INPUT)
    )
    # Classes and targets, by which files are chosen, are settings of the component.
    given = read_data_config(values["custom_config"])
    found = resolve_input(dataclasses.replace(given, path=path, unlabelled_path=unlabelled_path, votes_path=votes_path))
    config["splits"] = [{"name": name, "pattern": pattern} for name, pattern in found.patterns.items()]
    return {INPUT_BASE: found.base, INPUT_CONFIG: json.dumps(config)}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments that TFX's compiler writes for the driver; Beam's are ignored."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.runners.ingestion_driver", allow_abbrev=False)
    parser.add_argument("--json_serialized_invocation_args", required=True, help="KFP's ExecutorInput")
    parser.add_argument("--json_serialized_inputs_spec_args", default="", help="KFP's ComponentInputsSpec")
    return parser.parse_known_args(list(arguments))[0]


if __name__ == "__main__":
    try:
        main(parse(sys.argv[1:]))
    except FerError as error:
        print_error(str(error))
        sys.exit(error.exit_code)
