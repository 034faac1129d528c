"""fer-tfx export --to onnx by the real converter, in its environment of 1.6 GB, which the first run installs."""

from pathlib import Path

import numpy as np
import pytest

from fer_tfx.model_files import find_shipped_model, light_folder
from pipeline.commands import export


@pytest.fixture(scope="module")
def python() -> Path:
    return export._ensure_converter()


def test_onnx_answers_as_the_light_form_that_it_is_made_of(python, tmp_path):
    light = find_shipped_model(light_folder()) / "model.tflite"
    pixels = np.random.default_rng(1).integers(0, 256, (9, 48, 48, 1), np.uint8)
    export._convert_to_onnx(python, light, tmp_path / "m.onnx")
    found = export._ask_onnx(python, tmp_path / "m.onnx", pixels, tmp_path)
    np.testing.assert_allclose(found, export._ask_light(light.parent, pixels), atol=1e-4)
