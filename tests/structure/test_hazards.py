"""No source of the project turns data into code, or hands a line to a shell."""

from pathlib import Path

import pytest
from hazards import find_hazards

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("benchmarks", "components", "configs", "fer_tfx", "models", "pipeline", "reporting", "schema", ".ci")


@pytest.mark.parametrize("package", PACKAGES)
def test_sources_of_every_package_hold_no_hazard(package):
    sources = sorted((ROOT / package).rglob("*.py"))
    assert sources
    found = [
        f"{path.relative_to(ROOT)}:{hazard}" for path in sources for hazard in find_hazards(path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "hazard"),
    [
        ("import pickle", "1: import pickle"),
        ("import os\nimport cPickle as fast", "2: import cPickle"),
        ("from dill import loads", "1: import dill"),
        ("import torch.serialization", "1: import torch.serialization"),
        ("def f():\n    import marshal", "2: import marshal"),
        ("from shelve import open", "1: import shelve"),
        ("eval('1')", "1: eval"),
        ("run = exec", "1: exec"),
        ("code = compile(text, name, 'exec')", "1: compile"),
        ("import yaml\nyaml.load(text, Loader=yaml.FullLoader)", "2: yaml.load"),
        ("from yaml import load as read\nread(text)", "2: yaml.load"),
        ("import yaml\nyaml.compose(text, Loader=yaml.UnsafeLoader)", "2: yaml.UnsafeLoader"),
        ("import os\nos.system('ls')", "2: os.system"),
        ("from os import system\nsystem('ls')", "2: os.system"),
        ("import subprocess\nsubprocess.run('ls', shell=True)", "2: shell=True"),
        ("run('ls', shell=wanted)", "1: shell=wanted"),
        ("import tempfile as t\nt.mktemp()", "2: tempfile.mktemp"),
        ("import numpy as np\nnp.load(path, allow_pickle=True)", "2: allow_pickle=True"),
        ("import keras\nkeras.models.load_model(path, safe_mode=False)", "2: safe_mode=False"),
        ("tar.extractall(folder)", "1: extractall"),
        ("import pandas as pd\npd.read_pickle(path)", "2: pandas.read_pickle"),
    ],
)
def test_find_hazards_names_line_and_kind_under_whatever_name(source, hazard):
    assert hazard in list(find_hazards(source))


@pytest.mark.parametrize(
    "source",
    [
        "import re\nre.compile('a')",
        "import yaml\nyaml.safe_load(text)\nyaml.compose(text, Loader=yaml.SafeLoader)",
        "import numpy as np\nnp.load(path, allow_pickle=False)",
        "import subprocess\nsubprocess.run(['ls'], shell=False)",
        "import tempfile\ntempfile.mkdtemp()",
        "session.eval(1)\nnetwork.compile()",
        "text = 'import pickle; eval(1)'",
    ],
)
def test_find_hazards_leaves_what_is_harmless(source):
    assert list(find_hazards(source)) == []
