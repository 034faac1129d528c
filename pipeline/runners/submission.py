"""A compiled file -> a run, or a schedule of runs, on a cluster: `fer-tfx submit`."""

import dataclasses
import hashlib
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from fer_tfx.errors import ConfigError
from fer_tfx.quiet import hush_libraries, output_in_log
from pipeline.paths import is_remote
from pipeline.runners.compiled import KUBEFLOW, VERTEX, Json, read_compiled
from pipeline.runners.parameters import resolve_parameters

_DIGEST_LABEL = "fer-tfx-spec"
_LABEL = re.compile(r"(?P<key>[a-z][a-z0-9_-]{0,62})=(?P<value>[a-z0-9_-]{0,63})")
_CRON = re.compile(r"\S+( \S+){4}")


@dataclass(frozen=True)
class SubmitRequest:
    """All that is sent."""

    target: str
    pipeline: str
    file: str
    sha256: str
    """Of the file."""
    place: dict[str, str]
    """Where it goes: project and location, or host and experiment."""
    pipeline_root: str
    service_account: str
    cron: str
    labels: dict[str, str]
    parameters: Json
    documents: list[Json] = field(repr=False)
    """The file's YAML documents."""

    @property
    def display_name(self) -> str:
        return f"{self.pipeline}-{self.sha256[:8]}"

    def to_yaml(self) -> str:
        """All but the file's own content."""
        plain = {each.name: getattr(self, each.name) for each in dataclasses.fields(self) if each.name != "documents"}
        return str(yaml.safe_dump({key: value for key, value in plain.items() if value}, sort_keys=False, width=120))


def submit(request: SubmitRequest, token_file: str) -> int:
    """Send to `vertex` or `kubeflow`; the exit code is 0. Raises FerError as the target's `submit`."""
    hush_libraries()
    with tempfile.TemporaryDirectory() as folder, output_in_log(Path(folder, "log")):
        if request.target == VERTEX:
            from pipeline.runners import submit_vertex

            name = submit_vertex.submit(request)
        else:
            from pipeline.runners import submit_kubeflow

            name = submit_kubeflow.submit(request, token_file)
    print(f"{'scheduled' if request.cron else 'submitted'} {request.display_name}: {name}")
    return 0


def build_request(
    target: str, path: Path, *, overrides: Sequence[str] = (), labels: Sequence[str] = (), pipeline_root: str = "",
    service_account: str = "", cron: str = "", project: str = "", location: str = "", host: str = "",
    experiment: str = "",
) -> SubmitRequest:  # fmt: skip
    """Read the compiled file and check it with the caller's options: `name=value`, `key=value`, texts.

    Raises DataError: the file is no compiled pipeline; ConfigError: it is for another target, or an option is wrong.
    """
    compiled = read_compiled(path)
    if target == KUBEFLOW and compiled.flavor == VERTEX:
        raise ConfigError(f"{path}: is for Vertex AI; compile again with `fer-tfx compile --target {KUBEFLOW}`")
    if cron and not _CRON.fullmatch(cron):
        raise ConfigError(f"--cron {cron!r}: expected five fields, such as '0 3 * * 1' for Mondays at three")
    place = {"project": project, "location": location} if target == VERTEX else {"host": host}
    for name, value in place.items():
        if not value:
            raise ConfigError(f"--{name}: {target} needs it; give --{name} {name.upper()}")
    if target == KUBEFLOW and experiment:
        place["experiment"] = experiment
    document = compiled.documents[0]
    digest = hashlib.sha256(compiled.content).hexdigest()
    return SubmitRequest(
        target=target,
        pipeline=compiled.name,
        file=str(path),
        sha256=digest,
        place=place,
        pipeline_root=_find_root(path, document, pipeline_root),
        service_account=service_account,
        cron=cron,
        labels={**document.get("labels", {}), **_read_labels(labels), _DIGEST_LABEL: digest[:16]},
        parameters=resolve_parameters(compiled.declared, compiled.given, overrides),
        documents=compiled.documents,
    )


def _find_root(path: Path, document: Json, wanted: str) -> str:
    spec = document.get("pipelineSpec", document)
    in_file = document.get("runtimeConfig", {}).get("gcsOutputDirectory") or spec.get("defaultPipelineRoot") or ""
    root = str(wanted or in_file)
    if not is_remote(root):
        raise ConfigError(f"{path}: pipeline root {root!r} is not a bucket; give --pipeline-root gs://BUCKET/FOLDER")
    return root


def _read_labels(texts: Sequence[str]) -> dict[str, str]:
    labels = {}
    for text in texts:
        found = _LABEL.fullmatch(text)
        if not found:
            raise ConfigError(f"--label {text}: expected key=value of lower-case letters, digits, dashes, underscores")
        labels[found["key"]] = found["value"]
    return labels
