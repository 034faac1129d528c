"""fer-tfx predict on videos: which files they are, rows and drawn copies of them, and what can't be read."""

import csv
import io
import json
import re
import resource
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from clips import write_clip
from moving_faces import BrightDetectorDouble, draw_scenes
from PIL import Image

from fer_tfx import model as model_module
from fer_tfx.cli import main
from fer_tfx.commands import predict as predict_command
from fer_tfx.commands.inputs import open_inputs
from fer_tfx.model import load
from fer_tfx.video import open_clip


@pytest.fixture(autouse=True)
def _detector(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(model_module, "_open_detector", BrightDetectorDouble)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two seconds."""
    return write_clip(tmp_path / "clip.mp4", draw_scenes(50))


def cut(path: Path, name: str) -> Path:
    content = path.read_bytes()
    cut_off = path.with_name(name)
    cut_off.write_bytes(content[: len(content) * 6 // 10])
    return cut_off


def ask(capfd, *words: object) -> tuple[int, str, str]:
    code = main(["predict", *map(str, words)])
    return code, *capfd.readouterr()


def test_predict_table_has_a_line_for_each_face_and_searched_frame(capfd, clip):
    frames = list(load().predict_video(clip, every_s=0.8))
    lines = [
        f"clip.mp4 {frame.time_s:8.2f} s #{face.track}  {face.label:8}  {face.confidence:.3f}\n"
        for frame in frames
        for face in frame.faces
    ]
    assert len(lines) == 6
    capfd.readouterr()
    assert ask(capfd, "clip.mp4", "--every", "0.8") == (0, "".join(lines), "fer-tfx: answers average 4 views\n")


def test_predict_csv_and_jsonl_tell_time_track_and_box(capfd, clip):
    frames = list(load().predict_video(clip, every_s=0.8, smooth_s=1.0))
    faces = [(frame, face) for frame in frames for face in frame.faces]
    words = (clip.name, "--every", "0.8", "--smooth", "1", "--format")
    rows = list(csv.DictReader(io.StringIO(ask(capfd, *words, "csv")[1])))
    assert [*rows[0]][:8] == ["file", "time_s", "track", "x", "y", "width", "height", "class"]
    lines = list(map(json.loads, ask(capfd, *words, "jsonl")[1].splitlines()))
    for (frame, face), row, line in zip(faces, rows, lines, strict=True):
        assert (float(row["time_s"]), int(row["track"])) == (round(frame.time_s, 6), face.track)
        assert tuple(int(row[name]) for name in face.box._fields) == face.box
        assert (row["class"], float(row["confidence"])) == (face.label, pytest.approx(face.confidence, rel=1e-6))
        assert (line["file"], line["time_s"]) == ("clip.mp4", round(frame.time_s, 6))
        assert line["face"] == {"track": face.track, **face.box._asdict()}
        assert line["probabilities"] == pytest.approx(face.probabilities, rel=1e-6)


def test_predict_frame_without_a_face_has_a_row_with_its_time(capfd, tmp_path):
    write_clip(tmp_path / "dark.mkv", [Image.new("L", (100, 80))] * 20)
    assert ask(capfd, "dark.mkv")[:2] == (0, "dark.mkv     0.00 s     no face\ndark.mkv     0.52 s     no face\n")
    _, table, _ = ask(capfd, "dark.mkv", "--format", "csv", "--every", "9")
    assert table.splitlines()[1] == "dark.mkv,0.0," + "," * 14
    _, line, _ = ask(capfd, "dark.mkv", "--format", "jsonl", "--every", "9")
    assert json.loads(line)["face"] is None


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".mov", ".mp4", ".mpg", ".webm", ".wmv"])
def test_open_inputs_video_is_known_by_its_content(tmp_path, suffix):
    path = write_clip(tmp_path / f"clip{suffix}", draw_scenes(3)).rename(tmp_path / "clip.download")
    with open_inputs([str(path)]) as inputs:
        assert [video.name for video in inputs.videos] == inputs.names == [str(path)]


@pytest.mark.parametrize(
    ("name", "head", "is_video"),
    [
        ("a.ts", b"", True),
        ("a.MP4", b"", True),
        ("none.webm", None, True),
        ("a.mov", b"\0\0\0\x08wide\0\0\x10\0mdat", True),
        ("a.mp4", b"\0\0\0\x20ftypheic\0\0\0\0", False),
        ("a.avif", b"\0\0\0\x20ftypavif\0\0\0\0", False),
        ("a", b"RIFF\x99\0\0\0WEBPVP8 ", False),
        ("a.gif", b"GIF89a", False),
        ("a", b"", False),
    ],
)
def test_open_inputs_name_decides_where_the_content_does_not(tmp_path, name, head, is_video):
    if head is not None:
        (tmp_path / name).write_bytes(head)
    with open_inputs([name]) as inputs:
        assert bool(inputs.videos) == is_video


def test_predict_animated_gif_is_a_video_if_it_is_to_be_searched_in_time(capfd, tmp_path):
    write_clip(tmp_path / "dance.gif", draw_scenes(30))
    assert ask(capfd, "dance.gif")[1].startswith("dance.gif #1  ")
    times_s = [line.split()[1] for line in ask(capfd, "dance.gif", "--every", "0.4")[1].splitlines()[::2]]
    assert times_s == ["0.00", "0.40", "0.80"]


def test_predict_video_on_standard_input_is_read(capfd, clip, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(clip.read_bytes())))
    code, table, _ = ask(capfd, "-", "--every", "1.5")
    assert (code, [line.split(" s ")[0] for line in table.splitlines()[::2]]) == (
        0, ["standard input     0.00", "standard input     1.52"],
    )  # fmt: skip


def test_predict_video_cut_off_has_its_rows_then_a_line_and_the_exit_code(capfd, clip, tmp_path):
    cut(clip, "cut.mp4")
    code, table, said = ask(capfd, "cut.mp4", "--out", "out.csv", "--format", "csv", "--save", "drawn.mp4")
    assert (code, table) == (2, "4 predictions written to out.csv\n")
    assert said.startswith("fer-tfx: cut.mp4: is damaged or cut off at 0.")
    assert said.count("\n") == 1
    assert len((tmp_path / "out.csv").read_text("utf-8").splitlines()) == 5
    assert 10 < len(read_times(tmp_path / "drawn.mp4")) < 50


def test_predict_video_cut_off_is_refused_when_strict(capfd, clip, tmp_path):
    cut(clip, "cut.mp4")
    code, table, said = ask(capfd, "clip.mp4", "cut.mp4", "--strict")
    assert (code, table, said.count("\n")) == (2, "", 1)


def test_predict_several_videos_are_answered_but_those_that_cannot_be_read(capfd, clip, tmp_path):
    write_clip(tmp_path / "other.mkv", draw_scenes(5))
    code, table, said = ask(capfd, "clip.mp4", "none.mp4", "other.mkv", "--every", "5")
    assert code == 2
    assert [line.split(" s #")[0].split() + line.split(" s #")[1].split()[:1] for line in table.splitlines()] == [
        ["clip.mp4", "0.00", "1"], ["clip.mp4", "0.00", "2"], ["other.mkv", "0.00", "1"], ["other.mkv", "0.00", "2"]
    ]  # fmt: skip
    assert said.startswith("fer-tfx: none.mp4: no such file; check the path\n")
    assert ask(capfd, "none.mp4")[:2] == (2, "")


def read_times(path: Path) -> list[float]:
    with open_clip(path) as clip:
        return [round(frame.time_s, 3) for frame in clip.frames]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_predict_save_writes_every_frame_at_its_time_with_the_boxes_of_the_last_search(capfd, tmp_path, suffix):
    times_s = [0.0, 0.1, 0.5, 0.6, 1.3, 1.4]
    write_clip(tmp_path / "clip.mp4", draw_scenes(6), times_s)
    code, _, _ = ask(capfd, "clip.mp4", "--save", f"drawn{suffix}")
    assert code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", f"drawn{suffix}"]
    seen = list(load().predict_video("clip.mp4"))
    with open_clip(f"drawn{suffix}") as drawn:
        frames = {round(frame.time_s, 3): frame.picture for frame in drawn.frames}
    assert list(frames) == times_s
    for frame in seen:
        for time_s in [each for each in times_s if frame.time_s <= each < frame.time_s + 0.2]:
            for face in frame.faces:
                red, _, blue = frames[time_s].getpixel((face.box.x, face.box.y + face.box.height // 2))
                assert red - blue > 60  # yellow, in a grey picture


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("clip.mp4 --save drawn", "drawn: a video is saved as .m4v, .mkv, .mov, .mp4; give --save such a name"),
        ("clip.mp4 --save clip.mp4", "clip.mp4: --save is a file to read; give another one"),
        ("clip.mp4 --save a.mp4 --out ./a.mp4", "a.mp4: --out and --save are the same; give one of them another name"),
        ("clip.mp4 --save none/a.mp4", "none/a.mp4: its folder does not exist; make it first"),
        ("clip.mp4 clip.mp4 --save a.mp4", "a.mp4: --save takes the frames of one video; give them in 2 calls"),
        ("clip.mp4 a.png", "clip.mp4 is a video and a.png is a picture; give them in two calls"),
        ("a.csv clip.mp4", "a.csv holds rows and clip.mp4 is a video; give them in two calls"),
        ("clip.mp4 --every -1", "--every: expected seconds, 0 or more, got -1.0"),
        ("clip.mp4 --smooth nan", "--smooth: expected seconds, 0 or more, got nan"),
        ("a.png --every 1", "--every and --smooth are for videos; omit them"),
    ],
)
def test_predict_video_what_cannot_be_done_is_one_line(capfd, clip, tmp_path, words, said):
    code, table, error = ask(capfd, *words.split())
    assert (code, table, error) == (2, "", f"fer-tfx: {said}\n")
    assert list(tmp_path.iterdir()) == [clip]


def test_predict_save_on_a_full_disk_is_one_line_and_leaves_neither_file_nor_rows(capfd, tmp_path):
    write_clip(tmp_path / "clip.mp4", (Image.effect_noise((160, 80), 60) for _ in range(30)))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        code, table, said = ask(capfd, "clip.mp4", "--save", "drawn.mp4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (code, table) == (2, "")
    assert (
        said == f"fer-tfx: {tmp_path}/drawn.mp4: can't be written: File too large; make room, or give another --save\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_predict_save_without_pyav_says_what_to_install(capfd, clip, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    for words in (["clip.mp4"], ["clip.mp4", "--save", "drawn.mp4"]):
        code, _, said = ask(capfd, *words)
        assert (code, said.split(": ", 2)[2]) == (2, "to read videos, `pip install 'fer-tfx[video]'`\n")


def test_predict_video_terminal_shows_how_far_it_is_and_the_time_left(capfd, clip, monkeypatch):
    terminal = io.StringIO()
    monkeypatch.setattr(predict_command, "keep_terminal", lambda: nullcontext(terminal))
    assert ask(capfd, "clip.mp4", "--every", "1")[0] == 0
    assert re.search(r"98%.*\d:\d\d:\d\d", terminal.getvalue())


def test_predict_save_keeps_all_recordings_that_were_joined(capfd, tmp_path):
    write_clip(tmp_path / "one.mpg", draw_scenes(50))
    (tmp_path / "joined.mpg").write_bytes((tmp_path / "one.mpg").read_bytes() * 2)
    code, _, _ = ask(capfd, "joined.mpg", "--save", "drawn.mp4")
    assert code == 0
    with open_clip("joined.mpg") as clip, open_clip("drawn.mp4") as drawn:
        given, times_s = sum(1 for _ in clip.frames), [frame.time_s for frame in drawn.frames]
    assert len(times_s) == given > 90
    np.testing.assert_allclose(np.diff(times_s), 0.04, atol=1e-3)
