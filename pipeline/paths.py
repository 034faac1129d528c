"""Every place that a run writes to, derived from one root."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fer_tfx.errors import ConfigError

if TYPE_CHECKING:
    from configs.spec import PipelineConfig


def is_remote(uri: str) -> bool:
    """Whether `uri` names a bucket or another remote file system."""
    return "://" in uri


PLACES = (
    "runtime.root", "runtime.serving_path", "data.path", "data.unlabelled_path", "data.votes_path",
    "tuner.hyperparameters_path",
)  # fmt: skip
"""Settings that name what the components themselves read and write."""


def require_reachable(path: str, setting: str, volume: str) -> None:
    """Raise ConfigError unless a cluster can open a place: in a bucket, or on the `volume` mounted at that path."""
    if is_remote(path) or (volume and f"{os.path.normpath(path)}/".startswith(f"{volume.rstrip('/')}/")):
        return
    instead = f" or a path below {volume}" if volume else ""
    raise ConfigError(
        f"{setting}: {path or 'none'}: a cluster can't reach this machine's files; give gs://BUCKET/PATH{instead}"
    )


def _absolute(uri: str) -> str:
    """Without a slash at its end, after which a bucket would have another folder without a name."""
    return uri.rstrip("/") if is_remote(uri) else os.path.abspath(Path(uri).expanduser())  # noqa: PTH100 (for `..`)


@dataclass(frozen=True)
class RunPaths:
    """URIs below `<runtime.root>/<name>`; absolute where they are local."""

    home: str
    serving: str
    artifacts: str
    checkpoints: str
    baseline: str
    """What a cluster's runs are compared with: the record of their pushes."""
    metadata: Path
    logs: Path
    drawn_data: Path

    @classmethod
    def of(cls, config: "PipelineConfig") -> "RunPaths":
        home = os.path.join(_absolute(config.runtime.root), config.name)
        return cls(
            home,
            serving=_absolute(config.runtime.serving_path or os.path.join(home, "serving")),
            artifacts=os.path.join(home, "artifacts"),
            checkpoints=os.path.join(home, "checkpoints"),
            baseline=os.path.join(home, "baseline"),
            metadata=Path(home, "metadata.sqlite"),
            logs=Path(home, "logs"),
            drawn_data=Path(home, "drawn"),
        )
