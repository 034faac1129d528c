"""Who may import whom, read from the sources.

fer_tfx <- schema <- configs <- {models, reporting} <- components <- pipeline
"""

import ast
import importlib
import importlib.resources
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import setuptools
import tomllib

from pipeline.fingerprint import _PACKAGES, _VALUES

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("components", "configs", "fer_tfx", "models", "pipeline", "reporting", "schema")
PRESENT = {package for package in PACKAGES if (ROOT / package).is_dir()}
FOLDERS = {*PACKAGES, "requirements", "tests", "kubeflow", "benchmarks", "docs", ".ci", ".github"}
TENSORFLOW = {"tensorflow", "keras", "tfx", "tfx_bsl", "apache_beam", "tensorflow_transform", "tensorflow_metadata",
              "tensorflow_data_validation", "tensorflow_model_analysis", "tensorflow_serving",
              "keras_tuner"}  # fmt: skip
# The last hands its own environment on to its children, with one more folder to import from; the first looks for the
# variable by which a shell asks Typer for completions.
ENVIRONMENT_READERS = {"fer_tfx/cli.py", "fer_tfx/quiet.py", "configs/load.py", "pipeline/replay/execution.py"}


def list_sources(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def find_imports(path: Path) -> Iterator[str]:
    """Dotted names of whatever a file imports, wherever in it; `from a import b` gives `a.b`."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            folder = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            module = ".".join([*folder, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def find_attributes(path: Path) -> Iterator[str]:
    """Dotted names such as `os.environ` that a file speaks of."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node)


def find_importers(prefixes: set[str], sources: list[Path]) -> list[str]:
    """`file: module` for each import of one of `prefixes` or of what lies below it."""
    return [
        f"{name_of(path)}: {name}"
        for path in sources
        for name in find_imports(path)
        if any(f"{name}.".startswith(f"{prefix}.") for prefix in prefixes)
    ]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """What import-linter says of the packages in a folder, by the contracts in pyproject.toml."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"]
    environment = {"PATH": os.environ["PATH"], "COLUMNS": "200", "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_imports_keep_the_contracts():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("schema/example.py", "import configs.spec", "Imports point one way"),
        ("models/recipe.py", "import reporting.intervals", "Imports point one way"),
        ("pipeline/graph.py", "import models.training", "The graph names models by strings"),
        ("models/export.py", "import tfx", "Only one file of models knows TFX"),
        ("fer_tfx/light.py", "import tensorflow", "need no TensorFlow"),
        ("components/data_gate.py", "import components.model_card", "No component knows another"),
    ],
)
def test_import_against_a_contract_is_found(tmp_path, file, line, contract):
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "*_model"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    source = (ROOT / file).read_text("utf-8")
    (tmp_path / file).write_text(f"{line}\n{source}", "utf-8")
    done = lint_imports(tmp_path)
    assert done.returncode == 1, done.stdout
    (broken,) = re.findall(r"^(.*) BROKEN", done.stdout, re.M)
    assert contract in broken


def test_history_is_entered_by_its_one_module_and_by_those_that_take_long_to_import():
    modules = {f"pipeline.history.{path.stem}" for path in (ROOT / "pipeline/history").glob("[a-z]*.py")}
    sources = [path for path in list_sources("pipeline") if path.parent.name != "history"]
    slow = {f"pipeline.history.{name}" for name in ("acceptance", "notes", "comparison", "overview")}
    entered = modules - slow
    assert len(entered) == len(modules) - len(slow)
    assert find_importers(entered, sources) == []


def test_package_sources_are_found_for_every_package_with_code():
    assert {"schema", "configs", "models", "reporting", "components", "pipeline"} <= PRESENT
    assert {package for package in PRESENT if not list_sources(package)} == set()
    assert "fer_tfx.contract.UNLABELLED_SPLIT" in set(find_imports(ROOT / "pipeline/outcome.py"))


def test_fingerprint_looks_into_every_package_that_a_stage_runs():
    """A package left out there would be edited without any stage noticing."""
    assert set(_PACKAGES) == PRESENT - {"pipeline"}


def test_settings_that_no_fingerprint_looks_into_declare_values_and_refuse_some():
    """A fingerprint leaves `configs.spec` out, as its values are part of each key. So nothing there may compute any."""
    tree = parse(ROOT / f"{_VALUES.replace('.', '/')}.py")
    classes = [each for each in tree.body if isinstance(each, ast.ClassDef)]
    assert "TrainerConfig" in {each.name for each in classes}
    for declared in classes:
        others = [each for each in declared.body if not isinstance(each, ast.AnnAssign | ast.Expr)]
        assert [getattr(each, "name", each) for each in others] in ([], ["__post_init__"]), declared.name
    assert {each.name for each in tree.body if isinstance(each, ast.FunctionDef)} == {"_require"}
    # Validators that convert, and pydantic's other ways to change a value, live in modules that a fingerprint covers.
    used = {*find_imports(ROOT / "configs/spec.py"), *find_attributes(ROOT / "configs/spec.py")}
    pydantic_names = {name for name in used if name.startswith("pydantic")}
    assert pydantic_names == {"pydantic.Field", "pydantic.dataclasses.dataclass"}
    assert [name for name in used if "__setattr__" in name] == []


def test_cluster_libraries_are_imported_only_by_their_runner_and_google_s_by_what_pushes_to_an_endpoint():
    known = {*ROOT.glob("pipeline/runners/*.py"), ROOT / "components/vertex.py"}
    sources = [path for path in list_sources(*PACKAGES) if path not in known]
    assert find_importers({"kfp", "kfp_server_api", "google.cloud", "kubernetes"}, sources) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_tf_keras_is_spoken_of_nowhere(package):
    for path in list_sources(package):
        names = [*find_imports(path), *find_attributes(path)]
        assert [name for name in names if name.startswith(("tf.keras", "tensorflow.keras", "tf_keras"))] == [], path


@pytest.mark.parametrize("package", PACKAGES)
def test_environment_is_read_only_by_its_readers(package):
    for path in list_sources(package):
        names = {*find_imports(path), *find_attributes(path)}
        found = names & {"os.environ", "os.environb", "os.getenv", "os.putenv", "os.environ.get"}
        assert not found or name_of(path) in ENVIRONMENT_READERS, path


def test_main_import_of_cli_brings_in_no_heavy_library():
    code = (
        "import sys, fer_tfx.cli; fer_tfx.cli.build_app();"
        " print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert {"pipeline", "fer_tfx", "typer"} <= imported
    assert imported & (TENSORFLOW | {"numpy", "pandas", "pydantic", "rich", "yaml", "models", "components"}) == set()


def test_import_of_light_modules_changes_neither_folder_nor_environment(tmp_path):
    light = list_sources("fer_tfx", "configs", "reporting", "pipeline/commands")
    light.remove(ROOT / "fer_tfx/client/grpc.py")  # imports TensorFlow
    light.remove(ROOT / "fer_tfx/setup.py")  # builds the distribution
    light += [ROOT / f"pipeline/{name}.py" for name in ("cli", "fingerprint", "inputs", "paths", "view")]
    modules = [name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in light]
    code = f"import os; before = dict(os.environ); import {', '.join(modules)}; print(before == dict(os.environ))"
    environment = {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("True\n", "")
    assert list(tmp_path.iterdir()) == []


def test_top_level_folders_are_the_allowed_ones():
    if not (ROOT / ".git").exists():
        pytest.skip("which folders belong to the project only git knows")
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    folders = {line.partition("/")[0] for line in done.stdout.splitlines() if "/" in line}
    assert "pipeline" in folders
    assert folders - FOLDERS == set()


@pytest.mark.parametrize(("package", "file"), [("schema", "schema.pbtxt"), ("configs", "kubeflow.yaml")])
def test_package_data_is_readable_as_a_resource(package, file):
    resource = importlib.resources.files(package).joinpath(file)
    assert resource.read_text("utf-8") == (ROOT / package / file).read_text("utf-8")


def test_commands_of_both_distributions_name_functions_that_exist():
    library = tomllib.loads((ROOT / "fer_tfx/pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    told = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setattr(setuptools, "setup", lambda **keywords: told.update(keywords))
        runpy.run_path(str(ROOT / "setup.py"))
    (plugin,) = told["entry_points"]["fer_tfx.commands"]
    for target in (library["fer-tfx"], plugin.partition(" = ")[2]):
        module, _, function = target.partition(":")
        assert callable(getattr(importlib.import_module(module), function))
