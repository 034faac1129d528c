"""fer-tfx export: a pushed model in a form that other runtimes take, kept only if it answers as the SavedModel does."""

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fer_tfx.errors import ConfigError, DataError, GateError, shorten
from fer_tfx.files import replacing_bytes
from fer_tfx.quiet import hush_libraries, output_in_log, print_note
from pipeline.commands import Config, Overrides, load_latest
from pipeline.environment import ensure_environment
from pipeline.paths import RunPaths, is_remote
from pipeline.stack import require_tfx

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_LOCK = Path(__file__).parents[1] / "onnx.lock"
_FACE_COUNT = 20
_TOLERANCE = 5e-3  # of a probability, as ServingCheck's for the light form
_ISOLATED = ("-I",)  # from whatever Python files lie in the current folder
_ASK = """
import sys, numpy, onnxruntime
model, pixels, answers = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
asked = numpy.load(pixels)
given = [session.run(["probabilities"], {"pixels": each[None]})[0] for each in asked]
numpy.save(answers, numpy.concatenate(given))
"""


def export(
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="As `fer-tfx versions` lists it, or a pushed model's folder.")
    ],
    to: Annotated[Literal["tflite", "onnx"], typer.Option(help="For LiteRT, or for ONNX Runtime and others.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write it.")],
    config: Config = None,
    overrides: Overrides = None,
) -> int:
    """Write a pushed model for other runtimes, checked against its SavedModel.

    Its input is `pixels`, uint8 (1, 48, 48, 1), its outputs are the probabilities and what the last layer sees.
    """
    from fer_tfx.commands.output import check_output
    from fer_tfx.local_model import Facts

    require_tfx()
    check_output(out, [])
    model = _find(version, config, overrides)
    hush_libraries()
    with TemporaryDirectory(prefix="fer-tfx-export-") as name:
        work = Path(name)
        python = _ensure_converter() if to == "onnx" else None
        with output_in_log(work / "log"):
            made = work / f"model.{to}"
            expected, pixels = _ask_saved_model(model)
            light = _find_light_form(model)
            class_names = Facts.read(light.parent).class_names
            if python:
                _convert_to_onnx(python, light, made)
                found = _ask_onnx(python, made, pixels, work)
            else:
                shutil.copy(light, made)
                found = _ask_light(light.parent, pixels)
        difference = float(abs(found - expected).max())
        if not difference <= _TOLERANCE:
            raise GateError(
                f"{model}: as {to} its answers differ by {difference:.2g}, at most {_TOLERANCE:g}; not kept"
            )
        with replacing_bytes(out) as file:
            file.write(made.read_bytes())
    print_note(f"{out}: {out.stat().st_size:,} bytes; answers equal the SavedModel's to {max(difference, 1e-7):.1g}")
    print_note(f"probabilities are those of {', '.join(class_names)}")
    return 0


def _find(version: str, config: str | None, overrides: list[str] | None) -> Path:
    """Raises ConfigError: no such version; DataError: of unknown origin."""
    from fer_tfx.model_files import KnownModels, find_model, require_known
    from fer_tfx.versions.versions import ASIDE

    folder = Path(version)
    if version.isdecimal():
        place = RunPaths.of(load_latest(config, overrides)).serving
        if is_remote(place):
            raise ConfigError(f"{place}: is remote; copy the version here and give its folder")
        folder = Path(place, version)
        if not folder.is_dir() and Path(place, ASIDE, version).is_dir():
            aside = Path(place, ASIDE, version)
            raise ConfigError(f"{version}: is rolled back; give its folder, {aside}, if that is what you want")
    model = find_model(folder)
    require_known(model, KnownModels.of_user())
    return model


def _find_light_form(model: Path) -> Path:
    from fer_tfx.contract import LIGHT_MODEL_FILE
    from fer_tfx.model_files import find_light_form

    folder = find_light_form(model)
    if folder is None:
        raise ConfigError(
            f"{model}: was pushed without a light form, which exports are made of; `fer-tfx run` with the same data and"
            " settings pushes it anew without training again"
        )
    return folder / LIGHT_MODEL_FILE


def _ask_saved_model(model: Path) -> "tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]":
    """Probabilities (n, classes) for drawn faces, and these, uint8 (n, 48, 48, 1)."""
    from fer_tfx.saved_model import SavedModel
    from schema.drawn_faces import draw_faces

    pixels = draw_faces(_FACE_COUNT, 5).pixels[..., None]
    return SavedModel(model).compute_probabilities(pixels), pixels


def _ask_light(folder: Path, pixels: "npt.NDArray[np.uint8]") -> "npt.NDArray[np.float32]":
    from fer_tfx.light import LightModel

    return LightModel(folder).compute_probabilities(pixels)


def _ensure_converter() -> Path:
    """tf2onnx and its ONNX want another protobuf than TFX: they are installed on first use, 1.6 GB."""
    from platformdirs import user_cache_path

    return ensure_environment(user_cache_path("fer-tfx") / "onnx", _LOCK)


def _convert_to_onnx(python: Path, light: Path, made: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    model = Interpreter(str(light))
    inputs, outputs = (
        [each["name"] for each in details] for details in (model.get_input_details(), model.get_output_details())
    )
    names = {"inputs": inputs, "outputs": outputs, "rename-inputs": ["pixels"]}
    names["rename-outputs"] = ["probabilities", "features"][: len(outputs)]
    options = [word for option, values in names.items() for word in (f"--{option}", ",".join(values))]
    _run([python, *_ISOLATED, "-m", "tf2onnx.convert", "--tflite", light, "--output", made, *options])


def _ask_onnx(python: Path, made: Path, pixels: "npt.NDArray[np.uint8]", work: Path) -> "npt.NDArray[np.float32]":
    import numpy as np

    np.save(work / "pixels.npy", pixels)
    _run([python, *_ISOLATED, "-c", _ASK, made, work / "pixels.npy", work / "answers.npy"])
    return np.asarray(np.load(work / "answers.npy"), np.float32)


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise DataError(f"the conversion to ONNX ended with exit code {done.returncode}: {shorten(last)}; report it")
