"""URLs of servers, and how a model on one is called."""

import pytest

from fer_tfx.client.client import Client
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
     "http://h#x", "http://h o", "http://h\n", "http://[::1", "grpc://h", "grpc://h:1/path", "grpcs://h",
     "http://a\\b:9", "http://a\x7fb"],
)  # fmt: skip
def test_parse_address_what_is_no_server_is_refused_with_what_was_expected(url):
    with pytest.raises(ConfigError, match="expected") as caught:
        parse_address(url, "fer")
    assert "\n" not in str(caught.value)


def test_parse_address_password_is_refused_and_not_shown():
    with pytest.raises(ConfigError, match="a user or password in it is not supported") as caught:
        parse_address("http://me:secret@h:8501", "fer")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("host", ["%HOST%", "[v1.x]", "ho%zz"])
def test_client_of_a_host_that_can_have_no_address_is_refused_in_one_line(host):
    with pytest.raises(ConfigError, match=r"^URL 'http://.*:8501': .* is no name of a host; check the URL$"):
        Client(f"http://{host}:8501")


@pytest.mark.parametrize("version", [-1, 2**63])
def test_parse_address_version_out_of_range_is_refused(version):
    with pytest.raises(ConfigError, match=r"^model fer: expected a version from 0 to 2\^63 - 1, got"):
        parse_address("http://h", "fer", version=version)
