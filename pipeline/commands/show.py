"""fer-tfx report, tensorboard: the page of a run and its training curves, in the browser.

A run is named by its id or `latest`. Both raise ConfigError (there is no such run, or something is not installed) and
DataError (the run has no page or logs, or they are gone).
"""

import shutil
import subprocess
import sys
import webbrowser
from pathlib import Path

from configs.spec import PipelineConfig
from fer_tfx.errors import INSTALL_ALL, ConfigError, FerError
from pipeline.stack import require_tfx

# The browsers that Python finds where there is no display, from its own list.
_TEXT_BROWSERS = {"www-browser", "links", "elinks", "lynx", "w3m"}


def show_report(config: PipelineConfig, name: str, is_opened: bool) -> int:
    """Print the path of a run's page, and open it if asked to and there is a display; the exit code is 0."""
    require_tfx()
    from pipeline.history import History

    history = History.open(config)
    page = history.find_page(history.find_run(name))
    print(page, flush=True)
    if is_opened and (browser := _find_browser()):
        browser.open(page.as_uri())
    return 0


def _find_browser() -> webbrowser.BaseBrowser | None:
    """The browser of this desktop, or the user's own choice; None: any there is would take over the terminal."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return None
    return None if browser.name in _TEXT_BROWSERS else browser


def start_tensorboard(config: PipelineConfig, name: str, port: int) -> int:
    """Serve the logs of a run, finished or not, to this machine until the user interrupts; the exit code is 0.

    Raises:
        FerError: TensorBoard gave up.
    """
    require_tfx()
    from pipeline.history import History

    beside = Path(sys.executable).with_name("tensorboard")
    command = str(beside) if beside.exists() else shutil.which("tensorboard")
    if command is None:
        raise ConfigError(f"TensorBoard is not installed; {INSTALL_ALL}")
    history = History.open(config)
    run = history.find_run(name)
    folder = history.find_training_logs(run)
    print(f"run {run.id}: http://localhost:{port}/ in a few seconds, from {folder}; Ctrl+C ends it", flush=True)
    try:
        done = subprocess.run(
            [command, "--logdir", str(folder), "--host", "localhost", "--port", str(port)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
    except KeyboardInterrupt:
        return 0
    reason = next((line for line in reversed(done.stdout.splitlines()) if line.strip()), "no message")
    advice = f"if port {port} is taken, give another --port"
    if "pkg_resources" in reason:
        advice = "TensorBoard takes that from setuptools, which dropped it in version 82: install setuptools<82"
    raise FerError(f"tensorboard: {reason} (exit code {done.returncode}); {advice}")
