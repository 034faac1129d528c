"""fer-tfx download: the competition's files, by Kaggle's own command."""

import shutil
import subprocess
import sys
from pathlib import Path

from fer_tfx.errors import ConfigError, DataError
from fer_tfx.quiet import print_note

COMPETITION = "challenges-in-representation-learning-facial-expression-recognition-challenge"
_TOKEN_HELP = (
    "put a token from kaggle.com/settings into ~/.kaggle/kaggle.json (chmod 600) and accept the competition's"
    f" rules on kaggle.com/c/{COMPETITION}"
)


def download_from_kaggle(folder: Path) -> int:
    """Download the competition's zip, which `fer-tfx run --data` reads. Raises ConfigError or DataError."""
    beside = Path(sys.executable).with_name("kaggle")
    command = str(beside) if beside.exists() else shutil.which("kaggle")
    if command is None:
        raise ConfigError("the kaggle package is not installed; `pip install kaggle`, then " + _TOKEN_HELP)
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [command, "competitions", "download", "-c", COMPETITION, "-p", str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
    )  # fmt: skip
    archive = folder / f"{COMPETITION}.zip"
    if done.returncode or not archive.exists():
        said = [line for line in done.stdout.splitlines() if line.strip()]
        raise DataError(f"kaggle: {said[-1] if said else 'no answer'}; {_TOKEN_HELP}")
    print_note(f"{archive} is here; next: fer-tfx run --data {archive} --unlabelled {archive}")
    return 0
