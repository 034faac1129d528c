"""What differs between the two stacks, TFX 1.16 and TFX 1.21, with the reason; all other code is the same for both."""

import importlib.util
from importlib.metadata import version

from fer_tfx.errors import INSTALL_ALL, ConfigError


def has_tfx() -> bool:
    """Whether this is the whole installation. Imports nothing of TFX."""
    return importlib.util.find_spec("tfx") is not None


def require_tfx() -> None:
    """Raise ConfigError in the light installation. Imports nothing of TFX."""
    if not has_tfx():
        raise ConfigError(f"TFX is not installed: this installation predicts only; {INSTALL_ALL}")


def read_stack() -> str:
    """The release of TFX that is installed, such as "1.21.0". Imports nothing of it."""
    return version("tfx")


def read_release(text: str) -> tuple[int, ...]:
    """A version as numbers that compare; what follows the first two, as in 1.21.0rc1, doesn't count."""
    return tuple(int(part) for part in text.split(".")[:2])


def build_local_runner() -> list[str]:
    """Options for Beam in this process: from 2.68 on Beam would first download and try another program, Prism."""
    if read_release(version("apache-beam")) < (2, 68):
        return []
    return ["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"]


def read_flink_version() -> str:
    """The last Flink 1 that Beam has a job server for; on Flink 2 side inputs have failed (apache/beam#37583)."""
    return "1.18" if read_release(version("apache-beam")) < (2, 73) else "1.20"
