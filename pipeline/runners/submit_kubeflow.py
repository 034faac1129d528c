"""A compiled pipeline to Kubeflow Pipelines, by the REST client that the kfp SDK is built upon.

The SDK itself can't be installed beside TFX 1.16: each release wants another protobuf, another kfp-pipeline-spec or an
older urllib3.
"""

import json
from pathlib import Path
from typing import Any

import urllib3

from fer_tfx.errors import ConfigError, DataError, FerError
from pipeline.runners.submission import SubmitRequest

_TIMEOUT_S = 60.0


def submit(request: SubmitRequest, token_file: str = "") -> str:
    """Start a run, or a recurring run: its id. `token_file` holds a bearer token, if the server asks for one.

    Raises ConfigError: the client is not installed, or the server refuses the request or its sender; DataError: the
    token can't be read; FerError: the server can't be reached.
    """
    try:
        import kfp_server_api
    except ImportError:
        remedy = "run `pip install ./fer_tfx '.[kubeflow]'` in a checkout"
        raise ConfigError(f"kfp-server-api is not installed; {remedy}") from None
    host = request.place["host"]
    header = {"header_name": "authorization", "header_value": f"Bearer {_read(token_file)}"} if token_file else {}
    configuration = kfp_server_api.Configuration(host=host.rstrip("/"))
    try:
        with kfp_server_api.ApiClient(configuration, **header) as client:
            return _send(kfp_server_api, client, request)
    except kfp_server_api.ApiException as error:
        if error.status >= 500:
            raise FerError(f"{host}: failed: {error.status} {_explain(error)}; try again") from None
        raise ConfigError(f"{host}: refused {request.file}: {error.status} {_explain(error)}; correct it") from None
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        # urllib3 puts its objects before what happened.
        found = str(getattr(error, "reason", error)).rpartition(": ")[2]
        raise FerError(f"{host}: can't be reached: {found}; check --host") from None


def _send(api: Any, client: Any, request: SubmitRequest) -> str:
    # As Kubeflow's own client joins the documents: the second has the pods' labels and volume.
    spec, *platform = request.documents
    common: dict[str, Any] = {
        "display_name": request.display_name,
        "description": json.dumps({"sha256": request.sha256, "labels": request.labels}, sort_keys=True),
        "experiment_id": request.place.get("experiment"),
        "pipeline_spec": {"pipeline_spec": spec, "platform_spec": platform[0]} if platform else spec,
        "runtime_config": api.V2beta1RuntimeConfig(
            parameters=request.parameters, pipeline_root=request.pipeline_root
        ),
        "service_account": request.service_account or None,
    }  # fmt: skip
    if not request.cron:
        run = api.V2beta1Run(**common)
        sent = api.RunServiceApi(client).run_service_create_run(run, _request_timeout=_TIMEOUT_S)
        return str(sent.run_id)
    # Kubeflow's cron begins with a field of seconds.
    trigger = api.V2beta1Trigger(cron_schedule=api.V2beta1CronSchedule(cron=f"0 {request.cron}"))
    # One at a time: two runs would compare with the same baseline and push one after the other.
    recurring = api.V2beta1RecurringRun(
        **common, trigger=trigger, mode=api.RecurringRunMode.ENABLE, max_concurrency="1", no_catchup=True
    )
    service = api.RecurringRunServiceApi(client)
    sent = service.recurring_run_service_create_recurring_run(recurring, _request_timeout=_TIMEOUT_S)
    return str(sent.recurring_run_id)


def _read(token_file: str) -> str:
    try:
        return Path(token_file).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"--token-file {token_file}: can't be read: {error}; give a file that holds a token") from None


def _explain(error: Any) -> str:
    """Field `message` or `error` of the server's answer, else HTTP's reason."""
    try:
        answer = json.loads(error.body)
        words = str(answer.get("message") or answer["error"])
    except (KeyError, TypeError, ValueError, AttributeError):
        words = str(error.reason)
    return next(iter(words.splitlines()), "")
