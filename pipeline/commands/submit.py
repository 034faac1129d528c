"""fer-tfx submit: a compiled pipeline -> a run, or a schedule of runs, on a cluster."""

import tempfile
from pathlib import Path

from fer_tfx.quiet import hush_libraries, output_in_log
from pipeline.deployment.request import SubmitRequest, Wishes, build_request
from pipeline.replay.compiled import VERTEX


def submit_file(target: str, path: Path, wishes: Wishes, *, is_dry: bool) -> int:
    """Check, then send; the exit code is 0.

    Args:
        target: `vertex` or `kubeflow`.
        path: a compiled pipeline.
        wishes: of the caller.
        is_dry: say what would be sent, and send nothing: no client and no credentials are needed.

    Raises:
        FerError: as `build_request` and the target's `submit`.
    """
    request = build_request(target, path, wishes)
    if is_dry:
        print(request.to_yaml(), end="")
        return 0
    hush_libraries()
    with tempfile.TemporaryDirectory() as folder, output_in_log(Path(folder, "log")):
        name = _send(request, wishes.token_file)
    print(f"{'scheduled' if request.cron else 'submitted'} {request.display_name}: {name}")
    return 0


def _send(request: SubmitRequest, token_file: str) -> str:
    if request.target == VERTEX:
        from pipeline.runners import submit_vertex

        return submit_vertex.submit(request)
    from pipeline.runners import submit_kubeflow

    return submit_kubeflow.submit(request, token_file)
