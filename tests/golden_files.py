"""The compiled pipelines in golden/, with what changes by itself masked.

.venv/bin/python tests/golden_files.py        # writes them anew; read the difference before it's committed
"""

import re
import sys
from pathlib import Path

FOLDER = Path(__file__).with_name("golden")
FILES = {"kubeflow": FOLDER / "kubeflow.yaml", "vertex": FOLDER / "vertex.json"}
IMAGE = "registry.example/fer-tfx:1.0.0"
SETTINGS = (
    f"deploy.image={IMAGE}", "deploy.project=example", "deploy.region=europe-west4", "deploy.labels={team: faces}",
    "runtime.root=gs://example/runs", "data.path=gs://example/data/fer2013.csv",
)  # fmt: skip

_MASKS = (
    # Fingerprints of sources change with each edit of code, which is no change of the pipeline.
    (re.compile(r"\b[0-9a-f]{16}\b"), "<fingerprint>"),
    (re.compile(r"\btfx-\d+\.\d+\.\d+\b"), "tfx-<version>"),
    # What the current stack alone has to tell Beam: pipeline/stack.py.
    (re.compile(r"\n *- --runner=\S+\.FnApiRunner\n *- --sdk_container_image=this-installation(?=\n)"), ""),
)


def compile_example(target: str, *settings: str) -> str:
    """What `fer-tfx compile` writes with the example's settings, and further ones."""
    from configs.load import CLUSTER_CONFIGS, load_config
    from pipeline.runners.compilation import compile_to_text

    return compile_to_text(load_config(CLUSTER_CONFIGS[target], [*SETTINGS, *settings]), target)


def mask(text: str) -> str:
    """The text without what changes by itself."""
    for pattern, put in _MASKS:
        text = pattern.sub(put, text)
    return text


if __name__ == "__main__":
    sys.path.insert(0, str(FOLDER.parents[1]))
    for name, path in FILES.items():
        path.write_text(mask(compile_example(name)), "utf-8")
