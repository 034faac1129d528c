"""fer-tfx accept: a person moves the references that new models are compared with."""

import time
from pathlib import Path

from configs.spec import PipelineConfig
from fer_tfx.errors import ConfigError
from fer_tfx.installation import require_tfx
from fer_tfx.quiet import hush_libraries
from pipeline.paths import RunPaths, is_remote
from pipeline.runners.exclusive import only_run_in
from pipeline.runners.metadata_file import require_usable


def accept(config: PipelineConfig, version: int, reason: str) -> int:
    """Compare later models with a pushed version, whatever was better before; the exit code is 0.

    Raises:
        ConfigError: there is no such version, no reason, or a run is at work.
        DataError: the metadata can't be written.
    """
    require_tfx()
    hush_libraries()
    paths = RunPaths.of(config)
    if is_remote(paths.home):
        from components.acceptance import accept_version as accept_in_bucket

        accept_in_bucket(paths.baseline, version, reason, _now_ms())
    else:
        if not paths.metadata.exists():
            raise ConfigError(f"{paths.metadata}: no such file; `fer-tfx run` makes it (drawn faces: name=fer-drawn)")
        with only_run_in(Path(paths.home)):
            require_usable(paths.metadata)
            from pipeline.acceptance import accept_version
            from pipeline.lineage import open_store

            accept_version(open_store(paths.metadata), version, reason, _now_ms())
    print(f"{paths.home}: new models are compared with version {version} from now on")
    return 0


def _now_ms() -> int:
    return int(time.time() * 1000)
