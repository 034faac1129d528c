"""A SavedModel -> the folder of its light form, which `fer-tfx predict` uses, with its hashes."""

import shutil
from pathlib import Path

from benchmarks.folder_swap import replace_folder
from fer_tfx.contract import CALIBRATION_FILE, CLASS_NAMES_FILE, EXTRA_ASSETS_DIR, LIGHT_MODEL_FILE
from fer_tfx.model_files import verify_sums, write_sums
from models.light_form import convert_to_light


def ship_light_form(model: Path, target: Path) -> None:
    """Write the light form of the SavedModel in `model` to `target`, which holds the old or the new one whole."""
    content = convert_to_light(model)
    with replace_folder(target) as partial:
        (partial / LIGHT_MODEL_FILE).write_bytes(content)
        for name in (CALIBRATION_FILE, CLASS_NAMES_FILE):
            shutil.copy(model / EXTRA_ASSETS_DIR / name, partial / name)
        write_sums(partial)
        verify_sums(partial)
