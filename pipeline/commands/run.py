"""fer-tfx run."""

import sys
import time
import traceback
from datetime import datetime, timezone
from pathlib import Path

from configs.spec import PipelineConfig
from pipeline.installation import require_tfx
from pipeline.paths import RunPaths
from pipeline.quiet import hush_libraries, output_in_log
from pipeline.runners import local
from pipeline.runners.exclusive import only_run_in
from schema.errors import FerError, GateError


def run_pipeline(config: PipelineConfig) -> int:
    """Run, tell how it went, and return the exit code: 0 pushed, 3 refused.

    Raises:
        FerError: bad input or configuration, data that the gate refused, or a failure that nobody foresaw.
    """
    require_tfx()
    config = local.check(config)
    with only_run_in(Path(RunPaths.of(config).home)):
        return _run_alone(config)


def _run_alone(config: PipelineConfig) -> int:
    config = local.prepare(config)
    log = _new_log(RunPaths.of(config).logs)
    started = time.monotonic()
    hush_libraries()
    with output_in_log(log) as output:
        print(f"fer-tfx: run {config.name!r} on {config.data.path}; log: {log}", file=output, flush=True)
        try:
            outcome = local.run(config, output)
        except FerError:
            raise
        except Exception as error:
            traceback.print_exc()
            raise FerError(f"{type(error).__name__}: {_first_line(error)}; the whole story is in {log}") from error
        from pipeline.summary import write_summary

        print(f"\n{write_summary(outcome)}\n{'time':<12} {time.monotonic() - started:.0f} s", file=output)
    if not outcome.is_pushed:
        print(f"fer-tfx: the gate refused the model: {'; '.join(outcome.refusals)}", file=sys.stderr)
        return GateError.exit_code
    return 0


def _new_log(folder: Path) -> Path:
    return folder / f"{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}.log"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "no message"
