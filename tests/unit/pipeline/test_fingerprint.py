"""Edits of the sources, made one after the other in a copy of them: whose fingerprint changes?"""

import json
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from pipeline import fingerprint
from pipeline.fingerprint import compute_code_fingerprint

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("components", "configs", "fer_tfx", "models", "pipeline", "reporting", "schema")
EXAMPLE_GEN, DATA_GATE = "components.face_example_gen.component", "components.data_gate"
TRANSFORM, TUNER, TRAINER = "models.preprocessing", "models.tuner_fn", "models.trainer_fn"
# What decides the weights, without what reads settings and exports.
TRAINING, EVALUATOR = "models.training", "components.metrics.rows"
STAGES = [EXAMPLE_GEN, DATA_GATE, TRANSFORM, TUNER, TRAINER, TRAINING, EVALUATOR]

# A function's first result becomes another one.
CODE = ("    return ", "    return None or ")
FILES = {
    "recipe": ("models/recipe.py", *CODE),
    "preprocessing": ("models/preprocessing.py", *CODE),
    "row": ("fer_tfx/reading/csv_form.py", *CODE),
    "contract": ("fer_tfx/contract.py", *CODE),
    "library": ("fer_tfx/local_model.py", *CODE),
    "repeats": ("components/face_example_gen/settling.py", *CODE),
    "checks": ("components/data_gate.py", *CODE),
    "ingestion": ("reporting/ingestion.py", *CODE),
    "metrics": ("components/metrics/rows.py", *CODE),
    "declaration": ("components/artifacts.py", *CODE),
    "spec": ("configs/spec.py", "epochs: PositiveInt = ", "epochs: PositiveInt = 1 + "),
    "other section": ("configs/spec.py", "keep_versions: NonNegativeInt = 5", "keep_versions: NonNegativeInt = 6"),
    "hyperparameters": ("configs/tuning.py", "return dict(values)", "return dict(values) or {}"),
    "overlay": ("configs/convert.py", "[leaf] = value", "[leaf] = None"),
    "search space": ("configs/tuning.py", "    return [read_setting(", "    return [] or [read_setting("),
    "convert": ("configs/convert.py", "return number", "return -number"),
    "from_json": ("configs/load.py", "return from_nested(cls, json.loads(text))", "return cls()"),
    "progress": ("configs/progress.py", "\n\n\ndef ", "\n\n\n_UNUSED = 1\n\n\ndef "),
    "graph": ("pipeline/graph.py", *CODE),
    "module docstring": ("fer_tfx/contract.py", '"""', '"""Other words. '),
    "new docstring": ("fer_tfx/contract.py", '    """Name of', '    """Another name of'),
    "comment": ("fer_tfx/contract.py", "IMAGE_SIZE_PX = 48", "# A word on size.\nIMAGE_SIZE_PX = 48  # and one more"),
    "blank lines": ("fer_tfx/contract.py", "\nIMAGE_SIZE_PX", "\n\n\n\nIMAGE_SIZE_PX"),
    "layout": ("fer_tfx/contract.py", "IMAGE_SIZE_PX = 48", "IMAGE_SIZE_PX = (\n    48\n)"),
}
SCRIPT = """
import json, sys
from pathlib import Path
from pipeline import fingerprint

assert Path(fingerprint.__file__).is_relative_to(Path.cwd()), fingerprint.__file__
stages, edits = json.loads(sys.argv[1])
measure = lambda: {stage: fingerprint.compute_code_fingerprint(stage) for stage in stages}
found = {"": measure()}
for name, (file, old, new) in edits.items():
    path = Path(file)
    text = path.read_text("utf-8")
    assert old in text, (file, old)
    path.write_text(text.replace(old, new, 1), "utf-8")
    found[name] = measure()
    path.write_text(text, "utf-8")
found["restored"] = measure()
print(json.dumps([found, sorted(sys.modules)]))
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Fingerprints by edit and stage, with "" for none; and the modules that computing them has imported."""
    copy = tmp_path_factory.mktemp("copy")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps([STAGES, FILES])],
        cwd=copy, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return tuple(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ("recipe", {TUNER, TRAINER, TRAINING}),
        ("hyperparameters", {TUNER, TRAINER}),
        ("overlay", {EXAMPLE_GEN, TUNER, TRAINER}),
        ("search space", {TUNER, TRAINER}),
        ("convert", {EXAMPLE_GEN, TUNER, TRAINER}),
        ("from_json", {EXAMPLE_GEN, TUNER, TRAINER}),
        ("progress", {DATA_GATE, TUNER, TRAINER, TRAINING}),
        ("preprocessing", {TRANSFORM}),
        ("row", {EXAMPLE_GEN}),
        ("library", set()),
        ("repeats", {EXAMPLE_GEN}),
        ("checks", {DATA_GATE}),
        ("metrics", {EVALUATOR}),
        ("ingestion", {EXAMPLE_GEN, DATA_GATE}),
        ("contract", set(STAGES)),
        ("declaration", {EXAMPLE_GEN, DATA_GATE}),
        # Every setting is part of TFX's key already.
        ("spec", set()),
        ("other section", set()),
        ("graph", set()),
        ("module docstring", set()),
        ("new docstring", set()),
        ("comment", set()),
        ("blank lines", set()),
        ("layout", set()),
        ("restored", set()),
    ],
)
def test_compute_code_fingerprint_edited_file_changes_the_stages_that_run_it_and_no_other(measured, edit, expected):
    found, _ = measured
    assert {stage for stage in STAGES if found[edit][stage] != found[""][stage]} == expected


def test_compute_code_fingerprint_stages_have_fingerprints_of_their_own(measured):
    found, _ = measured
    values = list(found[""].values())
    assert len(set(values)) == len(STAGES)
    assert all(len(value) == 16 and int(value, 16) >= 0 for value in values)


@pytest.mark.parametrize(
    ("library", "expected"),
    [
        ("tensorflow", {EXAMPLE_GEN, TRANSFORM, TUNER, TRAINER, TRAINING}),
        ("keras", {TUNER, TRAINER, TRAINING}),
        ("tfx", {EXAMPLE_GEN, DATA_GATE, TUNER, TRAINER}),
        ("tensorflow-transform", {TRANSFORM, TUNER, TRAINER}),
        ("keras-tuner", {TUNER}),
        ("tensorflow_model_analysis", {EVALUATOR}),
        ("absl-py", set()),
        ("PyYAML", set()),
        ("pytest", set()),
    ],
)
def test_compute_code_fingerprint_other_release_of_a_library_changes_the_stages_that_use_it(
    monkeypatch, library, expected
):
    before = {stage: compute_code_fingerprint(stage) for stage in STAGES}
    monkeypatch.setattr(fingerprint, "version", lambda name: "99.0" if name == library else version(name))
    assert {stage for stage in STAGES if compute_code_fingerprint(stage) != before[stage]} == expected


def test_compute_code_fingerprint_library_that_is_named_counts_by_its_version(monkeypatch):
    before = compute_code_fingerprint(TRANSFORM, "tfx")
    assert before != compute_code_fingerprint(TRANSFORM)
    monkeypatch.setattr(fingerprint, "version", lambda name: "99.0" if name == "tfx" else version(name))
    assert compute_code_fingerprint(TRANSFORM, "tfx") != before


def test_compute_code_fingerprint_reading_the_sources_imports_none_of_them(measured):
    _, modules = measured
    # A graph compiles without building a network: `pipeline` names `models` by dotted strings only.
    assert [name for name in modules if name.startswith(("models.", "tensorflow.", "tfx."))] == []


def test_compute_code_fingerprint_order_of_modules_does_not_matter():
    given = ["fer_tfx.reading.csv_form", "fer_tfx.errors"]
    both = compute_code_fingerprint(*given)
    assert both == compute_code_fingerprint(*reversed(given))
    assert both == compute_code_fingerprint("fer_tfx.reading.csv_form")  # which imports fer_tfx.errors itself
    assert both != compute_code_fingerprint("fer_tfx.errors")


def test_compute_code_fingerprint_unknown_module_is_named():
    with pytest.raises(ModuleNotFoundError, match=r"no source file of schema\.none"):
        compute_code_fingerprint("schema.none")
