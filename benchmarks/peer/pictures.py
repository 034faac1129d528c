"""Writes the pictures that come with scikit-image and scikit-learn: `python -m benchmarks.peer.pictures FOLDER`.

It runs in an environment of its own.
"""

import sys
from pathlib import Path

import numpy as np

WITH_A_FACE = "astronaut"
WITHOUT_A_PERSON = (
    "brick", "cat", "cell", "clock", "coffee", "coins", "colorwheel", "grass", "gravel", "horse", "hubble_deep_field",
    "immunohistochemistry", "moon", "page", "retina", "rocket", "text", "motorcycle", "china", "flower",
)  # fmt: skip


def main(folder: str) -> None:
    from PIL import Image
    from skimage import data, util  # type: ignore[import-not-found]
    from sklearn.datasets import load_sample_images  # type: ignore[import-untyped]

    samples = dict(zip(("china", "flower"), load_sample_images().images, strict=True))
    samples["motorcycle"] = data.stereo_motorcycle()[0]
    for name in (WITH_A_FACE, *WITHOUT_A_PERSON):
        pixels = samples[name] if name in samples else getattr(data, name)()
        Image.fromarray(np.asarray(util.img_as_ubyte(pixels))).convert("RGB").save(Path(folder, f"{name}.png"))


if __name__ == "__main__":
    main(*sys.argv[1:])
