"""How a server is reached through the proxy in front of it: headers, a token, certificates, connections."""

import ipaddress
import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from fer_tfx.counted import counted
from fer_tfx.errors import ConfigError

if TYPE_CHECKING:
    import ssl

_NAME = re.compile(r"[a-z0-9_.-]+(?<!-bin)", re.IGNORECASE)  # that gRPC takes too; with `-bin` it wants bytes
_VALUE = re.compile(r"[ -~]*")
_TOKEN = re.compile(rb"[!-~]*")
_OF_REQUEST = {"accept", "content-length", "content-type", "transfer-encoding"}
_AUTHORIZATION = "authorization"
SECURE_SCHEMES = ("https", "grpcs", "kserves")
_WITH_TLS = "a URL with https://, grpcs:// or kserves://"
_MAX_TOKEN_BYTES = 2**16
_FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class Connection:
    """What a server, or the proxy in front of it, wants to see, and which version of the model is asked.

    Args:
        headers: sent with each request; by gRPC as metadata.
        token_file: holds a bearer token. Read for each attempt, so the token may be replaced while a client is open.
        ca: PEM file of the authorities that the server's certificate may come from, in place of the system's.
        cert: PEM file of the client's certificate, followed by those of its authorities.
        key: PEM file of the certificate's private key, not encrypted; None: it is in `cert`.
        pool_size: the most connections, and so requests at a time, by REST; further threads wait. gRPC needs only one.
        version: of the model; None: the latest.
        label: instead of a version, such as `stable`.

    Raises ConfigError if a field is out of range. As ssh does with keys, a token or key file that belongs to the user
    is refused if others may read it.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # they may hold secrets
    token_file: Path | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    pool_size: int = 16
    version: int | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        for name in ("token_file", "ca", "cert", "key"):
            if isinstance(path := getattr(self, name), str):  # as people give them
                object.__setattr__(self, name, Path(path))
        if self.pool_size < 1:
            raise ConfigError(f"pool_size: expected at least 1, got {self.pool_size}")
        if self.key and not self.cert:
            raise ConfigError(f"{self.key}: a private key without its certificate; give that too")
        for name, value in self.headers.items():
            if not _NAME.fullmatch(name) or name.lower() in _OF_REQUEST:
                raise ConfigError(f"header {name!r}: expected the name of a header that requests don't have already")
            if not _VALUE.fullmatch(value):
                raise ConfigError(f"header {name}: its value has characters other than printable ASCII")
        if self.token_file and _AUTHORIZATION in map(str.lower, self.headers):
            raise ConfigError(f"{self.token_file}: a token beside the header Authorization; give one of them")

    def check_for(self, scheme: str, host: str) -> None:
        """Raise ConfigError unless a URL with this scheme and host keeps the settings secret."""
        if scheme in SECURE_SCHEMES:
            return
        if self.ca or self.cert:
            raise ConfigError(f"{self.ca or self.cert}: certificates need {_WITH_TLS}")
        if self.token_file and not _is_this_machine(host):
            raise ConfigError(
                f"{self.token_file}: {scheme}:// would show the token to anyone on the way; give {_WITH_TLS}"
            )

    def make_ssl_context(self) -> "ssl.SSLContext":
        """Of a client with these certificates. Raises ConfigError, which names the file at fault."""
        import ssl

        for path in filter(None, (self.ca, self.cert, self.key)):
            _read(path, is_secret=path == (self.key or self.cert))
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except ssl.SSLError:
            raise ConfigError(f"{self.ca}: no certificate in PEM form in it; give a file that has some") from None
        if self.cert:
            try:
                context.load_cert_chain(self.cert, self.key, password=self._refuse_password)
            except ssl.SSLError as error:
                place = self.cert if self.key is None else f"{self.cert} and {self.key}"
                found = error.reason or "not in PEM form"
                raise ConfigError(
                    f"{place}: no certificate and its private key ({found}); give both in PEM form"
                ) from None
        return context

    def _refuse_password(self) -> NoReturn:
        raise ConfigError(f"{self.key or self.cert}: the private key is encrypted; give one that needs no password")


def parse_headers(lines: Iterable[str]) -> dict[str, str]:
    """The headers in lines such as `X-Tenant: faces`. Raises ConfigError."""
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or name in headers:
            found = f"{name!r} twice" if colon else "a line without a colon"
            raise ConfigError(f"header: expected 'NAME: VALUE', each name once, got {found}")
        headers[name] = value
    return headers


class RequestHeaders:
    """The headers of one client's requests. Threads may share it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._token = b""

    def read(self) -> dict[str, str]:
        """The headers for one attempt, with the token as it is now. Raises ConfigError."""
        path = self._connection.token_file
        if not path:
            return dict(self._connection.headers)
        # Empty while another program writes it, and a pipe after the first time: the last one holds.
        token = _read(path, is_secret=True).strip() or self._token
        if not token or len(token) > _MAX_TOKEN_BYTES or not _TOKEN.fullmatch(token):
            raise ConfigError(f"{path}: expected one token and nothing else in it, found {counted(len(token), 'byte')}")
        self._token = token
        return {**self._connection.headers, "Authorization": f"Bearer {token.decode()}"}


def hide_secret(text: str, headers: Mapping[str, str]) -> str:
    """A server's words without the credentials that were sent to it."""
    for name, value in headers.items():
        if name.lower() == _AUTHORIZATION and (secret := value.split(" ")[-1]):
            text = text.replace(secret, "***")
    return text


def _read(path: Path, is_secret: bool) -> bytes:
    """The first bytes of a file. Raises ConfigError: it can't be read, or others can and it is secret."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            # What belongs to root or a service is theirs to protect, such as a secret mounted into a container.
            is_users = os.name == "posix" and status.st_uid == os.geteuid()
            if is_secret and is_users and status.st_mode & _FOR_OTHERS:
                raise ConfigError(
                    f"{path}: others can read it (mode {stat.S_IMODE(status.st_mode):03o}), and it is secret;"
                    " run `chmod 600` on it"
                )
            return file.read(_MAX_TOKEN_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}; fix its path or its permissions") from None


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
