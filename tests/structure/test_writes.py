"""A file that people read is replaced in one step, by `fer_tfx.files.replacing`: a full disk leaves the old one."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("components", "configs", "fer_tfx", "pipeline", "reporting", "schema")
WRITE = re.compile(r"\.write_(text|bytes)\(|open\([^)\n]*[\"'][wx]b?[\"']|np\.save\(")
# Who else writes: into what is moved or removed as a whole, or for another program that waits for its end.
OTHERS = {
    "fer_tfx/cli.py": "closed standard streams",
    "fer_tfx/commands/demo.py": "a folder that is renamed",
    "fer_tfx/commands/listing.py": "no file",
    "fer_tfx/commands/photos.py": "a temporary folder, from which each picture is moved",
    "fer_tfx/model_files.py": "the sums of a folder that is being made",
    "fer_tfx/setup.py": "a build",
    "components/face_example_gen/settling.py": "runs of a sort, in a temporary folder",
    "pipeline/commands/export.py": "a temporary folder",
    "pipeline/runners/container_entry.py": "what the launcher reads after the end",
    "pipeline/standard_input.py": "a temporary folder",
}


def test_only_the_listed_files_write_otherwise() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if WRITE.search(path.read_text("utf-8"))
    }
    assert found == set(OTHERS)
