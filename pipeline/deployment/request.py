"""A compiled file and the caller's wishes -> the request that a backend gets, checked before anything is sent."""

import dataclasses
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fer_tfx.errors import ConfigError
from pipeline.deployment.parameters import resolve_parameters
from pipeline.paths import is_remote
from pipeline.replay.compiled import KUBEFLOW, VERTEX, read_compiled

DIGEST_LABEL = "fer-tfx-spec"
_LABEL = re.compile(r"(?P<key>[a-z][a-z0-9_-]{0,62})=(?P<value>[a-z0-9_-]{0,63})")
_CRON = re.compile(r"\S+( \S+){4}")


@dataclass(frozen=True)
class Wishes:
    """What the caller says beside the file; empty: not said."""

    overrides: Sequence[str] = ()
    """`name=value` of parameters."""
    labels: Sequence[str] = ()
    """`key=value`."""
    pipeline_root: str = ""
    service_account: str = ""
    cron: str = ""
    """Five fields: run again and again instead of once."""
    project: str = ""
    location: str = ""
    host: str = ""
    experiment: str = ""
    token_file: str = ""
    """For Kubeflow: a file with a bearer token, so that none stands on a command line."""


@dataclass(frozen=True)
class SubmitRequest:
    """All that is sent."""

    target: str
    pipeline: str
    file: str
    sha256: str
    """Of the file as it is."""
    place: dict[str, str]
    """Where it goes: project and location, or host and experiment."""
    pipeline_root: str
    service_account: str
    cron: str
    labels: dict[str, str]
    parameters: dict[str, Any]
    documents: list[dict[str, Any]] = field(repr=False)
    """The file's YAML documents: a PipelineJob, or a PipelineSpec and perhaps its PlatformSpec."""

    @property
    def display_name(self) -> str:
        return f"{self.pipeline}-{self.sha256[:8]}"

    def to_yaml(self) -> str:
        """What is sent, but for the file's own content."""
        plain = {each.name: getattr(self, each.name) for each in dataclasses.fields(self) if each.name != "documents"}
        return str(yaml.safe_dump({key: value for key, value in plain.items() if value}, sort_keys=False, width=120))


def build_request(target: str, path: Path, wishes: Wishes) -> SubmitRequest:
    """Read and check.

    Raises:
        DataError: the file can't be read, or is no compiled pipeline.
        ConfigError: it is for another target, or a wish can't be granted.
    """
    compiled = read_compiled(path)
    if target == KUBEFLOW and compiled.flavor == VERTEX:
        raise ConfigError(f"{path}: is for Vertex AI; compile it anew with `fer-tfx compile --target {KUBEFLOW}`")
    content = path.read_bytes()
    documents = [each for each in yaml.safe_load_all(content) if each]
    digest = hashlib.sha256(content).hexdigest()
    return SubmitRequest(
        target=target,
        pipeline=compiled.name,
        file=str(path),
        sha256=digest,
        place=_find_place(target, wishes),
        pipeline_root=_find_root(path, documents[0], wishes.pipeline_root),
        service_account=wishes.service_account,
        cron=_check_cron(wishes.cron),
        labels={**documents[0].get("labels", {}), **_read_labels(wishes.labels), DIGEST_LABEL: digest[:16]},
        parameters=resolve_parameters(compiled.declared, compiled.given, wishes.overrides),
        documents=documents,
    )


def _find_place(target: str, wishes: Wishes) -> dict[str, str]:
    vertex = {"project": wishes.project, "location": wishes.location}
    needed = vertex if target == VERTEX else {"host": wishes.host}
    for name, value in needed.items():
        if not value:
            raise ConfigError(f"--{name}: {target} needs it; give --{name} {name.upper()}")
    return needed | ({"experiment": wishes.experiment} if target == KUBEFLOW and wishes.experiment else {})


def _find_root(path: Path, document: Mapping[str, Any], wanted: str) -> str:
    spec = document.get("pipelineSpec", document)
    found = document.get("runtimeConfig", {}).get("gcsOutputDirectory") or spec.get("defaultPipelineRoot") or ""
    root = str(wanted or found)
    if not is_remote(root):
        raise ConfigError(f"{path}: pipeline root {root!r} is no bucket; give --pipeline-root gs://BUCKET/FOLDER")
    return root


def _read_labels(texts: Sequence[str]) -> dict[str, str]:
    labels = {}
    for text in texts:
        found = _LABEL.fullmatch(text)
        if not found:
            raise ConfigError(f"--label {text}: expected key=value of lower-case letters, digits, dashes, underscores")
        labels[found["key"]] = found["value"]
    return labels


def _check_cron(cron: str) -> str:
    if cron and not _CRON.fullmatch(cron):
        raise ConfigError(f"--cron {cron!r}: expected five fields, such as '0 3 * * 1' for Mondays at three")
    return cron
