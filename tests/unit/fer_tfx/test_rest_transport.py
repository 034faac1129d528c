"""What else may answer at a URL: proxies, web pages, broken and endless servers."""

import time
from collections.abc import Iterator

import pytest
from raw_server_double import RawServerDouble, reply

from fer_tfx.client.client import Client
from fer_tfx.client.connection import Connection
from fer_tfx.client.rest import RestTransport
from fer_tfx.errors import (
    BadAnswerError,
    DeadlineExceededError,
    RequestRefusedError,
    ServerUnreachableError,
)


def ask(pieces, clock, **arguments) -> tuple[Exception, int]:
    """The error that a client gets, and how often it connected."""
    with RawServerDouble(pieces) as server, Client(server.url, timing=clock.timing, **arguments) as client:
        with pytest.raises(Exception, match=server.url) as caught:
            client.status()
        return caught.value, server.connection_count


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>hello</html>", "the answer is no JSON object but '<html>hello</html>'; is it the REST port"),
        (b"", "the answer is no JSON object but ''"),
        (b"[" * 100_000, "the answer is no JSON object"),
        (b"\xff\xfe", "the answer is no JSON object"),
        ([1], "the answer is no JSON object"),
        ({}, "the answer is no status of a model"),
        ({"model_version_status": [1]}, "the answer is no status of a model"),
        ({"model_version_status": [{"version": "x", "state": "END"}]}, "the answer is no status of a model"),
        ({"model_version_status": None}, "the answer is no status of a model"),
        (b'{"model_version_status": [{"version": 1e999, "state": "END"}]}', "the answer is no status of a model"),
    ],
)
def test_status_answer_that_is_none_is_a_bad_answer(clock, body, said):
    error, _ = ask(reply(body), clock)
    assert isinstance(error, BadAnswerError)
    assert said in str(error)


@pytest.mark.parametrize("body", [{"outputs": [[1]]}, {"predictions": []}, {}])
def test_predict_answer_without_named_outputs_is_a_bad_answer(clock, draw, body):
    said = "signature serve_pixels: the answer has no object `outputs`"
    with (
        RawServerDouble(reply(body)) as server,
        Client(server.url) as client,
        pytest.raises(BadAnswerError, match=said),
    ):
        client.predict_pixels(draw(1))


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        ("404 Not Found", b"<h1>nginx</h1>", "refused with HTTP 404: '<h1>nginx</h1>'"),
        ("400 Bad", {"error": "two\nlines\x1b[31m"}, r"refused with HTTP 400: two lines\x1b[31m;"),
        ("401 No", {"error": "x" * 5000}, "x" * 300 + "...;"),
        ("500 Oh", {"fault": 1}, "refused with HTTP 500: '{\"fault\": 1}'"),
        ("301 Moved", b"", "refused with HTTP 301: ''; give the URL that it leads to"),
        ("413 Large", b"nginx", "refused with HTTP 413: 'nginx'; send fewer pictures at once (batch_size), or raise"),
        ("403 No", b"proxy", "refused with HTTP 403: 'proxy'; check the token, the headers and the client certificate"),
    ],
)
def test_status_any_other_status_is_refused_in_one_line_and_once(clock, status, body, said):
    error, count = ask(reply(body, status), clock)
    assert isinstance(error, RequestRefusedError)
    assert said in str(error)
    assert "\n" not in str(error)
    assert count == 1


def test_status_redirection_is_refused_and_nobody_else_is_asked(clock):
    with RawServerDouble(reply({})) as other:
        error, count = ask(reply(b"", f"302 Found\r\nLocation: {other.url}/v1/models/fer"), clock)
        assert isinstance(error, RequestRefusedError)
        assert "refused with HTTP 302" in str(error)
        assert (count, other.connection_count) == (1, 0)


@pytest.mark.parametrize(
    "pieces",
    [[], [b"\x00\x00\x12\x04 this is gRPC"], reply({"model_version_status": []}, length=500)],
    ids=["closed", "another protocol", "half a body"],
)
def test_status_connection_that_breaks_is_tried_again(clock, pieces):
    error, count = ask(pieces, clock)
    assert isinstance(error, ServerUnreachableError)
    assert "can't be reached" in str(error)
    assert count == 3


def test_status_proxy_without_its_server_is_tried_again_and_called_that(clock):
    error, count = ask(reply(b"nginx", "502 Bad Gateway"), clock)
    assert isinstance(error, ServerUnreachableError)
    assert "HTTP 502 from a proxy: 'nginx'; the server behind it is down or restarting, try again later" in str(error)
    assert count == 3


def test_status_busy_proxy_is_tried_again(clock):
    error, count = ask(reply(b"later", "503 Service Unavailable"), clock, attempts=2)
    assert isinstance(error, ServerUnreachableError)
    assert "too busy, HTTP 503: 'later'; try again later (attempt 2 of 2)" in str(error)
    assert count == 2


HEAD = b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 1000 + b"\r\nContent-Length: 1000000\r\n\r\n"


@pytest.mark.parametrize(("at_once", "pause_s"), [(0, 0.1), (20, 0.1), (len(HEAD), 0.1), (len(HEAD) + 20, 0.45)])
def test_status_answer_in_drips_ends_at_the_deadline(at_once, pause_s):
    answer = HEAD + b" " * 1000

    def drip() -> Iterator[bytes]:
        yield answer[:at_once]
        for place in range(at_once, len(answer)):
            time.sleep(pause_s)
            yield answer[place : place + 1]

    started_s = time.monotonic()
    with RawServerDouble(drip) as server:
        with Client(server.url, timeout_s=0.5) as client, pytest.raises(DeadlineExceededError, match=server.url):
            client.status()
        assert time.monotonic() - started_s < 0.8
        assert server.connection_count == 1


def test_status_answer_without_end_is_cut_off(clock):
    def pour() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while True:
            yield b" " * 2**20

    error, _ = ask(pour, clock)
    assert isinstance(error, BadAnswerError)
    assert "the answer is longer than 33,554,432 bytes" in str(error)


def test_predict_connection_is_kept_for_the_next_request(double, draw):
    counts = []
    with Client(double.rest_url) as client:
        for _ in range(3):
            client.predict_pixels(draw(1))
            counts.append(client._transport._pool.num_connections)
    assert counts == [1, 1, 1]


def test_close_frees_the_connections(double):
    transport = RestTransport(Client(double.rest_url)._address, Connection())
    transport.read_status(5)
    kept = transport._pool.pool.get()
    transport._pool.pool.put(kept)
    assert kept.sock is not None
    transport.close()
    assert kept.sock is None
