"""The files that a node read which no node had made."""

import hashlib
import json
import os

from fer_tfx.contract import LABELLED_INPUT
from pipeline.lineage import Properties


def read_sources(parameters: Properties) -> dict[str, str]:
    """By name: the schema, or each input of ingestion with its fingerprint.

    The fingerprint is TFX's own: number and bytes of the files, and two sums over the times they were changed at.
    """
    if "schema_text" in parameters:
        return {"schema": f"sha256 {hashlib.sha256(str(parameters['schema_text']).encode()).hexdigest()[:16]}"}
    if "schema_file" in parameters:  # of runs before the schema travelled as text
        return {"schema_file": str(parameters["schema_file"])}
    if "input_config" not in parameters:
        return {}
    prints = dict(_split_fingerprints(str(parameters.get("input_fingerprint", ""))))
    base = str(parameters.get("input_base", ""))
    splits = json.loads(str(parameters["input_config"])).get("splits", [])
    return {
        each["name"]: "; ".join(filter(None, (os.path.join(base, each["pattern"]), prints.get(each["name"]))))
        for each in splits
    }


def locate_labelled(parameters: Properties) -> str:
    """The pattern of the files that an ingestion learnt from, its span filled in; empty: it was no ingestion."""
    if "input_config" not in parameters:
        return ""
    splits = json.loads(str(parameters["input_config"])).get("splits", [])
    patterns = [each["pattern"] for each in splits if each["name"] == LABELLED_INPUT]
    return os.path.join(str(parameters.get("input_base", "")), patterns[0]) if patterns else ""


def _split_fingerprints(text: str) -> list[tuple[str, str]]:
    """`split:labelled,num_files:1,...`, a line for each input -> name and the rest with room to read."""
    lines = [line.removeprefix("split:").partition(",") for line in text.splitlines()]
    return [(name, rest.replace(",", ", ").replace(":", " ")) for name, _, rest in lines]
