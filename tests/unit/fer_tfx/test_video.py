"""Videos in Python: clips of drawn faces that move, written by the test; a double finds the faces, which are bright."""

import gc
import io
import math
import os
import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import write_clip
from moving_faces import FACES, BrightDetectorDouble, draw_scenes
from PIL import Image
from predictor_double import build_prediction

import fer_tfx
from fer_tfx import Box, ConfigError, DamagedVideoError, DataError, Faces, Model, Prediction, VideoFrame
from fer_tfx import model as model_module
from fer_tfx.errors import in_one_line
from fer_tfx.video import open_clip


class ScriptedModelDouble:
    """Says of each picture in turn what it was told to."""

    def __init__(self, script: Sequence[Sequence[Prediction]]) -> None:
        self._script = iter(script)

    def predict(self, picture: Image.Image, **_: object) -> Faces:
        return Faces(next(self._script))

    choose_views = Model.choose_views
    predict_video = Model.predict_video
    _source = None


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Model:
    monkeypatch.setattr(model_module, "_open_detector", BrightDetectorDouble)
    return fer_tfx.load("small")


def draw_noise(count: int) -> Iterator[Image.Image]:
    """So that each frame takes many bytes."""
    return (Image.effect_noise((160, 80), 60) for _ in range(count))


def see(number: int, box: Box | None = None) -> Prediction:
    return Prediction(**{**vars(build_prediction(number)), "box": box})


def read_times(path: Path) -> list[float]:
    with open_clip(path) as clip:
        return [round(frame.time_s, 3) for frame in clip.frames]


def test_predict_video_says_what_it_says_of_the_same_frames_as_pictures(small, tmp_path):
    path = write_clip(tmp_path / "clip.mp4", draw_scenes(50))
    with av.open(str(path)) as file:
        pictures = [frame.to_image() for number, frame in enumerate(file.decode(video=0)) if number % 5 == 0]
    frames = list(small.predict_video(path, every_s=0.2))
    assert [round(frame.time_s, 6) for frame in frames] == [round(0.2 * step, 6) for step in range(10)]
    for frame, picture in zip(frames, pictures, strict=True):
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        expected = small.predict(buffer.getvalue())
        assert [(face.box, face.label, face.probabilities) for face in frame.faces] == [
            (face.box, face.label, face.probabilities) for face in expected
        ]
        assert [face.track for face in frame.faces] == [1, 2]
    assert frames[0].to_dict()["faces"][1]["track"] == 2


@pytest.mark.parametrize("suffix", [".avi", ".gif", ".mkv", ".mov", ".mpg", ".ts", ".webm", ".wmv"])
def test_open_clip_video_of_any_kind_begins_at_zero(tmp_path, suffix):
    assert read_times(write_clip(tmp_path / f"clip{suffix}", draw_scenes(12))) == [
        round(step / 25, 3) for step in range(12)
    ]


def test_open_clip_raw_stream_without_times_has_those_of_its_rate(tmp_path):
    assert read_times(write_clip(tmp_path / "clip.h264", draw_scenes(5))) == [0.0, 0.04, 0.08, 0.12, 0.16]


def test_predict_video_frame_rate_that_varies_is_sampled_by_time(tmp_path):
    times_s = [0.0, 0.1, 0.5, 0.9, 1.7, 1.8, 2.2, 3.0]
    path = write_clip(tmp_path / "clip.mp4", draw_scenes(8), times_s)
    model = ScriptedModelDouble([[]] * 8)
    assert read_times(path) == times_s
    assert [round(frame.time_s, 3) for frame in model.predict_video(path, every_s=0.5)] == [0.0, 0.5, 1.7, 2.2, 3.0]
    model = ScriptedModelDouble([[]] * 8)
    assert [round(frame.time_s, 3) for frame in model.predict_video(path, every_s=0)] == times_s


@pytest.mark.parametrize(
    ("matrix", "turn"),
    [
        ((1, 0, 0, 1), None),
        ((0, 1, -1, 0), Image.Transpose.ROTATE_270),
        ((-1, 0, 0, -1), Image.Transpose.ROTATE_180),
        ((0, -1, 1, 0), Image.Transpose.ROTATE_90),
        ((-1, 0, 0, 1), Image.Transpose.FLIP_LEFT_RIGHT),
        ((1, 0, 0, -1), Image.Transpose.FLIP_TOP_BOTTOM),
        ((0, 1, 1, 0), Image.Transpose.TRANSPOSE),
        ((0, -1, -1, 0), Image.Transpose.TRANSVERSE),
    ],
)
def test_open_clip_turns_the_frames_of_phones_upright(tmp_path, matrix, turn):
    """Where the matrix moves a white corner, by its definition: (x, y) goes to (a x + c y, b x + d y)."""
    stored = Image.new("RGB", (64, 32))
    stored.paste((255, 255, 255), (48, 0, 64, 8))
    with open_clip(write_clip(tmp_path / "clip.mp4", [stored], matrix=matrix)) as clip:
        (frame,) = clip.frames
    a, b, c, d = matrix
    x, y = 56 - 32, 4 - 16  # from the middle
    width, height = frame.picture.size
    assert (width, height) == ((64, 32) if a else (32, 64))
    assert frame.picture.getpixel((a * x + c * y + width // 2, b * x + d * y + height // 2))[0] > 200
    expected = np.asarray(stored if turn is None else stored.transpose(turn), int)
    assert np.abs(np.asarray(frame.picture, int) - expected).mean() < 4


@pytest.mark.parametrize(("aspect", "width"), [(Fraction(16, 11), 93), (Fraction(1, 2), 32), (Fraction(200), 64)])
def test_open_clip_frames_have_square_pixels(tmp_path, aspect, width):
    """Televisions stretch them by up to half; two hundredfold is an attack."""
    with open_clip(write_clip(tmp_path / "clip.mp4", [Image.new("RGB", (64, 32))], aspect=aspect)) as clip:
        assert [frame.picture.size for frame in clip.frames] == [(width, 32)]


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".mp4", ".mpg", ".ts", ".webm"])
def test_predict_video_cut_off_gives_what_can_be_read_and_then_says_so(tmp_path, suffix):
    path = write_clip(tmp_path / f"clip{suffix}", draw_noise(50))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    seen: list[VideoFrame] = []
    with pytest.raises(DamagedVideoError, match=rf"^{path}: is damaged or cut off at \d\.\d s; copy or download it ag"):
        seen.extend(ScriptedModelDouble([[]] * 50).predict_video(path, every_s=0))
    assert 5 < len(seen) < 40


def test_predict_video_goes_on_behind_damage(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", draw_noise(50))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    path.write_bytes(content)
    seen: list[VideoFrame] = []
    with pytest.raises(DamagedVideoError, match=r"is damaged or cut off at (0\.9|1\.0) s"):
        seen.extend(ScriptedModelDouble([[]] * 50).predict_video(path, every_s=0))
    assert seen[-1].time_s > 1.9


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "text.mp4",
            b"Not a video.\n" * 99,
            "is no video that can be read, or it is cut off; give an MP4, MOV, MKV or AVI",
        ),
        ("empty.mp4", b"", "is empty; give a video"),
        ("head.mp4", b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", "is no video that can be read"),
        ("list.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nclip.mp4\n#EXT-X-ENDLIST\n", "is no video"),
        ("list.ffconcat", b"ffconcat version 1.0\nfile clip.mp4\n", "is no video that can be read"),
        ("no\0ne.mp4", None, "can't be read: embedded null byte; check the path and the disk"),
        ("none.mp4", None, "no such file; check the path"),
    ],
)
def test_open_clip_what_is_no_video_is_one_line(tmp_path, monkeypatch, name, content, said):
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "clip.mp4", draw_scenes(2))
    if content is not None:
        Path(name).write_bytes(content)
    with pytest.raises(DataError) as caught, open_clip(name):
        pass
    assert str(caught.value).startswith(f"{in_one_line(name)}: {said}")
    assert "\n" not in str(caught.value)


def test_open_clip_folder_and_pipe_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, said in (
        (tmp_path, "is a folder; name the files in it"),
        (tmp_path / "pipe", "is no regular file; give"),
    ):
        with pytest.raises(DataError, match=f": {said}"), open_clip(path):
            pass


def test_open_clip_sound_alone_is_no_video_and_beside_one_it_does_no_harm(tmp_path):
    with pytest.raises(DataError, match=r"m4a: holds no video, sound alone; give a video$"):
        open_clip(write_clip(tmp_path / "sound.m4a", [], sound_s=1)).__enter__()
    assert len(read_times(write_clip(tmp_path / "clip.mkv", draw_scenes(6), sound_s=3))) == 6


@pytest.mark.parametrize(("suffix", "mark"), [(".mp4", b"avc1"), (".mkv", b"V_MPEG4/ISO/AVC")])
def test_open_clip_of_a_codec_that_nobody_knows_is_one_line(tmp_path, suffix, mark):
    path = write_clip(tmp_path / f"clip{suffix}", draw_scenes(3))
    path.write_bytes(path.read_bytes().replace(mark, mark[:-2] + b"zz"))
    with pytest.raises(DataError, match=r": its codec is unknown to PyAV; convert it to H\.264$"):
        open_clip(path).__enter__()


def test_open_clip_cover_of_a_song_is_no_video(tmp_path):
    cover = io.BytesIO()
    FACES[0].save(cover, "PNG")
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_mux_stream("png", width=64, height=64)
        stream.disposition = av.stream.Disposition.attached_pic
        file.start_encoding()
        packet = av.Packet(cover.getvalue())
        packet.stream, packet.pts, packet.dts, packet.time_base = stream, 0, 0, stream.time_base
        file.mux(packet)
    with pytest.raises(DataError, match="holds no video"):
        open_clip(path).__enter__()


def test_open_clip_without_pyav_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ConfigError, match=r"^a\.mp4: to read videos, `pip install 'fer-tfx\[video\]'`$"):
        open_clip("a.mp4").__enter__()


@pytest.mark.parametrize("file", [io.StringIO("text"), io.BytesIO(b"text"), open(os.devnull, "rb")])  # noqa: SIM115, PTH123
def test_open_clip_open_file_that_is_no_video_is_one_line(file):
    with pytest.raises(DataError, match=r"^(the video|/dev/null): is no video that can be read"):
        open_clip(file).__enter__()


def list_open_files() -> list[str]:
    folder = Path("/proc/self/fd")
    return [os.readlink(path) for path in folder.iterdir() if path.is_symlink()]  # noqa: PTH115


def test_predict_video_is_lazy_and_closes_the_file_when_it_is_left(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", draw_scenes(50))
    model = ScriptedModelDouble([[]])  # a second frame would end the script
    frames = model.predict_video(path, every_s=0)
    assert str(path) not in list_open_files()
    assert next(frames).time_s == 0.0
    assert str(path) in list_open_files()
    del frames
    assert str(path) not in list_open_files()


def test_open_clip_no_frame_waits_for_the_garbage_collector(tmp_path):
    """Which comes when it likes: a minute of video took 16 MB more than its first ten seconds."""
    gc.collect()
    gc.disable()
    try:
        with open_clip(write_clip(tmp_path / "clip.mp4", draw_scenes(30), matrix=(0, 1, -1, 0))) as clip:
            assert all(frame.picture for frame in clip.frames)
        kept = sum(isinstance(each, av.VideoFrame) for each in gc.get_objects())
    finally:
        gc.enable()
    assert kept <= 2


def test_predict_video_open_file_stays_open(small, tmp_path):
    content = write_clip(tmp_path / "clip.mp4", draw_scenes(10)).read_bytes()
    file = io.BytesIO(content)
    first = list(small.predict_video(file))
    file.seek(0)
    assert list(small.predict_video(file)) == first != []


@pytest.mark.parametrize(("name", "value"), [("every_s", -1), ("every_s", math.nan), ("smooth_s", math.inf)])
def test_predict_video_argument_out_of_range_is_told_at_once(small, name, value):
    with pytest.raises(ConfigError, match=rf"^{name}: expected seconds, 0 or more, got "):
        small.predict_video("none.mp4", **{name: value})


@pytest.fixture
def still(tmp_path) -> Path:
    """Six frames, half a second apart."""
    return write_clip(tmp_path / "still.mp4", draw_scenes(6), [0.5 * step for step in range(6)])


def follow(still: Path, *boxes: list[Box], every_s: float = 0.5) -> list[list[int]]:
    script = [[see(200, box) for box in each] for each in boxes]
    frames = ScriptedModelDouble([*script, *[[]] * 6]).predict_video(still, every_s=every_s)
    return [[face.track for face in frame.faces] for frame in frames][: len(boxes)]


def test_predict_video_tracks_follow_the_boxes_that_overlap_most(still):
    left, right, other = Box(0, 0, 50, 50), Box(100, 0, 50, 50), Box(200, 0, 50, 50)
    nearer, between = Box(20, 5, 50, 50), Box(85, 0, 60, 60)
    assert follow(still, [left, right], [nearer, between], [between, other], [right]) == [[1, 2], [1, 2], [2, 3], [2]]
    # Both overlap the first face: the one nearer to it goes on, whatever their order.
    assert follow(still, [left], [Box(-25, 0, 50, 50), Box(5, 0, 50, 50)]) == [[1], [2, 1]]


def test_predict_video_face_out_of_sight_keeps_its_track_for_a_second_only(still):
    box = Box(0, 0, 50, 50)
    assert follow(still, [box], [], [box]) == [[1], [], [1]]
    assert follow(still, [box], [], [], [box]) == [[1], [], [], [2]]


def test_predict_video_smoothing_is_an_average_that_fades_with_time_along_the_track(still):
    """By hand: after 0.5 s a time constant of 0.5 s leaves 1/e to what was before."""
    box, other = Box(0, 0, 50, 50), Box(200, 0, 50, 50)
    said = [see(200, box), see(100, box), see(100, box)]
    script = [[said[0]], [said[1], see(50, other)], [said[2]], [], [], []]
    frames = list(ScriptedModelDouble(script).predict_video(still, smooth_s=0.5))
    keeps = math.exp(-1)
    for name, before in said[0].probabilities.items():
        second = keeps * before + (1 - keeps) * said[1].probabilities[name]
        third = keeps * second + (1 - keeps) * said[2].probabilities[name]
        assert frames[1].faces[0].probabilities[name] == pytest.approx(second)
        assert frames[2].faces[0].probabilities[name] == pytest.approx(third)
    assert dict(frames[1].faces[1].probabilities) == see(50, other).probabilities  # its first, unmixed
    smooth = frames[1].faces[0]
    assert sum(smooth.probabilities.values()) == pytest.approx(1)
    assert smooth.confidence == max(smooth.probabilities.values()) == smooth.probabilities[smooth.label]
    assert not frames[0].faces[0].abstain
    assert frames[1].faces[0].abstain  # 0.63 of the weight advises it
    unsmoothed = list(ScriptedModelDouble(script).predict_video(still))
    assert unsmoothed[1].faces[0].probabilities == said[1].probabilities


def join(folder: Path, seconds: float = 2.0) -> Path:
    """Two recordings of one scene, one behind the other as `cat` joins them: time starts anew."""
    write_clip(folder / "one.mpg", draw_scenes(int(25 * seconds)))
    (folder / "joined.mpg").write_bytes((folder / "one.mpg").read_bytes() * 2)
    return folder / "joined.mpg"


def test_predict_video_nobody_is_followed_into_a_recording_that_was_joined(tmp_path):
    box = Box(0, 0, 50, 50)
    frames = list(ScriptedModelDouble([[see(200, box)]] * 12).predict_video(join(tmp_path)))
    starts = [place for place, frame in enumerate(frames) if place and frame.time_s < frames[place - 1].time_s]
    assert len(starts) == 1
    tracks = [frame.faces[0].track for frame in frames]
    assert tracks == [1] * starts[0] + [2] * (len(tracks) - starts[0])
