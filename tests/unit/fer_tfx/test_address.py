"""URLs of servers, and how a model on one is called."""

import pytest

from fer_tfx.client.transport import parse_address
from fer_tfx.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "rest_url"),
    [
        ("http://localhost:8501", "http://localhost:8501/v1/models/fer"),
        ("http://localhost:8501/", "http://localhost:8501/v1/models/fer"),
        ("https://host.example/a/b/", "https://host.example/a/b/v1/models/fer"),
        ("http://[::1]:8501", "http://[::1]:8501/v1/models/fer"),
    ],
)
def test_rest_url_of_a_server_has_the_model_below_its_path(url, rest_url):
    assert parse_address(url, "fer").rest_url == rest_url


def test_rest_url_names_are_quoted_and_versions_chosen():
    assert parse_address("http://h", "a b?").rest_url == "http://h/v1/models/a%20b%3F"
    assert parse_address("http://h", "fer", version=0).rest_url == "http://h/v1/models/fer/versions/0"
    assert parse_address("http://h", "fer", label="a/b").rest_url == "http://h/v1/models/fer/labels/a%2Fb"


def test_str_names_server_model_and_choice():
    assert str(parse_address("grpc://h:1", "fer")) == "grpc://h:1, model fer"
    assert str(parse_address("http://h/p", "fer", version=3)) == "http://h/p, model fer version 3"
    assert str(parse_address("http://h", "fer", label="x")) == "http://h, model fer label x"


@pytest.mark.parametrize(
    "url",
    ["", "localhost:8501", "ftp://host", "http://", "http:///path", "http://h:99999", "http://h:a", "http://h?x=1",
     "http://h#x", "http://h o", "http://h\n", "http://[::1", "grpc://h", "grpc://h:1/path", "grpcs://h"],
)  # fmt: skip
def test_parse_address_what_is_no_server_is_refused_with_what_was_expected(url):
    with pytest.raises(ConfigError, match="expected") as caught:
        parse_address(url, "fer")
    assert "\n" not in str(caught.value)


def test_parse_address_password_is_refused_and_not_shown():
    with pytest.raises(ConfigError, match="a user or password in it is not supported") as caught:
        parse_address("http://me:secret@h:8501", "fer")
    assert "secret" not in str(caught.value)
