"""The page of `fer-tfx demo` in a real browser, from the command's own server."""

import functools
import http.server
import lzma
import shutil
import socket
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from demo_site import (
    FOLDER,
    SAMPLES,
    answer_files,
    drop,
    open_browser,
    serve_site,
    serving,
    start_playwright,
    to_file,
    write_clip,
)
from PIL import Image
from playwright.sync_api import expect
from serving_double import TensorFlowServingDouble, answer_by_first_value

import fer_tfx
from fer_tfx.commands.demo import collect_site, write_site
from fer_tfx.commands.predict import BackEnd
from fer_tfx.contract import SERVE_PIXELS

REAL_TEST_CSV = Path(__file__).parents[3] / "shared" / "data" / "fer2013" / "test.csv.xz"
HTML = (FOLDER / "index.html").read_text("utf-8")
HAPPY, SIX = (Image.open(SAMPLES / f"{name}.jpg") for name in ("happy", "six"))
SIX_TITLES = ["sad", "neutral", "happy", "angry", "fear", "surprise"]
EXACT = 1e-3
WAIT_MS = 60_000


@pytest.fixture(scope="module")
def playwright() -> Iterator[Any]:
    with start_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Its camera is a video: the happy face, left of the middle."""
    frame = Image.new("RGB", (640, 480), (120, 130, 140))
    frame.paste(HAPPY, (40, 80))
    clip = write_clip(tmp_path_factory.mktemp("clip") / "camera.y4m", [frame] * 2)
    fakes = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with open_browser(playwright, *fakes, f"--use-file-for-fake-video-capture={clip}") as opened:
        yield opened


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve_site() as served:
        yield served


def open_page(browser: Any, url: str, **settings: Any) -> tuple[Any, list[str]]:
    """A page, and what goes wrong on it: scripts that fail, breaches of the policy, requests to anywhere else."""
    page, faults = browser.new_context(**settings).new_page(), []
    page.set_default_timeout(WAIT_MS)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    own = (url, f"blob:{url}")
    page.context.on("request", lambda asked: asked.url.startswith(own) or faults.append(asked.url))
    page.goto(url)
    return page, faults


@pytest.fixture(scope="module")
def opened(browser: Any, url: str) -> Iterator[tuple[Any, list[str]]]:
    page, faults = open_page(browser, url)
    yield page, faults
    page.context.close()


@pytest.fixture
def page(opened: tuple[Any, list[str]]) -> Iterator[Any]:
    """The same page for all tests, as to start its models takes seconds; nothing on it may fail unseen."""
    page, faults = opened
    yield page
    assert faults == []


def expect_titles(page: Any, titles: list[str]) -> None:
    """Wait until the cards say so, and no other is there."""
    expect(page.locator("#faces h3")).to_have_text(titles, timeout=WAIT_MS)


def read_bars(page: Any) -> dict[str, str]:
    """Of the first face."""
    rows = page.locator("#faces > li").first.locator("li").all_inner_texts()
    return {row.split("\n")[0]: row.split("\n")[-1] for row in rows}


def wait_for_message(page: Any) -> str:
    page.locator("#message:not(:empty)").wait_for()
    return str(page.inner_text("#message"))


def expect_bars(prediction: Any) -> dict[str, str]:
    return {name: f"{100 * share:.1f}%" for name, share in prediction.probabilities.items()}


def turn(picture: Image.Image) -> bytes:
    """A JPEG that notes that it lies on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return to_file(picture.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif, quality=95)


@pytest.mark.parametrize(
    "content",
    [
        (SAMPLES / "six.jpg").read_bytes(),
        to_file(HAPPY.rotate(33, fillcolor=(246, 205, 115))),
        turn(HAPPY),
        to_file(HAPPY.resize((2300, 2300), Image.Resampling.BICUBIC), "JPEG"),
        to_file(HAPPY.convert("L").crop((60, 70, 270, 290)).resize((40, 61))),
        to_file(Image.new("RGB", (200, 120), (90, 120, 80))),
    ],
    ids=["six", "tilted", "turned by EXIF", "large", "crop", "no face"],
)
def test_browser_and_python_give_the_same_answers(page, content):
    (found,), expected = answer_files(page, [content]), fer_tfx.predict(content)
    assert [face["box"] for face in found] == [face.box and face.box._asdict() for face in expected]
    shares = [[*face.probabilities.values()] for face in expected]
    np.testing.assert_allclose([face["probabilities"] for face in found], shares, atol=EXACT)
    assert [face["abstain"] for face in found] == [face.abstain for face in expected]


@pytest.mark.skipif(not REAL_TEST_CSV.exists(), reason="FER2013 is not at hand")
def test_browser_and_python_agree_on_real_faces(page):
    with lzma.open(REAL_TEST_CSV, "rt") as lines:
        rows = [np.array(line.split('"')[1].split(), np.uint8).reshape(48, 48) for line in islice(lines, 1, 41)]
    found = answer_files(page, [to_file(Image.fromarray(row)) for row in rows])
    expected = [[*each.probabilities.values()] for each in fer_tfx.load().predict_faces(rows)]
    np.testing.assert_allclose([faces[0]["probabilities"] for faces in found], expected, atol=EXACT)


def test_sample_shows_a_card_and_a_box_for_each_face(page):
    page.click('[data-file="six.jpg"]')
    expected = fer_tfx.predict(SAMPLES / "six.jpg")
    expect_titles(page, [face.label for face in expected])
    assert page.locator(".box").all_inner_texts() == [f"{i} {face.label}" for i, face in enumerate(expected, start=1)]
    assert read_bars(page) == expect_bars(expected[0])
    assert page.inner_text("#found") == "6 faces"
    place, frame = page.locator(".box").first.bounding_box(), page.locator("#picture").bounding_box()
    assert (place["x"] - frame["x"]) / frame["width"] == pytest.approx(expected[0].box.x / SIX.width, abs=0.01)
    assert place["height"] / frame["height"] == pytest.approx(expected[0].box.height / SIX.height, abs=0.01)


def test_dropped_picture_shows_its_bars_as_wide_as_their_figures(page):
    drop(page, to_file(HAPPY))
    expect_titles(page, ["happy"])
    script = "fills => fills.map(fill => fill.offsetWidth / fill.parentElement.offsetWidth)"
    widths = page.locator("#faces .track span").evaluate_all(script)
    figures = [float(text.rstrip("%")) / 100 for text in read_bars(page).values()]
    np.testing.assert_allclose(widths, figures, atol=0.02)
    assert page.get_by_role("status").inner_text() == f"1 face, happy {100 * max(figures):.0f}%"


def test_chosen_file_of_which_the_model_is_unsure_says_so(page):
    grey = Image.radial_gradient("L").resize((48, 48))
    (prediction,) = fer_tfx.predict(grey)
    assert prediction.abstain
    page.set_input_files("#file", {"name": "grey.png", "mimeType": "image/png", "buffer": to_file(grey)})
    expect_titles(page, ["unsure"])
    assert page.inner_text("#faces p") == f"most likely {prediction.label}"
    assert page.locator(".box").count() == 0  # the picture is the face


def test_picture_without_a_face_says_so(page):
    drop(page, to_file(Image.new("RGB", (200, 120), (90, 120, 80))))
    page.get_by_text("No face found.").wait_for()
    assert page.locator("#faces > li").count() == 0


def test_page_is_worked_by_keyboard(page):
    page.focus("#camera")
    reached = []
    for _ in range(5):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.dataset.file"))
    assert reached == ["file", "happy.jpg", "surprise.jpg", "angry.jpg", "six.jpg"]
    page.keyboard.press("Enter")
    expect_titles(page, SIX_TITLES)


def test_camera_starts_mirrors_and_stops(page):
    page.click("#camera")
    expect_titles(page, ["happy"])
    page.locator("#rate:not(:empty)").wait_for()
    assert page.inner_text("#rate").endswith(" frames/s")
    middle = page.locator("#video").bounding_box()
    is_left = "(box, middle) => box.getBoundingClientRect().left < middle"
    assert not page.locator(".box").evaluate(is_left, middle["x"] + middle["width"] / 2)
    page.uncheck("#mirror")
    assert page.locator(".box").evaluate(is_left, middle["x"] + middle["width"] / 2)
    page.check("#mirror")
    page.click("#camera")
    assert page.evaluate("document.querySelector('#video').srcObject") is None
    assert page.inner_text("#camera") == "Start camera"
    assert page.locator("#hint").is_visible()
    assert page.locator("#faces > li").count() == 0


KEEP_TRACKS = """() => {
    const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    window.tracks = [];
    navigator.mediaDevices.getUserMedia = async (wanted) => {
        const stream = await real(wanted);
        window.tracks.push(...stream.getTracks());
        return stream;
    };
}"""


def test_camera_that_is_stopped_while_it_starts_is_off(browser, url):
    page, faults = open_page(browser, url)
    page.evaluate(KEEP_TRACKS)
    page.dblclick("#camera")
    page.locator("#camera", has_text="Start camera").wait_for()
    page.wait_for_function("window.tracks.length > 0 && window.tracks.every((each) => each.readyState === 'ended')")
    assert page.locator("#hint").is_visible()
    assert page.inner_text("#message") == ""
    page.click("#camera")
    expect_titles(page, ["happy"])
    assert page.evaluate("window.tracks.filter((each) => each.readyState === 'live').length") == 1
    page.evaluate("window.tracks.at(-1).dispatchEvent(new Event('ended'))")  # as if it was unplugged
    assert wait_for_message(page).startswith("The camera has gone. Connect it and start it again,")
    page.context.close()
    assert faults == []


def test_page_without_its_settings_says_so_whatever_is_clicked(browser, url):
    page = browser.new_context().new_page()
    page.route("**/site.json", lambda route: route.fulfill(status=404, body="not found"))
    page.goto(url)
    said = "The page could not load its settings. Reload it."
    assert wait_for_message(page) == said
    page.click('[data-file="happy.jpg"]')
    expect(page.locator("#message")).to_have_text(said)
    page.context.close()


def test_click_before_the_settings_came_is_answered_once_they_are_there(browser, url):
    page, faults = open_page(browser, "about:blank")
    held: list[Any] = []
    page.route("**/site.json", lambda route: held.append(route))  # noqa: PLW0108 (Playwright marks what it is given)
    page.goto(url)
    page.click('[data-file="happy.jpg"]')
    page.locator("#note", has_text="Looking for faces").wait_for()
    held[0].continue_()
    expect_titles(page, ["happy"])
    page.context.close()
    assert [each for each in faults if not each.startswith(url)] == []


def test_numbers_are_rounded_as_numpy_rounds_them(page):
    values = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, -0.4, 0.6]
    found = page.evaluate("async (values) => values.map((await import('./pixels.js')).round)", values)
    np.testing.assert_array_equal(np.asarray(found, float), np.rint(values))


REFUSE = """([name]) => { const real = navigator.mediaDevices.getUserMedia;
    navigator.mediaDevices.getUserMedia = async function refusingDouble() {
        navigator.mediaDevices.getUserMedia = real;
        throw new DOMException("by the test", name); }; }"""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("NotAllowedError", "The browser did not let this page use the camera. Allow the camera for it beside the"
         " address bar and try again, or drop a picture instead."),
        ("NotFoundError", "No camera was found. Connect one and try again, or drop a picture instead."),
    ],
)  # fmt: skip
def test_camera_that_can_not_be_had_says_what_to_do(page, name, message):
    page.evaluate(REFUSE, [name])
    page.click("#camera")
    assert wait_for_message(page) == message
    page.click('[data-file="happy.jpg"]')
    expect_titles(page, ["happy"])
    assert page.inner_text("#message") == ""


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"hello", "notes.txt", "notes.txt is no picture that this browser can read: choose a PNG or JPEG file."),
        (b"", "empty.png", "empty.png is no picture that this browser can read: choose a PNG or JPEG file."),
        (b"", "", "Nothing there that is a file: save the picture first, then drop or choose that file."),
        (to_file(Image.new("L", (8000, 5001))), "wide.png",
         "wide.png is too large: 8000 x 5001 pixels, at most 40 megapixels can be used."),
    ],
    ids=["text", "empty", "no file", "too many pixels"],
)  # fmt: skip
def test_file_that_is_no_usable_picture_is_refused(page, content, name, message):
    drop(page, content, name)
    page.get_by_text(message).wait_for()
    assert page.locator("#faces > li").count() == 0 or not name


def test_file_of_too_many_bytes_is_refused(page, tmp_path):
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(20_000_001)
    page.set_input_files("#file", tmp_path / "huge.png")
    page.get_by_text("huge.png is too large: 21 MB, at most 20 MB can be used.").wait_for()


ASK = "url => fetch(url, { mode: 'no-cors' }).then(() => 'sent', () => 'refused')"
ASK_FROM_WORKER = """code => new Promise((tell) => {
    new Worker(URL.createObjectURL(new Blob([code]))).onmessage = (said) => tell(said.data); })"""


def test_policy_lets_neither_page_nor_worker_ask_anybody_else(browser, url):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        page, faults = open_page(browser, url)
        elsewhere = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert page.evaluate(ASK, elsewhere) == "refused"
        assert page.evaluate(ASK_FROM_WORKER, f"({ASK})('{elsewhere}').then(postMessage)") == "refused"
        page.evaluate("url => { new Image().src = url; navigator.sendBeacon(url); }", elsewhere)
        page.wait_for_timeout(300)
        with pytest.raises(BlockingIOError):
            listener.accept()
        page.context.close()
    assert all("Content Security Policy" in fault or fault == elsewhere for fault in faults)
    assert "'unsafe-inline'" not in HTML
    assert "'unsafe-eval'" not in HTML


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width_px", [360, 1280])
def test_page_breaks_no_rule_of_accessibility_and_fits(browser, url, width_px, scheme):
    # The page's policy would keep axe from running.
    view = {"viewport": {"width": width_px, "height": 800}, "color_scheme": scheme, "bypass_csp": True}
    page, faults = open_page(browser, url, **view)
    states = {"empty": find_violations(page)}
    page.evaluate(REFUSE, ["NotAllowedError"])
    page.click("#camera")
    wait_for_message(page)
    states["refused"] = find_violations(page)
    page.click('[data-file="six.jpg"]')
    expect_titles(page, SIX_TITLES)
    states["six"] = find_violations(page)
    assert states == {"empty": [], "refused": [], "six": []}
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.context.close()
    assert faults == []


def find_violations(page: Any) -> list[tuple[str, str]]:
    """Rules of axe-core that the page breaks, each with the first place where it does."""
    found = Axe().run(page).response["violations"]
    return [(violation["id"], violation["nodes"][0]["html"]) for violation in found]


def test_folder_on_any_static_host_answers_and_its_own_model_can_be_chosen(browser, tmp_path):
    shutil.copytree(FOLDER.parent / "light_model", tmp_path / "mine")
    (tmp_path / "mine/class_names.txt").write_text("".join(f"class {i}\n" for i in range(7)))
    write_site(collect_site(BackEnd(model=str(tmp_path / "mine"))), tmp_path / "site")
    handler = functools.partial(QuietStaticHost, directory=str(tmp_path / "site"))
    with serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)) as url:
        page, faults = open_page(browser, url)
        page.click('[data-file="happy.jpg"]')
        expect_titles(page, ["class 3"])
        page.select_option("#model", "small")
        page.locator("h3", has_text="happy").wait_for()
        drop(page, to_file(SIX), "six.png")
        page.select_option("#model", "own")  # while the picture before is still shown
        expect(page.locator("#faces > li")).to_have_count(6, timeout=WAIT_MS)
        page.locator("h3", has_text="class 3").first.wait_for()
        page.route("**/models/small/model.tflite", lambda route: route.abort())
        page.select_option("#model", "small")
        wait_for_message(page)
        assert page.input_value("#model") == "own"
        assert page.locator("h3", has_text="class 3").count() > 0
        page.unroute("**/models/small/model.tflite")
        page.select_option("#model", "small")
        page.locator("h3", has_text="happy").first.wait_for()
        page.click("#camera")  # whose cards stay from frame to frame
        expect(page.locator("#faces > li")).to_have_count(1, timeout=WAIT_MS)
        page.locator("#faces li li", has_text="angry").wait_for()
        page.select_option("#model", "own")
        page.locator("#faces li li", has_text="class 0").wait_for()
        page.context.close()
    assert [each for each in faults if "ERR_FAILED" not in each] == []


class QuietStaticHost(http.server.SimpleHTTPRequestHandler):
    """Python's own server of files: no header of ours, and types that it guesses."""

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


def test_server_as_back_end_is_sent_the_crops_and_its_answers_are_shown(browser):
    with TensorFlowServingDouble(answer_by_first_value) as double, serve_site(BackEnd(url=double.rest_url)) as url:
        page, faults = open_page(browser, url)
        page.locator("#privacy", has_text="No picture leaves this device: only 48x48 grey values").wait_for()
        face = Image.fromarray(np.full((48, 48), 203, np.uint8))
        drop(page, to_file(face))
        expect_titles(page, ["angry"])
        sent = double.requests[-1].details
        assert sent["signature_name"] == SERVE_PIXELS
        np.testing.assert_array_equal(np.squeeze(sent["inputs"]["pixels"]), np.asarray(face))
        shares = answer_by_first_value(SERVE_PIXELS, {"pixels": np.full((1, 48, 48, 1), 203)})["probabilities"][0]
        assert [*read_bars(page).values()] == [f"{100 * share:.1f}%" for share in shares]
        assert faults == []
        double.states = {1: "LOADING"}
        drop(page, to_file(face))
        assert wait_for_message(page).startswith("The server refused (HTTP 502): http://127.0.0.1:")
        page.context.close()


CHECK = """async (answer) => {
    const { RemoteModel } = await import(new URL("server.js", location.href));
    try {
        return new RemoteModel("fer").check(answer).probabilities.length;
    } catch (error) {
        return error.message;
    }
}"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probabilities": [0.2] * 7}, "Model fer did not answer with probabilities: is it one of fer-tfx?"),
        ({"class_names": None},
         "Model fer does not name its classes (output class_names): push one by a newer fer-tfx."),
        ({"class_name": ["fear"]}, "Model fer contradicts itself: it answers fear, and angry is the most probable."),
        ({"abstain": None}, "Model fer does not say when it is unsure (output abstain): push one by a newer fer-tfx."),
    ],
)  # fmt: skip
def test_answer_of_a_server_that_is_none_of_this_model_is_refused(page, change, message):
    outputs = answer_by_first_value(SERVE_PIXELS, {"pixels": np.full((1, 48, 48, 1), 203)})
    names = [name.decode() for name in outputs["class_names"][0]]
    answer = {"probabilities": [float(each) for each in outputs["probabilities"][0]], "class_names": names,
              "class_name": [names[0]], "abstain": False}  # fmt: skip
    assert page.evaluate(CHECK, answer) == 7
    assert page.evaluate(CHECK, answer | change) == message
