"""An endpoint of Vertex AI that answers with what is pushed, and what its client's errors mean.

A new version is deployed beside those that are there; only then does the traffic move, in one request. What is deployed
has the digest of its model in its name, and a version in the registry also where it came from in its description, so
that an attempt that was cut off half-way is taken up again.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from configs.spec import EndpointConfig, ServingConfig
from fer_tfx.errors import ConfigError, FerError, shorten

_TIMEOUT_S = 60.0  # of a request; what it starts is waited for as long as it takes
_MOST_WORDS = 200  # characters of an error, so that what to do about it fits into the line


def serve(config: ServingConfig, digest: str, source: str, again: str) -> None:
    """Let `config.endpoint` answer with the model of that digest, and wait until it does.

    The SavedModel in `source`, path or URI, is uploaded unless the model is deployed, or was uploaded from there. Until
    the new version is ready, and if it never is, the one before goes on answering. `again` says what to repeat then.
    Raises ConfigError: Vertex AI refuses; FerError: it can't be reached, or can't take it now.
    """
    from google.cloud import aiplatform

    name = config.endpoint.name
    _, project, _, location, *_ = name.split("/")
    remedy = (
        f"the version before goes on answering; correct serving.endpoint or the account's rights, then {again} again"
    )
    with explained(name, f"{config.model_name} with digest {digest[:12]}", remedy):
        aiplatform.init(project=project, location=location)
        endpoint = aiplatform.Endpoint(name)
        ours, wanted = f"{config.model_name}-", f"{config.model_name}-{digest[:16]}"
        if wanted not in [each.display_name for each in endpoint.list_models()]:
            model = _find_or_upload(aiplatform, config, digest, source)
            _deploy(endpoint, model, wanted, config.endpoint)
        newest_first = sorted(endpoint.list_models(), key=lambda each: each.create_time, reverse=True)
        answering = next(each.id for each in newest_first if each.display_name == wanted)
        if endpoint.traffic_split != {answering: 100}:
            endpoint.update(traffic_split={answering: 100}, update_request_timeout=_TIMEOUT_S)
    others = [each.id for each in newest_first if each.display_name.startswith(ours) and each.id != answering]
    _undeploy(endpoint, others[config.endpoint.keep_versions - 1 :])


def _find_or_upload(aiplatform: Any, config: ServingConfig, digest: str, source: str) -> Any:
    """A version in the registry, of the model that has the name of ours or of a new one."""
    from google.api_core import exceptions as api

    origin = f"sha256 {digest} from {source}"
    registry = aiplatform.ModelRegistry(config.model_name)
    try:
        versions = registry.list_versions()
        place = {"parent_model": config.model_name}
    except api.NotFound:
        versions, place = [], {"model_id": config.model_name}
    for each in versions:
        if each.version_description == origin:
            return registry.get_model(each.version_id)
    return aiplatform.Model.upload(
        **place,
        display_name=config.model_name,
        version_description=origin,
        artifact_uri=source,  # the client takes what is no bucket's into one of its own
        serving_container_image_uri=config.endpoint.image,
        upload_request_timeout=_TIMEOUT_S,
    )


def _deploy(endpoint: Any, model: Any, name: str, config: EndpointConfig) -> None:
    """Without traffic, but for the first model of an endpoint."""
    endpoint.deploy(
        model,
        deployed_model_display_name=name,
        traffic_percentage=0,
        machine_type=config.machine,
        min_replica_count=config.min_replicas,
        max_replica_count=config.max_replicas,
        deploy_request_timeout=_TIMEOUT_S,
    )


def _undeploy(endpoint: Any, doomed: list[str]) -> None:
    """The new version answers by now, so that a failure is no more than a machine too many, until the next push."""
    from google.api_core import exceptions as api

    for each in doomed:
        try:
            endpoint.undeploy(each)
        except api.GoogleAPIError as error:
            logging.getLogger(__name__).warning("%s: %s can't be undeployed: %s", endpoint.resource_name, each, error)


@contextmanager
def explained(where: str, asked: str, remedy: str = "correct it") -> Iterator[None]:
    """Raise FerErrors in place of what Google's clients raise.

    ConfigError: there are no credentials, or Vertex AI refuses what was `asked`; FerError: another attempt may help.
    """
    from google.api_core import exceptions as api
    from google.auth import exceptions as auth

    try:
        yield
    except Exception as error:
        said = shorten(str(error), _MOST_WORDS)
        match error:
            case auth.GoogleAuthError():
                login = "run `gcloud auth application-default login`"
                raise ConfigError(f"{where}: no usable credentials: {said}; {login}") from None
            case api.TooManyRequests() | api.Conflict():
                raise FerError(f"{where}: Vertex AI can't take {asked} now: {said}; {remedy}") from None
            case api.ClientError() | ValueError():
                raise ConfigError(f"{where}: Vertex AI refused {asked}: {said}; {remedy}") from None
            case api.GoogleAPIError() | OSError():
                raise FerError(f"{where}: can't be reached: {said}; try again") from None
        raise
