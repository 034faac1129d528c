"""The demonstration page in a real browser, before a stand-in for TensorFlow Serving."""

import base64
import hashlib
import re
import socket
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from demo_site import FOLDER, compute_crop, draw_photo, drop, open_browser, serve_site, start_playwright, to_png
from PIL import Image
from serving_double import TensorFlowServingDouble, answer_by_first_value

from fer_tfx.contract import DEFAULT_CLASS_NAMES, SERVE_PIXELS

HTML = (FOLDER / "index.html").read_text("utf-8")
PHOTO = draw_photo(200, 160)
CROP = compute_crop(PHOTO, 20, 0, 160)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Any]:
    with start_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Any) -> Iterator[Any]:
    with open_browser(playwright) as opened:
        yield opened


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page on which nothing may fail unseen: neither a script nor the Content-Security-Policy."""
    context = browser.new_context()
    opened, faults = context.new_page(), []
    opened.set_default_timeout(15_000)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
    yield opened
    context.close()
    assert faults == []


@pytest.fixture
def double() -> Iterator[TensorFlowServingDouble]:
    with TensorFlowServingDouble(answer_by_first_value) as started:
        yield started


def open_from_disk(page: Any, double: TensorFlowServingDouble) -> Any:
    page.goto((FOLDER / "index.html").as_uri())
    page.fill("#server", double.rest_url)
    page.locator("#server").blur()
    return page


@pytest.fixture(params=["http", "file"])
def opened(request: pytest.FixtureRequest, page: Any, double: TensorFlowServingDouble) -> Iterator[Any]:
    """The page from its own server, which hands requests on, or from disk, where it asks the double itself."""
    if request.param == "http":
        with serve_site(double.rest_url) as url:
            page.goto(url)
            yield page
    else:
        yield open_from_disk(page, double)


@pytest.fixture
def local(page: Any, double: TensorFlowServingDouble) -> Any:
    """The page from disk: where it comes from makes no difference to these tests."""
    return open_from_disk(page, double)


def read_bars(page: Any) -> dict[str, str]:
    return {row.split("\n")[0]: row.split("\n")[-1] for row in page.locator("#bars li").all_inner_texts()}


def read_widths(page: Any) -> list[float]:
    script = "fills => fills.map(fill => fill.clientWidth / fill.parentElement.clientWidth)"
    return page.locator("#bars .fill").evaluate_all(script)


def wait_for_answer(page: Any) -> str:
    page.locator("#answer:not(:empty)").wait_for()
    return page.inner_text("#answer")


def wait_for_message(page: Any) -> str:
    page.locator("#message:not(:empty)").wait_for()
    return page.inner_text("#message")


def read_sent(double: TensorFlowServingDouble) -> np.ndarray:
    """Pixels of the latest request, (48, 48)."""
    body = double.requests[-1].details
    assert body["signature_name"] == SERVE_PIXELS
    pixels = np.array(body["instances"])
    assert (pixels.shape, pixels.dtype) == ((1, 48, 48, 1), np.int64)
    return pixels[0, :, :, 0]


def expect_answer(value: int) -> tuple[str, dict[str, str]]:
    """Headline and bars for the double's answer to a first grey value."""
    outputs = answer_by_first_value(SERVE_PIXELS, {"pixels": np.full((1, 48, 48, 1), value)})
    shares = [f"{100 * share:.1f}%" for share in outputs["probabilities"][0]]
    name = DEFAULT_CLASS_NAMES[int(outputs["class_index"][0])]
    likely = f"{name} ({shares[DEFAULT_CLASS_NAMES.index(name)]})"
    headline = f"unsure: most likely {likely}" if outputs["abstain"][0] else likely
    return headline, dict(zip(DEFAULT_CLASS_NAMES, shares, strict=True))


def grey_png(value: int, width: int = 64, height: int = 64) -> bytes:
    return to_png(Image.new("L", (width, height), value))


def free_url() -> str:
    """Where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.mark.parametrize("tag", ["script", "style"])
def test_policy_allows_exactly_this_script_and_style(tag):
    content = re.search(rf"<{tag}>(.*)</{tag}>", HTML, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    assert f"{tag}-src 'sha256-{digest}'" in HTML


def test_page_names_the_classes_of_the_model_that_answers(page):
    names = np.array([[b"glad", b"not glad"]], object)
    outputs = {
        "probabilities": np.array([[0.25, 0.75]]), "class_names": names, "class_name": names[:, 1:],
        "class_index": np.array([1]), "confidence": np.array([0.75]), "abstain": np.array([False]),
    }  # fmt: skip
    with TensorFlowServingDouble(lambda signature_name, inputs: outputs) as double:
        open_from_disk(page, double)
        drop(page, grey_png(203))
        assert wait_for_answer(page) == "not glad (75.0%)"
    assert read_bars(page) == {"glad": "25.0%", "not glad": "75.0%"}
    assert "disgust" not in HTML


def test_page_loads_nothing_from_elsewhere(local):
    wanted = local.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
    assert wanted == []
    assert not re.search(r"(src|href)=|@import|url\(", HTML)


def test_dropped_picture_shows_the_servers_figures(opened, double):
    drop(opened, to_png(PHOTO))
    headline = wait_for_answer(opened)
    assert (headline, read_bars(opened)) == expect_answer(int(read_sent(double)[0, 0]))
    assert opened.inner_text("#message") == ""


def test_chosen_file_shows_the_servers_figures(opened):
    opened.set_input_files("#file", {"name": "face.png", "mimeType": "image/png", "buffer": grey_png(203)})
    assert (wait_for_answer(opened), read_bars(opened)) == expect_answer(203)
    assert wait_for_answer(opened) == "angry (80.8%)"


def test_bars_are_as_wide_as_their_figures(local):
    drop(local, grey_png(203))
    wait_for_answer(local)
    figures = [float(text.rstrip("%")) / 100 for text in read_bars(local).values()]
    np.testing.assert_allclose(read_widths(local), figures, atol=0.01)


def test_sent_pixels_equal_the_models_own_preprocessing(opened, double):
    drop(opened, to_png(PHOTO))
    wait_for_answer(opened)
    assert np.abs(read_sent(double) - CROP).max() <= 1


def test_sent_pixels_of_a_48_px_picture_are_the_picture(local, double):
    photo = draw_photo(48, 48)
    drop(local, to_png(photo.convert("L")))
    wait_for_answer(local)
    np.testing.assert_array_equal(read_sent(double), np.asarray(photo.convert("L")))


@pytest.mark.parametrize(("width", "height", "box"), [(30, 40, (0, 5, 30)), (1400, 1100, (150, 0, 1100))])
def test_sent_pixels_of_small_and_large_pictures_stay_close(local, double, width, height, box):
    photo = draw_photo(width, height)
    drop(local, to_png(photo))
    wait_for_answer(local)
    assert np.abs(read_sent(double) - compute_crop(photo, *box)).max() <= 2


def test_abstaining_model_is_shown_as_unsure(local):
    drop(local, grey_png(10))
    assert wait_for_answer(local) == "unsure: most likely happy (32.5%)"


def is_sent(page: Any, double: TensorFlowServingDouble, crop: np.ndarray) -> bool:
    """Whether the page comes to send this crop; on the way there it may send others."""
    for _ in range(1000):
        if np.abs(read_sent(double) - crop).max() <= 1:
            return True
        page.wait_for_timeout(10)
    return False


@pytest.mark.parametrize(
    ("keys", "box"),
    [
        ("ArrowLeft", (17, 0, 160)),
        ("Shift+ArrowLeft", (4, 0, 160)),
        ("ArrowRight ArrowRight", (26, 0, 160)),
        ("-", (23, 3, 154)),
        ("- ArrowDown ArrowUp ArrowUp", (23, 0, 154)),
        ("- + ArrowLeft", (17, 0, 160)),
    ],
)
def test_box_moved_by_keys_sends_what_is_in_it(local, double, keys, box):
    drop(local, to_png(PHOTO))
    wait_for_answer(local)
    local.focus("#box")
    for key in keys.split():
        local.keyboard.press(key)
    assert is_sent(local, double, compute_crop(PHOTO, *box))


@pytest.mark.parametrize(("target", "box"), [("#box", (0, 0, 160)), ("#grip", (20, 0, 100))])
def test_box_dragged_by_the_mouse_sends_what_is_in_it(local, double, target, box):
    drop(local, to_png(PHOTO))
    wait_for_answer(local)
    place, scale = local.locator(target).bounding_box(), local.locator("#picture").bounding_box()["width"] / 200
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    step = -60 * scale
    local.mouse.move(x, y)
    local.mouse.down()
    local.mouse.move(x + step, y + (step if target == "#grip" else 0))
    local.mouse.up()
    assert is_sent(local, double, compute_crop(PHOTO, *box))


def test_box_dragged_by_touch_moves_instead_of_the_page(browser, double):
    photo = draw_photo(160, 200)
    context = browser.new_context(has_touch=True, viewport={"width": 800, "height": 400})
    page = open_from_disk(context.new_page(), double)
    drop(page, to_png(photo))
    wait_for_answer(page)
    place, session = page.locator("#box").bounding_box(), context.new_cdp_session(page)
    x, y = place["x"] + 40, place["y"] + 150
    for kind, way in (("touchStart", 0), *(("touchMove", -way) for way in range(10, 101, 10)), ("touchEnd", None)):
        points = [] if way is None else [{"x": x, "y": y + way}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert is_sent(page, double, compute_crop(photo, 0, 0, 160))
    context.close()


def test_face_found_by_the_browser_is_what_is_sent(page, double):
    """Chromium on Linux has no face detection, so a double of its interface says where the face is."""
    page.add_init_script("""window.FaceDetector = class FaceDetectorDouble { async detect() {
        return [{ boundingBox: { x: 5, y: 5, width: 20, height: 16 } },
                { boundingBox: { x: 100, y: 40, width: 60, height: 80 } }]; } }""")
    open_from_disk(page, double)
    drop(page, to_png(PHOTO))
    wait_for_answer(page)
    assert np.abs(read_sent(double) - compute_crop(PHOTO, 90, 40, 80)).max() <= 1


def test_face_detection_that_fails_leaves_the_centred_square(page, double):
    page.add_init_script("window.FaceDetector = class FailingDouble { async detect() { throw new Error('no'); } }")
    open_from_disk(page, double)
    drop(page, to_png(PHOTO))
    wait_for_answer(page)
    assert np.abs(read_sent(double) - CROP).max() <= 1


def test_camera_refused_says_what_to_do(page, double):
    with serve_site(double.rest_url) as url:
        page.add_init_script("""navigator.mediaDevices.getUserMedia = async function refusingDouble() {
            throw new DOMException("Permission denied", "NotAllowedError"); }""")
        page.goto(url)
        page.click("#camera")
        said = wait_for_message(page)
    assert said == (
        "The browser did not let this page use the camera. Allow the camera for it beside the address bar and try"
        " again, or drop a picture instead."
    )


def test_camera_missing_says_what_to_do(opened):
    opened.click("#camera")
    assert wait_for_message(opened) == "No camera was found. Connect one and try again, or drop a picture instead."


def test_camera_picture_is_taken_and_asked_for(playwright, double):
    arguments = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with open_browser(playwright, *arguments) as browser, serve_site(double.rest_url) as url:
        page = browser.new_page()
        page.goto(url)
        page.click("#camera")
        page.locator("#shoot").wait_for()
        page.click("#shoot")
        wait_for_answer(page)
        assert np.ptp(read_sent(double)) > 50  # Chromium's test picture has bright and dark parts
        assert page.evaluate("document.querySelector('#video').srcObject") is None


def test_server_down_from_disk_says_so_and_names_the_flag(local):
    url = free_url()
    local.fill("#server", url)
    drop(local, grey_png(203))
    assert wait_for_message(local) == (
        f"No answer from {url}. Check that TensorFlow Serving runs and that the address above is right."
        " For a page from elsewhere or from disk it must run with --rest_api_enable_cors_support=true."
    )
    assert local.inner_text("#answer") == ""


def test_server_down_behind_the_pages_own_server_says_so(page):
    with serve_site(free_url()) as url:
        page.goto(url)
        drop(page, grey_png(203))
        said = wait_for_message(page)
    assert said == "The server refused (HTTP 502): it does not say why; is TensorFlow Serving running behind it?"


def test_server_without_cors_names_the_flag_from_disk(page):
    with TensorFlowServingDouble(answer_by_first_value, is_cors_enabled=False) as double:
        open_from_disk(page, double)
        drop(page, grey_png(203))
        assert "--rest_api_enable_cors_support=true" in wait_for_message(page)


def test_servers_own_error_is_shown(opened):
    opened.fill("#model", "nobody")
    drop(opened, grey_png(203))
    assert wait_for_message(opened) == ("The server refused (HTTP 404): Servable not found for request: Latest(nobody)")


def test_message_goes_when_the_next_answer_comes(local, double):
    double.fail_next(1)
    drop(local, grey_png(203))
    assert wait_for_message(local) == "The server refused (HTTP 503): made to fail by the test"
    drop(local, grey_png(203))
    assert wait_for_answer(local) == "angry (80.8%)"
    assert local.inner_text("#message") == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probabilities": np.full((1, 7), 0.2)},
         "Model fer did not answer with probabilities: is it one of fer-tfx?"),
        ({"class_names": None},
         "Model fer does not name its classes (output class_names): push one by a newer fer-tfx."),
        ({"class_name": np.array([[b"fear"]], object)},
         "Model fer contradicts itself: it answers fear, and angry is the most probable."),
        ({"abstain": None}, "Model fer does not say when it is unsure (output abstain): push one by a newer fer-tfx."),
    ],
)  # fmt: skip
def test_answer_that_is_none_of_this_model_is_refused(page, change, message):
    def answer(signature_name: str, inputs: Any) -> Any:
        outputs = answer_by_first_value(signature_name, inputs) | change
        return {name: value for name, value in outputs.items() if value is not None}

    with TensorFlowServingDouble(answer) as double:
        open_from_disk(page, double)
        drop(page, grey_png(203))
        assert wait_for_message(page) == message
    assert set(read_bars(page).values()) <= {"-"}


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"hello", "notes.txt", "notes.txt is no picture that this browser can read: choose a PNG or JPEG file."),
        (b"", "empty.png", "empty.png is no picture that this browser can read: choose a PNG or JPEG file."),
        (b"", "", "Nothing there that is a file: save the picture first, then drop or choose that file."),
    ],
    ids=["text", "empty", "no file"],
)
def test_file_that_is_no_usable_picture_is_refused(local, double, content, name, message):
    drop(local, content, name)
    assert wait_for_message(local) == message
    assert double.requests == []


def test_file_of_too_many_bytes_is_refused(local, double, tmp_path):
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(20_000_001)
    local.set_input_files("#file", tmp_path / "huge.png")
    assert wait_for_message(local) == "huge.png is too large: 21 MB, at most 20 MB can be used."
    assert double.requests == []


def test_picture_of_too_many_pixels_is_refused(local, double):
    drop(local, grey_png(9, 8000, 5001), "wide.png")
    assert wait_for_message(local) == ("wide.png is too large: 8000 x 5001 pixels, at most 40 megapixels can be used.")
    assert double.requests == []


def test_address_that_is_none_is_refused(local, double):
    local.fill("#server", "localhost:8501")
    drop(local, grey_png(203))
    assert wait_for_message(local) == (
        "The server's address must begin with http:// or https://, such as http://localhost:8501."
    )
    assert double.requests == []


def test_server_address_is_by_default_the_pages_own(page, double):
    with serve_site(double.rest_url) as url:
        page.goto(url)
        assert page.input_value("#server") == url.rstrip("/")


def test_server_address_from_disk_is_tensorflow_servings_port(page):
    page.goto((FOLDER / "index.html").as_uri())
    assert page.input_value("#server") == "http://localhost:8501"


def test_every_control_has_a_name_and_the_answer_is_announced(local):
    unnamed = local.evaluate("""[...document.querySelectorAll("button, input, [tabindex]")].filter((element) =>
        !(element.labels?.length || element.textContent.trim() || element.ariaLabel)).map((element) => element.id)""")
    assert unnamed == []
    assert local.get_attribute("#answer", "aria-live") == "polite"
    assert local.get_attribute("#message", "role") == "alert"
