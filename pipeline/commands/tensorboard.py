"""fer-tfx tensorboard: the training curves of a run, by TensorBoard's own command."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from configs.spec import PipelineConfig
from fer_tfx.errors import ConfigError, DataError, FerError
from fer_tfx.installation import INSTALL_ALL, require_tfx
from pipeline.paths import RunPaths

if TYPE_CHECKING:
    from pipeline.lineage import RunRecord

TRAINER, LOGS = "Trainer", "model_run"


def start_tensorboard(config: PipelineConfig, name: str, port: int) -> int:
    """Serve the logs of a run, also of one that trains still, until the user interrupts; the exit code is 0.

    Args:
        config: says where the runs are recorded.
        name: id of a run, or `latest`.
        port: to listen on, at this machine's own address only.

    Raises:
        ConfigError: TensorBoard is not installed, or there is no such run.
        DataError: the run did not come to train, or its logs are gone.
        FerError: TensorBoard gave up.
    """
    require_tfx()
    from pipeline.history.runs import History

    command = _find_command()
    run = History.open(config).find_run(name)
    folder = find_logs(run, config)
    print(f"run {run.id}: http://localhost:{port}/ in a few seconds, from {folder}; Ctrl+C ends it", flush=True)
    try:
        done = subprocess.run(
            [command, "--logdir", str(folder), "--host", "localhost", "--port", str(port)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
    except KeyboardInterrupt:
        return 0
    said = [line for line in done.stdout.splitlines() if line.strip()]
    reason = said[-1] if said else "no word"
    raise FerError(f"tensorboard: {reason} (exit code {done.returncode}); {_advise(reason, port)}")


def find_logs(run: "RunRecord", config: PipelineConfig) -> Path:
    """Folder of the logs of a run's training.

    Raises:
        DataError: there are none.
    """
    from pipeline.history.figures import find_uri

    node = run.nodes.get(TRAINER)
    if node is None:
        raise DataError(f"run {run.id}: did not come to train; `fer-tfx runs` tells how each run ended")
    # A training that goes on, or was killed, has not given out its artifact yet; TFX has made the folder already.
    expected = Path(RunPaths.of(config).artifacts, TRAINER, LOGS, str(node.id))
    folder = Path(find_uri(run, TRAINER, LOGS) or expected)
    if not folder.is_dir():
        raise DataError(f"{folder}: the logs of run {run.id} are not there; `fer-tfx runs` names other runs")
    return folder


def _advise(reason: str, port: int) -> str:
    if "pkg_resources" in reason:
        return "TensorBoard takes that from setuptools, which dropped it in version 82: install setuptools<82"
    return f"if port {port} is taken, give another --port"


def _find_command() -> str:
    beside = Path(sys.executable).with_name("tensorboard")
    command = str(beside) if beside.exists() else shutil.which("tensorboard")
    if command is None:
        raise ConfigError(f"TensorBoard is not installed; {INSTALL_ALL}")
    return command
