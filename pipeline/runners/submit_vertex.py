"""A compiled pipeline to Vertex AI, by Google's own client."""

from typing import Any

from fer_tfx.errors import ConfigError, FerError
from pipeline.failures import first_line
from pipeline.runners.submission import SubmitRequest

_TIMEOUT_S = 60.0


def submit(request: SubmitRequest) -> str:
    """Start a run, or a schedule of runs: its full resource name.

    Raises ConfigError: the client is not installed, there are no credentials, or Vertex AI refuses the request;
    FerError: it can't be reached.
    """
    try:
        from google.api_core import exceptions as api
        from google.auth import exceptions as auth
        from google.cloud import aiplatform
    except ImportError:
        raise ConfigError(
            "google-cloud-aiplatform is not installed; run `pip install ./fer_tfx '.[vertex]'` in a checkout"
        ) from None
    where = "/".join(request.place.values())
    try:
        return _send(aiplatform, request)
    except auth.GoogleAuthError as error:
        raise ConfigError(
            f"{where}: no usable credentials: {first_line(error)}; run `gcloud auth application-default login`"
        ) from None
    except (api.ClientError, ValueError) as error:
        raise ConfigError(f"{where}: Vertex AI refused {request.file}: {first_line(error)}; correct it") from None
    except (api.GoogleAPIError, OSError) as error:
        raise FerError(f"{where}: can't be reached: {first_line(error)}; try again") from None


def _send(aiplatform: Any, request: SubmitRequest) -> str:
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
        # One at a time: two runs would compare with the same baseline and push one after the other.
        schedule = job.create_schedule(
            cron=request.cron, display_name=request.display_name, max_concurrent_run_count=1, **options
        )
        return str(schedule.resource_name)
    job.submit(**options)
    return str(job.resource_name)
