"""Object stores that Kubeflow's launcher copies to and from local folders.

TensorFlow's file systems know no minio:// and no s3://. The launcher fetches inputs to `/minio/<bucket>/<key>` and
uploads outputs from there (kubeflow/pipelines, backend/src/v2/component/launcher_v2.go, LocalPathForURI). gs:// stays
as it is: TensorFlow reads and writes it by itself, and so do Beam's workers on other machines.
"""

from dataclasses import dataclass
from pathlib import Path

_MOUNTED = ("minio", "s3")


@dataclass(frozen=True)
class Mounts:
    """Where the launcher's folders lie: below `root`, which is `/` in a container."""

    root: Path = Path("/")

    def to_local(self, uri: str) -> str:
        """The local path that stands for `uri`; `uri` itself where the launcher has made no folder for its store."""
        scheme, separator, key = uri.partition("://")
        folder = self.root / scheme
        if not separator or scheme not in _MOUNTED or not folder.is_dir():
            return uri
        return str(folder / key)
