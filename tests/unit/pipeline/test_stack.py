"""What differs between the stacks."""

import re
from pathlib import Path

import pytest

from pipeline import stack

ROOT = Path(stack.__file__).parents[1]


@pytest.mark.parametrize(("beam", "expected"), [("2.59.0", []), ("2.67.0", []), ("2.68.0", None), ("2.77.0rc1", None)])
def test_local_runner_is_named_from_the_beam_on_that_prefers_another(beam, expected, monkeypatch):
    monkeypatch.setattr(stack, "version", {"apache-beam": beam}.__getitem__)
    named = ["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"]
    assert stack.build_local_runner() == (named if expected is None else expected)


def test_local_runner_that_is_named_is_one_of_the_installed_beam():
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner
    from apache_beam.runners.runner import create_runner

    named = [option.partition("=")[2] for option in stack.build_local_runner()]
    assert [type(create_runner(name)) for name in named] == [FnApiRunner] * len(named)


def test_every_component_of_tfx_that_we_name_is_there():
    """TFX 1.21 puts None in the place of a component that it could not import."""
    from tfx import v1 as tfx

    sources = [path for folder in ("components", "pipeline") for path in (ROOT / folder).rglob("*.py")]
    text = "".join(path.read_text("utf-8") for path in sources)
    names = set(re.findall(r"\btfx\.components\.([A-Z]\w+)", text))
    assert {"Transform", "Trainer", "Evaluator"} <= names
    assert [name for name in names if not isinstance(getattr(tfx.components, name), type)] == []
