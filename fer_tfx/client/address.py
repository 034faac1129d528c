"""Which model on which server."""

from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from fer_tfx.errors import ConfigError

_REST_SCHEMES, _GRPC_SCHEMES = ("http", "https"), ("grpc", "grpcs")
_EXPECTED = "expected http://host:8501, https://..., grpc://host:8500 or grpcs://..."


@dataclass(frozen=True)
class ModelAddress:
    """A model on a server; `parse_address` makes one."""

    scheme: str
    host_and_port: str
    prefix: str
    """Of the path, for a server behind a proxy: empty or `/so/and/so`."""
    model: str
    version: int | None = None
    label: str | None = None

    @property
    def is_grpc(self) -> bool:
        """Whether gRPC is spoken there, and not REST."""
        return self.scheme in _GRPC_SCHEMES

    @property
    def is_encrypted(self) -> bool:
        """Whether it is spoken through TLS."""
        return self.scheme in {"https", "grpcs"}

    @property
    def url(self) -> str:
        """The server's URL, without a slash at the end."""
        return f"{self.scheme}://{self.host_and_port}{self.prefix}"

    @property
    def rest_url(self) -> str:
        """URL of the model in the REST API."""
        choice = "" if self.version is None else f"/versions/{self.version}"
        choice = choice if self.label is None else f"/labels/{quote(self.label, safe='')}"
        return f"{self.url}/v1/models/{quote(self.model, safe='')}{choice}"

    def __str__(self) -> str:
        choice = "" if self.version is None else f" version {self.version}"
        choice = choice if self.label is None else f" label {self.label}"
        return f"{self.url}, model {self.model}{choice}"


def parse_address(url: str, model: str, version: int | None = None, label: str | None = None) -> ModelAddress:
    """The address of a model: the latest version of it, or a given one, or the one that bears a label.

    Raises:
        ConfigError: not a URL of a server, no name of a model, or both a version and a label.
    """
    if version is not None and label is not None:
        raise ConfigError(f"model {model}: got version {version} and label {label}; give one of them")
    if version is not None and version < 0:
        raise ConfigError(f"model {model}: expected a version from 0 on, got {version}")
    if not model or "/" in model or ":" in model or label == "":
        raise ConfigError(f"expected names of a model and a label without / and :, got {model!r} and {label!r}")
    parts = _split(url)
    return ModelAddress(parts.scheme, parts.netloc, parts.path.rstrip("/"), model, version, label)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        has_port = parts.port is not None
    except ValueError as error:
        raise ConfigError(f"URL {url!r}: {error}; {_EXPECTED}") from None
    if "@" in parts.netloc:
        raise ConfigError(f"URL of {parts.hostname!r}: a user or password in it is not supported; leave it out")
    is_whole = parts.scheme in _REST_SCHEMES + _GRPC_SCHEMES and bool(parts.hostname)
    if not is_whole or parts.query or parts.fragment or any(each.isspace() for each in url):
        raise ConfigError(f"URL {url!r}: {_EXPECTED}")
    if parts.scheme in _GRPC_SCHEMES and (not has_port or parts.path.strip("/")):
        raise ConfigError(f"URL {url!r}: gRPC takes a port and no path; expected such as grpc://host:8500")
    return parts
