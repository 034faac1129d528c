"""A server behind a proxy that wants TLS, a client certificate and a bearer token, by REST and by gRPC."""

import logging
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from guarded_proxy import TOKEN, Authority, GuardedProxy, run_proxy

from fer_tfx.cli import main
from fer_tfx.client.client import Client
from fer_tfx.client.connection import Connection
from fer_tfx.errors import ConfigError, DeadlineExceededError, RequestRefusedError, ServerUnreachableError


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture(scope="module")
def certificate(authority: Authority) -> tuple[Path, Path]:
    """Files of a client's certificate and its key."""
    return authority.issue("client")


@pytest.fixture
def proxy(double, authority: Authority) -> Iterator[GuardedProxy]:
    with run_proxy(double.rest_url, double.start_grpc(), authority, clients=authority) as proxy:
        yield proxy


@pytest.fixture(params=["REST", "gRPC"])
def url(request: pytest.FixtureRequest, proxy: GuardedProxy) -> str:
    return proxy.rest_url if request.param == "REST" else proxy.grpc_url


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.touch(mode=0o600)
    path.write_text(f"{TOKEN}\n", "ascii")
    return path


@pytest.fixture
def connection(authority: Authority, certificate: tuple[Path, Path], token_file: Path) -> Connection:
    cert, key = certificate
    return Connection(token_file=token_file, ca=authority.path, cert=cert, key=key)


def escape(text: str) -> str:
    return "".join(f"\\u{ord(each):04x}" for each in text)


def test_predict_with_token_authority_and_certificate_is_answered(url, connection, draw, write_file):
    with Client(url, connection=connection) as client:
        client.wait_until_ready(5)
        assert [each.class_index for each in client.predict([draw(3)[0], write_file(4)])] == [3, 4]


def test_predict_certificate_and_key_in_one_file_are_taken(url, connection, tmp_path, draw):
    both = tmp_path / "both.pem"
    both.touch(mode=0o600)
    both.write_bytes(connection.key.read_bytes() + connection.cert.read_bytes())
    with Client(url, connection=replace(connection, cert=both, key=None)) as client:
        assert client.predict_pixels(draw(3))[0].class_index == 3


@pytest.mark.parametrize("lacking", ["ca", "cert"])
def test_predict_without_authority_or_certificate_gets_no_connection(url, connection, draw, clock, lacking):
    lack = {"ca": {"ca": None}, "cert": {"cert": None, "key": None}}[lacking]
    with (
        Client(url, connection=replace(connection, **lack), timing=clock.timing) as client,
        pytest.raises(ServerUnreachableError) as caught,
    ):
        client.predict_pixels(draw(3))
    said = "no secure connection" if url.startswith("https") else "do the CA and the client certificate fit?"
    assert said in str(caught.value)


def test_predict_token_that_was_replaced_in_the_file_is_sent_from_then_on(url, proxy, connection, token_file, draw):
    with Client(url, connection=connection) as client:
        client.predict_pixels(draw(3))
        proxy.token = "another"
        with pytest.raises(RequestRefusedError, match=r"check the token, the headers and the client certificate$"):
            client.predict_pixels(draw(3))
        successor = token_file.with_name("next")
        successor.touch(mode=0o600)
        successor.write_text("another", "ascii")
        successor.replace(token_file)
        assert client.predict_pixels(draw(3))[0].class_index == 3
        token_file.write_bytes(b"")  # while another program writes it
        assert client.predict_pixels(draw(3))[0].class_index == 3


@pytest.mark.parametrize("spell", [str, escape], ids=["as it is", "escaped"])
def test_predict_token_stands_in_no_message_log_or_repr(url, proxy, connection, draw, caplog, spell):
    """Some servers escape letters in JSON that need it not."""
    caplog.set_level(logging.DEBUG)
    proxy.token, proxy.refusal = "another", f'{{"error": "{"x" * 290}: bad token Bearer {spell(TOKEN)}"}}'
    with Client(url, connection=connection) as client, pytest.raises(RequestRefusedError) as caught:
        client.predict_pixels(draw(3))
    shown = [str(caught.value), repr(caught.value), caught.value.reason, caplog.text, repr(connection), repr(client)]
    assert TOKEN[:4] not in "".join(shown)
    headers = {"X-Key": "secret"}
    assert "secret" not in repr(Connection(headers=headers))


def test_predict_server_that_starts_anew_behind_the_proxy_is_asked_again(url, proxy, connection, draw, clock):
    def sleep(seconds: float) -> None:
        clock.waits.append(seconds)
        proxy.is_server_down = len(clock.waits) < 2

    clock.sleep, proxy.is_server_down = sleep, True
    with Client(url, connection=connection, timing=clock.timing) as client:
        assert client.predict_pixels(draw(3))[0].class_index == 3
    assert clock.waits == [0.1, 0.2]


def test_predict_proxy_whose_server_stays_down_is_called_that(proxy, connection, draw, clock):
    proxy.is_server_down = True
    said = (
        r"serve_pixels: HTTP 502 from a proxy: '<html><h1>502 Bad Gateway.*'; the server behind it is down or"
        r" restarting, try again later \(attempt 3 of 3\)$"
    )
    with (
        Client(proxy.rest_url, connection=connection, timing=clock.timing) as client,
        pytest.raises(ServerUnreachableError, match=said),
    ):
        client.predict_pixels(draw(3))


def test_predict_threads_share_fewer_connections_and_nobody_is_warned(proxy, connection, draw, caplog):
    with (
        Client(proxy.rest_url, connection=replace(connection, pool_size=3), timeout_s=60) as client,
        ThreadPoolExecutor(8) as threads,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        answers = list(threads.map(lambda value: client.predict_pixels(draw(value))[0].class_index, range(200)))
    assert answers == [value % 7 for value in range(200)]
    assert proxy.connection_count <= 3
    assert caplog.text == ""


def test_predict_thread_that_finds_no_free_connection_waits_until_its_deadline(double, draw):
    with Client(double.rest_url, connection=Connection(pool_size=1), timeout_s=0.3) as client:
        double.hang()
        with ThreadPoolExecutor(2) as threads:
            ends = [threads.submit(client.predict_pixels, draw(3)).exception() for _ in range(2)]
            double.release()
    assert all(isinstance(each, DeadlineExceededError) for each in ends)


def test_predict_headers_reach_the_server(url, proxy, connection, draw):
    headers = {"X-Tenant": "faces", "X-Trace": "a, b; c"}
    with Client(url, connection=replace(connection, headers=headers)) as client:
        client.predict_pixels(draw(3))
    assert {name: proxy.headers[name] for name in ("x-tenant", "x-trace")} == {
        "x-tenant": "faces",
        "x-trace": "a, b; c",
    }


def test_predict_header_host_chooses_the_site_of_an_ingress(proxy, connection, draw):
    with Client(proxy.rest_url, connection=replace(connection, headers={"Host": "fer.example.com"})) as client:
        client.predict_pixels(draw(3))
    assert proxy.headers["host"] == "fer.example.com"


@pytest.mark.parametrize("choice", [{"version": 1}, {"label": "stable"}])
def test_predict_version_and_label_of_the_connection_are_asked_for(double, draw, choice):
    with Client(double.rest_url, connection=Connection(**choice)) as client:
        client.predict_pixels(draw(3))
    spec = double.requests[-1].spec
    assert (spec.version, spec.label) == (choice.get("version"), choice.get("label"))
    with pytest.raises(ConfigError, match="give one of them"):
        Client(double.rest_url, version=2, connection=Connection(label="stable"))


@pytest.mark.parametrize("command", ["predict", "submission"])
def test_main_options_reach_the_server_behind_the_proxy(
    capfd, url, proxy, double, connection, token_file, tmp_path, command
):
    data = tmp_path / "test.csv"
    data.write_text("pixels\n" + " ".join(["3"] * 2304) + "\n", "ascii")
    words = [str(data)] if command == "predict" else ["--data", str(data), "--out", str(tmp_path / "s.csv")]
    words += ["--url", url, "--token-file", str(token_file), "--ca", str(connection.ca), "--header", "X-Tenant: a:b"]
    words += ["--cert", str(connection.cert), "--key", str(connection.key), "--label", "stable"]
    assert main([command, *words]) == 0, capfd.readouterr().err
    assert double.requests[-1].spec.label == "stable"
    assert proxy.headers["x-tenant"] == "a:b"
    assert main([command, *words[:-2], "--version", "2"]) == 0
    assert double.requests[-1].spec.version == 2


@pytest.mark.parametrize(
    "words",
    [["--label", "x"], ["--version", "1"], ["--header", "a: b"], ["--token-file", "t"], ["--ca", "c"], ["--cert", "c"]],
)
def test_main_option_of_a_server_without_one_is_refused(capfd, words):
    assert main(["predict", "face.png", *words]) == 2
    error = capfd.readouterr().err
    assert error.endswith("are for a server; give --url, or omit them\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [("secret", "got a line without a colon"), ("a: 1", "got 'a' twice"), ("b c: secret", "header 'b c': expected the"),
     ("b: secret\u00e4", "header b: its value has"), ("Content-Length: 1", "header 'Content-Length': expected")],
)  # fmt: skip
def test_main_header_that_can_not_be_sent_is_one_line_without_its_value(capfd, line, said):
    assert main(["predict", "face.png", "--url", "http://h", "--header", "a: 0", "--header", line]) == 2
    error = capfd.readouterr().err
    assert said in error
    assert "secret" not in error


@pytest.mark.parametrize("name", ["token", "key", "both"])
def test_client_secret_file_of_the_user_that_others_can_read_is_refused(connection, authority, tmp_path, name):
    cert, key = authority.issue("open")
    for mode, is_refused in ((0o640, True), (0o604, True), (0o660, True), (0o600, False), (0o400, False)):
        if name == "token":
            path, made = connection.token_file, connection
        elif name == "key":
            path, made = key, replace(connection, cert=cert, key=key)
        else:
            path = tmp_path / "both.pem"
            path.unlink(missing_ok=True)
            path.write_bytes(key.read_bytes() + cert.read_bytes())
            made = replace(connection, cert=path, key=None)
        path.chmod(mode)
        if is_refused:
            said = rf"{path}: others can read it \(mode {mode:03o}\), and it is secret; run `chmod 600` on it"
            with pytest.raises(ConfigError, match=said), Client("https://localhost:9", connection=made) as client:
                client.status()
        else:
            with Client("https://localhost:9", connection=made) as client, pytest.raises(ServerUnreachableError):
                client.status()
    path.chmod(0o600)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_client_token_file_of_another_user_is_that_users_to_protect(connection, token_file, url, draw):
    os.chown(token_file, 12345, 12345)
    token_file.chmod(0o644)
    with Client(url, connection=connection) as client:
        assert client.predict_pixels(draw(3))[0].class_index == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "found 0 bytes"), (b"two words", "found 9 bytes"), (b"\xef\xbb\xbfx", "found 4 bytes"), (b"a\nb", "found 3"),
     (b"x" * 70_000, "found 65,537 bytes")],
)  # fmt: skip
def test_predict_token_file_that_holds_no_token_is_refused_without_showing_it(
    url, connection, token_file, draw, content, said
):
    token_file.write_bytes(content)
    with (
        Client(url, connection=connection) as client,
        pytest.raises(ConfigError, match=f"{token_file}: expected one token and nothing else in it, {said}"),
    ):
        client.predict_pixels(draw(3))


def test_client_files_that_can_not_be_used_are_named_with_what_is_wrong(proxy, connection, authority, tmp_path):
    _, other_key = authority.issue("other")
    _, locked_key = authority.issue("locked", password=b"x")
    text = tmp_path / "text"
    text.touch(mode=0o600)
    text.write_text("no certificate", "ascii")
    absent = tmp_path / "absent"
    cases = {
        f"{absent}: can't be read: No such file or directory": [{"ca": absent}, {"cert": absent}, {"key": absent}],
        f"{text}: no certificate in PEM form in it": [{"ca": text}],
        f"{text} and {connection.key}: no certificate and its private key": [{"cert": text}],
        f"{connection.cert} and {text}: no certificate and its private key": [{"key": text}],
        f"{connection.cert} and {other_key}: no certificate and its private key.*MISMATCH": [{"key": other_key}],
        f"{locked_key}: the private key is encrypted; give one that needs no password": [{"key": locked_key}],
    }
    for said, changes in cases.items():
        for change in changes:
            for url in (proxy.rest_url, proxy.grpc_url):
                with pytest.raises(ConfigError, match=said):
                    Client(url, connection=replace(connection, **change))


@pytest.mark.parametrize(
    ("url", "settings", "said"),
    [
        ("http://h", {"ca": Path("c")}, "c: certificates need a URL with https://, grpcs:// or kserves://"),
        ("grpc://h:1", {"cert": Path("c")}, "c: certificates need"),
        ("http://h", {"token_file": Path("t")}, "t: http:// would show the token to anyone on the way"),
        ("grpc://10.0.0.1:1", {"token_file": Path("t")}, "t: grpc:// would show the token"),
        ("https://h", {"key": Path("k")}, "k: a private key without its certificate"),
        ("https://h", {"pool_size": 0}, "pool_size: expected at least 1, got 0"),
        ("https://h", {"token_file": Path("t"), "headers": {"AUTHORIZATION": "x"}}, "t: a token beside the header"),
    ],
)
def test_client_settings_that_can_not_hold_together_are_refused(url, settings, said):
    with pytest.raises(ConfigError, match=said):
        Client(url, connection=Connection(**settings))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_client_token_for_a_proxy_on_this_machine_needs_no_tls(token_file, host):
    Client(f"http://{host}:1", connection=Connection(token_file=token_file)).close()
