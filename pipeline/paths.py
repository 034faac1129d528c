"""Every place that a run writes to, derived from one root."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from configs.spec import PipelineConfig


def is_remote(uri: str) -> bool:
    """Whether `uri` names a bucket or another remote file system."""
    return "://" in uri


def _absolute(uri: str) -> str:
    return uri if is_remote(uri) else os.path.abspath(Path(uri).expanduser())  # noqa: PTH100 (resolves `..`)


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
