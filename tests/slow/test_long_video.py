"""A minute of video: it says what its frames say as pictures, in real time on one core, in constant memory."""

import io
import json
import lzma
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from clips import RATE, write_clip
from PIL import Image

import fer_tfx
from schema.drawn_faces import draw_faces

LENGTH_S, EVERY_S, FACE_PX = 60, 0.2, 192
REAL_TRAIN_CSV = Path(__file__).parents[3] / "shared" / "data" / "fer2013" / "train.csv.xz"
# On one core; memory in MB once the decoder runs, and at the end.
PREDICT = """
import json, os, resource, sys, time
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
import fer_tfx
measure = lambda: int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 1e6
start, frames, early_mb = time.monotonic(), [], None
for frame in fer_tfx.load().predict_video(sys.argv[1], every_s=float(sys.argv[2])):
    frames.append([round(frame.time_s, 3), [(face.label, face.track) for face in frame.faces]])
    early_mb = measure() if early_mb is None and frame.time_s >= 10 else early_mb
print(json.dumps({"frames": frames, "early_mb": early_mb, "late_mb": measure(), "cpu_s": time.process_time(),
                  "wall_s": time.monotonic() - start}))
"""


def read_faces(kind: str) -> np.ndarray:
    """uint8 (n, 48, 48)"""
    if kind == "drawn":
        return draw_faces(200, 3).pixels[[12, 150]].repeat(6, axis=0)
    if not REAL_TRAIN_CSV.exists():
        pytest.skip("FER2013 is not at hand")
    with lzma.open(REAL_TRAIN_CSV, "rt") as lines:
        rows = [next(lines) for _ in range(25)][1:]
    return np.array([row.split('"')[1].split() if '"' in row else row.split(",")[1].split() for row in rows],
                    np.uint8).reshape(-1, 48, 48)  # fmt: skip


def draw_scenes(faces: np.ndarray) -> Iterator[Image.Image]:
    """720p: two faces wander over a picture with a little noise, and are others every few seconds."""
    large = [Image.fromarray(face).resize((FACE_PX, FACE_PX), Image.Resampling.BICUBIC) for face in faces]
    ground = Image.effect_noise((1280, 720), 20)
    for number in range(LENGTH_S * RATE):
        turn = number * len(large) // 2 // (LENGTH_S * RATE)
        scene = ground.copy()
        scene.paste(large[2 * turn], (60 + number % 400, 100 + number // 2 % 300))
        scene.paste(large[2 * turn + 1], (1000 - number // 3 % 300, 200 + number % 200))
        yield scene


@pytest.mark.parametrize("kind", ["drawn", "real"])
def test_predict_video_of_a_minute_says_what_its_frames_say_in_real_time_and_constant_memory(tmp_path, kind):
    path = write_clip(tmp_path / "clip.mp4", draw_scenes(read_faces(kind)), sound_s=LENGTH_S)
    command = [sys.executable, "-c", PREDICT, str(path), str(EVERY_S)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print({name: value for name, value in told.items() if name != "frames"}, f"{path.stat().st_size:,} bytes")
    assert len(told["frames"]) == LENGTH_S / EVERY_S
    assert sum(len(faces) for _, faces in told["frames"]) > LENGTH_S / EVERY_S  # some are missed
    assert told["cpu_s"] < LENGTH_S
    assert told["late_mb"] < told["early_mb"] + 10
    model, step = fer_tfx.load(), round(RATE * EVERY_S)
    with av.open(str(path)) as file:
        for number, decoded in enumerate(file.decode(video=0)):
            if number % (3 * step) == 0:
                buffer = io.BytesIO()
                decoded.to_image().save(buffer, "BMP")
                time_s, faces = told["frames"][number // step]
                assert time_s == round(number / RATE, 3)
                assert [label for label, _ in faces] == [face.label for face in model.predict(buffer.getvalue())]
