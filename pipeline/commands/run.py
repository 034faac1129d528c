"""fer-tfx run."""

import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from configs.spec import PipelineConfig
from fer_tfx.errors import FerError, GateError
from fer_tfx.installation import require_tfx
from fer_tfx.model_files import PUSHED, KnownModels, note_model
from fer_tfx.quiet import hush_libraries, output_in_log
from pipeline.failures import explain_failure
from pipeline.notification import RunEnd, telling_end
from pipeline.paths import RunPaths
from pipeline.runners import local
from pipeline.runners.exclusive import only_run_in
from pipeline.runners.metadata_file import require_usable
from pipeline.seals import Seals

if TYPE_CHECKING:
    from pipeline.outcome import Outcome


def run_pipeline(config: PipelineConfig) -> int:
    """Run, tell how it went, and return the exit code: 0 pushed, 3 refused.

    Raises:
        FerError: bad input or configuration, data that the gate refused, or a failure that nobody foresaw.
    """
    with telling_end(config.notify, config.name) as end:
        require_tfx()
        config = local.check(config)
        end.run = config.name
        try:
            with only_run_in(Path(RunPaths.of(config).home)):
                require_usable(RunPaths.of(config).metadata)
                outcome = _run_alone(local.prepare(config), end)
        except BrokenPipeError:
            raise  # whoever reads has had enough, which is no failure
        except OSError as error:
            # Before there is a log, or because it can't be written.
            raise FerError(explain_failure(error, "", "")) from error
        end.take_outcome(outcome)
        if not outcome.is_pushed:
            print(f"fer-tfx: the gate refused the model: {'; '.join(outcome.refusals)}", file=sys.stderr)
            return GateError.exit_code
        _note_pushed(Path(outcome.model_path))
    return 0


def _note_pushed(model: Path) -> None:
    """`fer-tfx predict --model` loads only what is known. In a bucket, or rolled back, there is nothing to load."""
    if model.is_dir() and (warning := note_model(model, PUSHED, KnownModels.of_user())):
        print(f"fer-tfx: {warning}", file=sys.stderr)


def _run_alone(config: PipelineConfig, end: RunEnd) -> "Outcome":
    log = _new_log(RunPaths.of(config).logs)
    end.log = str(log)
    started = time.monotonic()
    hush_libraries()
    with output_in_log(log) as output:
        print(f"fer-tfx: run {config.name!r} on {config.data.path}; log: {log}", file=output, flush=True)
        with _explaining_failures(log), _keeping_seals(RunPaths.of(config), output):
            outcome = local.run(config, output)
        from pipeline.summary import write_summary

        print(f"\n{write_summary(outcome)}\n{'time':<12} {time.monotonic() - started:.0f} s", file=output)
    return outcome


@contextmanager
def _explaining_failures(log: Path) -> Iterator[None]:
    """The traceback of an error that nobody foresaw goes to the log, and one line to the terminal."""
    try:
        yield
    except FerError:
        raise
    except Exception as error:
        with suppress(OSError):
            traceback.print_exc()
        cause = error.__cause__ if isinstance(error, local.RunFailureError) and error.__cause__ else error
        node = error.node if isinstance(error, local.RunFailureError) else ""
        raise FerError(explain_failure(cause, node, str(log))) from error


@contextmanager
def _keeping_seals(paths: RunPaths, output: TextIO) -> Iterator[None]:
    """Set damaged artifacts aside before the run; afterwards seal what it has finished, also if it failed."""
    seals = Seals(Path(paths.home))
    for damage in seals.find_damage():
        aside = seals.set_aside(damage)
        print(
            f"{damage.folder}: {damage.file} {damage.found}; it is made anew, the old one lies in {aside}", file=output
        )
    try:
        yield
    except GateError:
        raise
    except (local.RunFailureError, FerError) as failure:
        # What made a component fail may be damage that left size and time of a file alone.
        for damage in seals.find_damage(is_thorough=True):
            aside = seals.set_aside(damage)
            raise FerError(
                f"{damage.folder}: {damage.file} {damage.found}: it lies in {aside} now; give the same command again to"
                " have it made anew"
            ) from failure
        raise
    finally:
        # A full disk or damaged metadata is told by what failed for it: an artifact without a seal is only not guarded.
        with suppress(OSError, FerError):
            seals.seal(local.list_finished_artifacts(paths))


def _new_log(folder: Path) -> Path:
    return folder / f"{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}.log"
