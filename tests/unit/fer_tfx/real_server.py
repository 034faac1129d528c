"""The real TensorFlow Serving, where this machine has it: on PATH, or as an image that Docker has already."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

_COMPOSE_FILE = Path(__file__).parents[3] / "kubeflow" / "serving" / "compose.yaml"
# That CI pulls by the same file.
IMAGE = yaml.safe_load(_COMPOSE_FILE.read_text("utf-8"))["services"]["tensorflow-serving"]["image"]
_ANSWER_TIMEOUT_S = 5
_FLAGS = ["--model_config_file={folder}/models.config", "--allow_version_labels_for_unavailable_models=true"]
_CONFIG = """model_config_list {{ config {{
  name: "fer" base_path: "{folder}" model_platform: "tensorflow"
  model_version_policy {{ specific {{ versions: 1 versions: 2 }} }}
  version_labels {{ key: "stable" value: 1 }}
}} }}
"""


def explain_absence() -> str:
    """Why the real server can't be asked; empty if it can."""
    if shutil.which("tensorflow_model_server") or _has_image():
        return ""
    return f"no tensorflow_model_server on PATH, and no Docker daemon that answers and has the image {IMAGE}"


def _has_image() -> bool:
    if not shutil.which("docker"):
        return False
    command = ["docker", "image", "inspect", IMAGE]
    try:
        return subprocess.run(command, capture_output=True, timeout=_ANSWER_TIMEOUT_S, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


@contextmanager
def run_real_server(versions_dir: Path) -> Iterator[tuple[str, str]]:
    """Serve versions 1 (`stable`) and 2 below a folder as the model `fer`; the REST and the gRPC URL."""
    rest_port, grpc_port = _find_free_port(), _find_free_port()
    has_binary = shutil.which("tensorflow_model_server") is not None
    seen_folder = str(versions_dir) if has_binary else "/models/fer"
    (versions_dir / "models.config").write_text(_CONFIG.format(folder=seen_folder), "utf-8")
    flags = [flag.format(folder=seen_folder) for flag in _FLAGS]
    if has_binary:
        start = ["tensorflow_model_server", f"--port={grpc_port}", f"--rest_api_port={rest_port}", *flags]
    else:
        ports = ["-p", f"127.0.0.1:{rest_port}:8501", "-p", f"127.0.0.1:{grpc_port}:8500"]
        # Else the server is process 1, which takes no SIGTERM.
        options = ["--rm", "--init", "--entrypoint=/usr/bin/tensorflow_model_server", *ports]
        own_ports = ["--port=8500", "--rest_api_port=8501"]
        start = ["docker", "run", *options, "-v", f"{versions_dir}:{seen_folder}:ro", IMAGE, *own_ports, *flags]
    process = subprocess.Popen(start, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{rest_port}", f"grpc://127.0.0.1:{grpc_port}"
    finally:
        process.terminate()  # Docker's client hands it on to the container
        process.wait(timeout=60)


def _find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
