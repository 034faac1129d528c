"""A compiled file -> a run, or a schedule of runs, on a cluster: `fer-tfx submit`.

Vertex AI gets it by Google's own client, Kubeflow Pipelines by the REST client that the kfp SDK is built upon: the SDK
can't be installed beside TFX 1.16.
"""

import dataclasses
import hashlib
import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from components.vertex import explained
from fer_tfx.errors import ConfigError, DataError, FerError
from fer_tfx.quiet import hush_libraries, output_in_log
from pipeline.paths import PLACES, require_reachable
from pipeline.runners.compiled import DIGEST_LABEL, KUBEFLOW, OWN_LABELS, VERTEX, Json, read_compiled
from pipeline.runners.parameters import SERVICE_ACCOUNT, check_together, find_settings, resolve_parameters

_LABEL = re.compile(r"(?P<key>[a-z][a-z0-9_-]{0,62})=(?P<value>[a-z0-9_-]{0,63})")
_CRON = re.compile(r"\S+( \S+){4}")
# Where each can keep a pipeline's artifacts.
_STORES = {VERTEX: "gs", KUBEFLOW: "gs|s3|minio"}
_TIMEOUT_S = 60.0


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
    """Send to `vertex` or `kubeflow`; the exit code is 0. Raises FerError: see the functions below."""
    hush_libraries()
    with tempfile.TemporaryDirectory() as folder, output_in_log(Path(folder, "log")):
        is_vertex = request.target == VERTEX
        name = submit_to_vertex(request) if is_vertex else submit_to_kubeflow(request, token_file)
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
    if target != compiled.flavor:
        meant = {KUBEFLOW: "Kubeflow", VERTEX: "Vertex AI"}[compiled.flavor]
        raise ConfigError(f"{path}: is for {meant}; compile again with `fer-tfx compile --target {target}`")
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
    settings = find_settings(compiled.declared)
    account = settings.get(SERVICE_ACCOUNT)
    if target == VERTEX and account and service_account:
        overrides = [f"{account}={service_account}", *overrides]
    parameters = resolve_parameters(compiled.declared, compiled.given, overrides)
    check_together(compiled, parameters)
    for key in set(PLACES) & settings.keys():
        if given := parameters.get(settings[key]):
            require_reachable(given, f"--param {settings[key]}", _find_volume(compiled.documents))
    if target == VERTEX and account:
        service_account = service_account or parameters[account]
    return SubmitRequest(
        target=target,
        pipeline=compiled.name,
        file=str(path),
        sha256=digest,
        place=place,
        pipeline_root=_find_root(path, document, pipeline_root, target),
        service_account=service_account,
        cron=cron,
        labels={**document.get("labels", {}), **_read_labels(labels), DIGEST_LABEL: digest[:16]},
        parameters=parameters,
        documents=compiled.documents,
    )


def _find_volume(documents: Sequence[Json]) -> str:
    """Where the pods have a volume, by the file's second document; empty: they have none."""
    for document in documents[1:]:
        try:
            pods = document.get("platforms", {}).get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
            for each in pods.values():
                for mount in each.get("pvcMount", []):
                    return str(mount["mountPath"])
        except (AttributeError, KeyError, TypeError):
            raise DataError("the second document of the compiled file is no platform; compile it again") from None
    return ""


def _find_root(path: Path, document: Json, wanted: str, target: str) -> str:
    """A bucket; of a file for Kubeflow that names none, empty: the server has a root of its own."""
    spec = document.get("pipelineSpec", document)
    in_file = document.get("runtimeConfig", {}).get("gcsOutputDirectory") or spec.get("defaultPipelineRoot") or ""
    root = str(wanted or in_file)
    if not re.fullmatch(rf"({_STORES[target]})://[^/]+(/.*)?", root) and (root or target == VERTEX):
        stores = _STORES[target].replace("|", "://, ")
        raise ConfigError(
            f"{path}: pipeline root {root!r} is not a bucket ({stores}://); give --pipeline-root gs://BUCKET/FOLDER"
        )
    return root


def _read_labels(texts: Sequence[str]) -> dict[str, str]:
    labels = {}
    for text in texts:
        found = _LABEL.fullmatch(text)
        if not found:
            raise ConfigError(f"--label {text}: expected key=value of lower-case letters, digits, dashes, underscores")
        if found["key"] in OWN_LABELS:
            raise ConfigError(f"--label {text}: every run has a label of this name already; choose another name")
        labels[found["key"]] = found["value"]
    return labels


def submit_to_vertex(request: SubmitRequest) -> str:
    """Start a run, or a schedule of runs: its full resource name.

    Raises ConfigError: the client is not installed, there are no credentials, or Vertex AI refuses the request;
    FerError: it can't be reached.
    """
    try:
        from google.cloud import aiplatform
    except ImportError:
        raise ConfigError(
            "google-cloud-aiplatform is not installed; run `pip install ./fer_tfx '.[vertex]'` in a checkout"
        ) from None
    with explained("/".join(request.place.values()), request.file):
        return _send_to_vertex(aiplatform, request)


def _send_to_vertex(aiplatform: Any, request: SubmitRequest) -> str:
    job = aiplatform.PipelineJob(
        display_name=request.display_name,
        template_path=request.file,
        pipeline_root=request.pipeline_root,
        parameter_values=request.parameters,
        labels=request.labels,
        **request.place,
    )
    options = {"service_account": request.service_account or None, "create_request_timeout": _TIMEOUT_S}
    if request.cron:
        # One at a time, as below.
        schedule = job.create_schedule(
            cron=request.cron, display_name=request.display_name, max_concurrent_run_count=1, **options
        )
        return str(schedule.resource_name)
    job.submit(**options)
    return str(job.resource_name)


def submit_to_kubeflow(request: SubmitRequest, token_file: str = "") -> str:
    """Start a run, or a recurring run: its id. `token_file` holds a bearer token, if the server asks for one.

    Raises ConfigError: the client is not installed, or the server refuses the request or its sender; DataError: the
    token can't be read; FerError: the server can't be reached.
    """
    try:
        import kfp_server_api
        import urllib3
    except ImportError:
        remedy = "run `pip install ./fer_tfx '.[kubeflow]'` in a checkout"
        raise ConfigError(f"kfp-server-api is not installed; {remedy}") from None
    host = request.place["host"]
    header = {"header_name": "authorization", "header_value": f"Bearer {_read_token(token_file)}"} if token_file else {}
    configuration = kfp_server_api.Configuration(host=host.rstrip("/"))
    try:
        with kfp_server_api.ApiClient(configuration, **header) as client:
            return _send_to_kubeflow(kfp_server_api, client, request)
    except kfp_server_api.ApiException as error:
        if error.status >= 500:
            raise FerError(f"{host}: failed: {error.status} {_explain_refusal(error)}; try again") from None
        raise ConfigError(
            f"{host}: refused {request.file}: {error.status} {_explain_refusal(error)}; correct it"
        ) from None
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        # urllib3 puts its objects before what happened.
        found = str(getattr(error, "reason", error)).rpartition(": ")[2]
        raise FerError(f"{host}: can't be reached: {found}; check --host") from None


def _send_to_kubeflow(api: Any, client: Any, request: SubmitRequest) -> str:
    # As Kubeflow's own client joins the documents: the second has the pods' labels and volume.
    spec, *platform = request.documents
    common: dict[str, Any] = {
        "display_name": request.display_name,
        "description": json.dumps({"sha256": request.sha256, "labels": request.labels}, sort_keys=True),
        "experiment_id": request.place.get("experiment"),
        "pipeline_spec": {"pipeline_spec": spec, "platform_spec": platform[0]} if platform else spec,
        "runtime_config": api.V2beta1RuntimeConfig(
            parameters=request.parameters, pipeline_root=request.pipeline_root or None
        ),
        "service_account": request.service_account or None,
    }  # fmt: skip
    if not request.cron:
        run = api.V2beta1Run(**common)
        sent = api.RunServiceApi(client).run_service_create_run(run, _request_timeout=_TIMEOUT_S)
        return _require_id(sent, "run_id", request)
    # Kubeflow's cron begins with a field of seconds.
    trigger = api.V2beta1Trigger(cron_schedule=api.V2beta1CronSchedule(cron=f"0 {request.cron}"))
    # One at a time: two runs would compare with the same baseline and push one after the other.
    recurring = api.V2beta1RecurringRun(
        **common, trigger=trigger, mode=api.RecurringRunMode.ENABLE, max_concurrency="1", no_catchup=True
    )
    service = api.RecurringRunServiceApi(client)
    sent = service.recurring_run_service_create_recurring_run(recurring, _request_timeout=_TIMEOUT_S)
    return _require_id(sent, "recurring_run_id", request)


def _require_id(answer: Any, name: str, request: SubmitRequest) -> str:
    """The id of what was made. The client takes any answer with a status of 200 for one, a login page too."""
    found = getattr(answer, name, None)
    if not found:
        raise ConfigError(
            f"{request.place['host']}: answered, but not as Kubeflow Pipelines does, which names the run: most likely a"
            " login page before it; give the address of its API with --host, and --token-file if it asks for a token"
        )
    return str(found)


def _read_token(token_file: str) -> str:
    try:
        return Path(token_file).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"--token-file {token_file}: can't be read: {error}; give a file that holds a token") from None


def _explain_refusal(error: Any) -> str:
    """Field `message` or `error` of the server's answer, else HTTP's reason."""
    try:
        answer = json.loads(error.body)
        words = str(answer.get("message") or answer["error"])
    except (KeyError, TypeError, ValueError, AttributeError):
        words = str(error.reason)
    return next(iter(words.splitlines()), "")
