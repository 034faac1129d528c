"""What has become of a pushed version."""

from pathlib import Path

from configs.served_model import served_model_of
from configs.spec import PipelineConfig
from fer_tfx.versions.folder import VersionFolder
from pipeline.history.figures import find_artifact
from pipeline.lineage import RunRecord
from pipeline.paths import is_remote

REMOVED = "removed"


def describe_version(run: RunRecord, config: PipelineConfig) -> str:
    """State of the version that a run pushed, in the folder it was pushed to; empty: none, or one in a bucket."""
    artifact = find_artifact(run, "Pusher", "pushed_model")
    destination = str(artifact.properties.get("pushed_destination", "")) if artifact else ""
    return describe_destination(destination, config)


def describe_destination(destination: str, config: PipelineConfig) -> str:
    """State of the version that was pushed to <folder>/<version>; empty: there is none, or it lies in a bucket."""
    if not destination or is_remote(destination):
        return ""
    path = Path(destination)
    if not path.name.isdecimal():
        return ""
    return VersionFolder(path.parent, served_model_of(config.serving)).describe_states().get(int(path.name), REMOVED)
