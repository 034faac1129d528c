"""The proxy that docs/security.md asks for, real in all but its product: TLS, a client certificate, a bearer token."""

import http.client
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

TOKEN = "eyJhbGciOi.c2VjcmV0-_~+/x=="
_PEM, _PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8


@dataclass(frozen=True)
class Authority:
    """Signs certificates; its own lies in `path`."""

    path: Path
    key: ec.EllipticCurvePrivateKey
    name: x509.Name

    @classmethod
    def make(cls, folder: Path, name: str) -> "Authority":
        authority = cls(
            folder / f"{name}.pem", ec.generate_private_key(ec.SECP256R1()),
            x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]),
        )  # fmt: skip
        authority.path.write_bytes(authority.sign(authority.key, name, is_authority=True))
        return authority

    def sign(self, key: ec.EllipticCurvePrivateKey, name: str, is_authority: bool = False) -> bytes:
        now, public = datetime.now(timezone.utc), self.key.public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]),
                critical=False,
            )
        )
        if is_authority:
            usage = x509.KeyUsage(*[name in {"sign", "crl"} for name in ("", "", "", "", "", "sign", "crl", "", "")])
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(_PEM)

    def issue(self, name: str, password: bytes = b"") -> tuple[Path, Path]:
        """Files of a certificate and its key, which the user alone may read."""
        key = ec.generate_private_key(ec.SECP256R1())
        cert_path, key_path = self.path.with_name(f"{name}.pem"), self.path.with_name(f"{name}.key")
        cert_path.write_bytes(self.sign(key, name))
        encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        key_path.touch(mode=0o600)
        key_path.write_bytes(key.private_bytes(_PEM, _PKCS8, encryption))
        return cert_path, key_path


@dataclass
class GuardedProxy:
    """What stands between a client and a server; both sides of it run until the end of `run_proxy`."""

    rest_url: str
    grpc_url: str
    token: str = TOKEN  # that it takes
    connection_count: int = 0  # by REST
    is_server_down: bool = False
    refusal: str = "no"  # what it says to another token
    headers: dict[str, str] = field(default_factory=dict)  # of the last request, by names in lower case


@contextmanager
def run_proxy(rest_url: str, grpc_url: str, authority: Authority, clients: Authority | None) -> Iterator[GuardedProxy]:
    """Run a proxy whose certificate is the authority's, and that asks for one of `clients` unless that is None."""
    proxy = GuardedProxy("", "")
    cert, key = authority.issue("proxy")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=clients and clients.path)
    context.verify_mode = ssl.CERT_REQUIRED if clients else ssl.CERT_NONE
    context.load_cert_chain(cert, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(proxy, rest_url))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # a client that isn't let in
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    proxy.rest_url = f"https://localhost:{server.server_port}"
    stop_grpc = _start_grpc(proxy, grpc_url, cert, key, clients)
    try:
        yield proxy
    finally:
        stop_grpc()
        server.shutdown()
        server.server_close()
        thread.join()


def _make_handler(proxy: GuardedProxy, backend: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        timeout = 5

        def setup(self) -> None:
            proxy.connection_count += 1
            super().setup()

        def do_GET(self) -> None:
            self._hand_on()

        def do_POST(self) -> None:
            self._hand_on()

        def _hand_on(self) -> None:
            proxy.headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers["Authorization"] != f"Bearer {proxy.token}":
                self._reply(401, proxy.refusal.encode())
            elif proxy.is_server_down:
                self._reply(502, b"<html><h1>502 Bad Gateway</h1><hr>nginx/1.29.4</html>")
            else:
                connection = http.client.HTTPConnection(urlsplit(backend).netloc)
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                self._reply(answer.status, answer.read())
                connection.close()

        def _reply(self, status: int, text: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler


def _start_grpc(
    proxy: GuardedProxy, backend: str, cert: Path, key: Path, clients: Authority | None
) -> Callable[[], object]:
    import grpc

    channel = grpc.insecure_channel(urlsplit(backend).netloc)

    class Handler(grpc.GenericRpcHandler):
        def service(self, details: grpc.HandlerCallDetails) -> Any:
            def hand_on(request: bytes, context: grpc.ServicerContext) -> bytes:
                proxy.headers = dict(details.invocation_metadata)
                if proxy.headers.get("authorization") != f"Bearer {proxy.token}":
                    context.abort(grpc.StatusCode.UNAUTHENTICATED, proxy.refusal)
                if proxy.is_server_down:
                    context.abort(grpc.StatusCode.UNAVAILABLE, "Received http2 header with status: 502")
                return channel.unary_unary(details.method)(request, timeout=5)

            return grpc.unary_unary_rpc_method_handler(hand_on)

    server = grpc.server(ThreadPoolExecutor(8), [Handler()], options=[("grpc.so_reuseport", 0)])
    roots = clients.path.read_bytes() if clients else None
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), cert.read_bytes())], roots, bool(clients))
    proxy.grpc_url = f"grpcs://localhost:{server.add_secure_port('localhost:0', credentials)}"
    server.start()
    return lambda: (server.stop(grace=None).wait(), channel.close())
