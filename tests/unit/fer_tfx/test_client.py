"""The client against the stand-in for TensorFlow Serving, by REST and by gRPC."""

import numpy as np
import pytest
from serving_double import ServedFunction, TensorFlowServingDouble
from serving_double.fer_function import build_outputs

from fer_tfx.client.client import Client
from fer_tfx.client.transport import VersionStatus
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import (
    BadAnswerError,
    ConfigError,
    DeadlineExceededError,
    RequestRefusedError,
    ServerUnreachableError,
)


def test_predict_pixels_gives_every_field_as_the_model_said_it(client, draw):
    unsure, sure = client.predict_pixels(draw(3, 100))
    assert (unsure.class_index, unsure.label, unsure.abstain) == (3, "happy", True)
    assert (sure.class_index, sure.label, sure.abstain) == (2, "fear", False)
    assert (unsure.confidence, sure.confidence) == pytest.approx((0.3075, 0.55))
    assert [*sure.probabilities.values()] == pytest.approx([0.075, 0.075, 0.55, 0.075, 0.075, 0.075, 0.075])


def test_predict_pixels_every_class_has_its_name(client, draw):
    assert [each.label for each in client.predict_pixels(draw(*range(7)))] == list(DEFAULT_CLASS_NAMES)


def test_predict_pixels_without_channels_are_the_same(client, draw):
    assert client.predict_pixels(draw(9, 8)[..., 0]) == client.predict_pixels(draw(9, 8))


def test_predict_no_pictures_asks_nobody(client, double, draw):
    assert client.predict_pixels(draw()) == client.predict_pixels([]) == client.predict([]) == []
    assert double.requests == []


def test_predict_pixels_more_than_a_batch_are_split_and_stay_in_order(url, double, draw):
    with Client(url, batch_size=3) as client:
        found = client.predict_pixels(draw(*range(8)))
    assert [each.confidence for each in found] == pytest.approx([0.3 + 0.0025 * value for value in range(8)])
    assert len(double.requests) == 3


def test_predict_mixed_pictures_keep_their_order(url, double, draw, write_file):
    images = [write_file(1), draw(2)[0], write_file(3, "GIF"), draw(4)[0, ..., 0], write_file(5, "BMP")]
    with Client(url, batch_size=4) as client:
        found = client.predict(iter(images))
    assert [each.class_index for each in found] == [1, 2, 3, 4, 5]
    assert [request.details["signature_name"] for request in double.requests] == [
        "serve_pixels",
        "serve_images",
        "serve_images",
    ]


def test_predict_jpeg_is_sent_as_it_is(client, draw, write_file):
    (found,) = client.predict([write_file(100, "JPEG")])
    assert found.class_index == 2


def test_predict_one_array_of_pictures_is_taken_picture_by_picture(client, draw):
    assert client.predict(draw(5, 6)) == client.predict_pixels(draw(5, 6))


def test_predict_pixels_by_rest_and_grpc_gives_the_same_to_float32(double, draw):
    with Client(double.rest_url) as rest, Client(double.start_grpc()) as grpc:
        pairs = zip(rest.predict_pixels(draw(7, 77)), grpc.predict_pixels(draw(7, 77)), strict=True)
        assert all(
            np.float32([*one.probabilities.values()]).tolist() == [*other.probabilities.values()]
            for one, other in pairs
        )


@pytest.mark.parametrize(("choice", "version"), [({}, 9), ({"version": 4}, 4), ({"label": "stable"}, 4)])
@pytest.mark.parametrize("api", ["REST", "gRPC"])
def test_predict_version_or_label_chooses_the_model(api, choice, version, draw):
    versions = {number: lambda _, __, number=number: build_outputs(np.array([number])) for number in (4, 9)}
    with (
        TensorFlowServingDouble(versions, labels={"stable": 4}) as double,
        Client(double.rest_url if api == "REST" else double.start_grpc(), **choice) as client,
    ):
        (found,) = client.predict_pixels(draw(0))
    assert found.class_index == version % 7


def test_client_name_with_a_space_reaches_the_model(double, draw):
    double.name = "my model"
    for url in (double.rest_url, double.start_grpc()):
        with Client(url, model="my model") as client:
            assert client.predict_pixels(draw(6))[0].class_index == 6


def test_client_behind_a_prefix_asks_below_it(double):
    with Client(f"{double.rest_url}/behind/") as client, pytest.raises(RequestRefusedError) as caught:
        client.status()
    assert caught.value.reason == "Malformed request: GET /behind/v1/models/fer"


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"model": "other"}, "other.*: refused with (HTTP 404|NOT_FOUND): Servable not found for .*Latest.other"),
        ({"version": 3}, "model fer version 3.*: refused with (HTTP 404|NOT_FOUND): Servable not found"),
        (
            {"label": "x"},
            "model fer label x.*: refused with (HTTP 400|INVALID_ARGUMENT): Unrecognized servable version",
        ),
    ],
)
def test_predict_model_that_is_not_served_is_refused_and_not_asked_again(url, double, draw, choice, said):
    with Client(url, **choice) as client, pytest.raises(RequestRefusedError, match=f"^{url}, .*{said}") as caught:
        client.predict_pixels(draw(0))
    assert caught.value.exit_code == 1
    assert len(double.requests) == 1


def test_predict_signature_that_the_model_lacks_is_refused(draw):
    with TensorFlowServingDouble({1: lambda *_: {}}) as double:
        double.models[1].signatures = {"serving_default": {"examples": np.dtype(object)}}
        with Client(double.rest_url) as client, pytest.raises(RequestRefusedError, match='"serve_pixels" not found'):
            client.predict_pixels(draw(0))


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED"])
def test_predict_busy_server_is_asked_again_after_growing_waits(client, clock, double, draw, code):
    double.fail_next(2, code)
    assert client.predict_pixels(draw(5))[0].class_index == 5
    assert clock.waits == [0.1, 0.2]
    assert len(double.requests) == 3


def test_predict_busy_server_is_given_up_after_the_last_attempt(client, clock, double, draw):
    double.fail_next(3)
    with pytest.raises(ServerUnreachableError, match=r"model fer, .* made to fail by the test.*\(attempt 3 of 3\)$"):
        client.predict_pixels(draw(5))
    assert (len(clock.waits), len(double.requests)) == (2, 3)


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "FAILED_PRECONDITION", "INTERNAL", "NOT_FOUND"])
def test_predict_error_that_will_not_pass_is_not_asked_again(client, clock, double, draw, code):
    double.fail_next(1, code)
    with pytest.raises(RequestRefusedError, match="made to fail by the test; check the model"):
        client.predict_pixels(draw(5))
    assert (clock.waits, len(double.requests)) == ([], 1)


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_predict_no_server_is_one_line_that_names_it(scheme, clock, double, draw):
    url = double.rest_url.replace("http", scheme)
    double.__exit__()
    with Client(url, timing=clock.timing) as client, pytest.raises(ServerUnreachableError) as caught:
        client.predict_pixels(draw(5))
    said = str(caught.value)
    assert said.startswith(f"{url}, model fer, signature serve_pixels: can't be reached")
    assert "does the server run" in said
    assert "\n" not in said
    assert len(clock.waits) == 2


def test_predict_server_that_hangs_ends_at_the_deadline(url, double, draw):
    double.hang()
    with Client(url, timeout_s=0.2) as client, pytest.raises(DeadlineExceededError, match=r"no answer within 0\.2 s"):
        client.predict_pixels(draw(5))
    assert len(double.requests) <= 1


def test_predict_server_that_ran_into_its_own_deadline_says_so(client, double, draw):
    double.fail_next(1, "DEADLINE_EXCEEDED")
    with pytest.raises(DeadlineExceededError, match=r"made to fail by the test.*give it more with timeout_s"):
        client.predict_pixels(draw(5))


def test_predict_wait_that_would_pass_the_deadline_is_not_waited(url, clock, double, draw):
    double.fail_next(99)
    with (
        Client(url, attempts=99, timeout_s=9, timing=clock.timing) as client,
        pytest.raises(DeadlineExceededError, match=r"no answer within 9 s .*made to fail"),
    ):
        client.predict_pixels(draw(5))
    assert clock.waits == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]  # 1.9 s are left


def test_predict_deadline_is_one_for_all_batches(url, clock, double, draw):
    """Each batch would have had the time, both together had not."""

    def take_ten_seconds(signature_name, inputs):
        clock.now += 10
        return build_outputs(inputs["pixels"][:, 0, 0, 0])

    double.models[2] = ServedFunction(take_ten_seconds)
    with (
        Client(url, batch_size=1, timeout_s=25, timing=clock.timing) as client,
        pytest.raises(DeadlineExceededError, match=r"no answer within 25 s"),
    ):
        client.predict_pixels(draw(1, 2, 3, 4))
    assert len(double.requests) == 3


def test_predict_truncated_png_is_named_by_its_position(url, double, draw, write_file):
    broken = write_file(1)[:60]
    images = [draw(1)[0], *(write_file(value) for value in range(9)), broken, write_file(4)]
    with Client(url) as client, pytest.raises(RequestRefusedError, match=r"picture 10: refused with .*Invalid image"):
        client.predict(images)
    assert len(double.requests) <= 8


def test_predict_refusal_that_no_picture_is_to_blame_for_names_none(url, double, write_file):
    with Client(url, label="x") as client, pytest.raises(RequestRefusedError, match="Unrecognized") as caught:
        client.predict([write_file(1), write_file(2)])
    assert caught.value.index is None
    assert len(double.requests) == 2


def test_status_lists_the_given_version_or_all(url, double):
    double.states[2] = "LOADING"
    with Client(url) as every, Client(url, version=1) as one:
        assert every.status() == [VersionStatus(2, "LOADING", ""), VersionStatus(1, "AVAILABLE", "")]
        assert one.status() == [VersionStatus(1, "AVAILABLE", "")]


def test_status_of_an_unknown_model_is_refused(url):
    with Client(url, model="x") as client, pytest.raises(RequestRefusedError, match="Could not find any versions"):
        client.status()


def test_wait_until_ready_returns_when_the_version_has_loaded(url, clock, double):
    double.states[2] = "LOADING"
    clock.sleep = lambda seconds: clock.waits.append(seconds) or double.states.update({2: "AVAILABLE"})
    with Client(url, version=2, timing=clock.timing) as client:
        client.wait_until_ready()
    assert clock.waits == [0.5]


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"version": 2}, "version 2 is LOADING"),
        ({"version": 5}, "Could not find version 5 of model fer"),
        ({"label": "x"}, "Unrecognized servable version label: x"),
    ],
)
def test_wait_until_ready_past_the_deadline_says_what_was_in_the_way(url, clock, double, choice, said):
    double.states[2] = "LOADING"
    with (
        Client(url, timing=clock.timing, **choice) as client,
        pytest.raises(DeadlineExceededError, match=f"not ready within 3 s: .*{said}"),
    ):
        client.wait_until_ready(3)
    assert sum(clock.waits) == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"timeout_s": 0}, "timeout_s: expected a number of seconds above 0, .* got 0"),
        ({"timeout_s": float("nan")}, "timeout_s: expected .* got nan"),
        ({"timeout_s": float("inf")}, "timeout_s: expected .* got inf"),
        ({"attempts": 0}, "attempts: expected at least 1, got 0"),
        ({"batch_size": 0}, "batch_size: expected at least 1, got 0"),
        ({"version": 1, "label": "stable"}, "got version 1 and label stable; give one of them"),
        ({"version": -1}, r"expected a version from 0 to .* got -1"),
        ({"model": ""}, "expected names of a model"),
        ({"model": "a/b"}, "expected names of a model"),
        ({"label": ""}, "expected names of a model and a label"),
    ],
)
def test_client_argument_out_of_range_is_refused(arguments, said):
    with pytest.raises(ConfigError, match=said):
        Client("http://localhost:8501", **arguments)


def test_predict_pixels_answer_for_another_number_of_pictures_is_refused(draw):
    with TensorFlowServingDouble(lambda *_: build_outputs(np.array([1, 2]))) as double:
        for url in (double.rest_url, double.start_grpc()):
            with (
                Client(url) as client,
                pytest.raises(BadAnswerError, match=r"expected the shape \(3, classes\), got .*2, 7"),
            ):
                client.predict_pixels(draw(1, 2, 3))
