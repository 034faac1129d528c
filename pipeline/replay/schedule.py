"""In which order tasks run, and how many at a time."""

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import CycleError, TopologicalSorter

from fer_tfx.errors import DataError


def run_in_order(
    dependencies: Mapping[str, set[str]], work: Callable[[str], None], stop: Callable[[], None], workers: int
) -> None:
    """Do the work of each task once those are done that it depends on, as many as `workers` at a time.

    After a failure nothing more is started, and what runs is awaited, as Argo does; after an interruption it is ended.

    Args:
        dependencies: by task, those that must be done before.
        work: does a task; called from several threads.
        stop: ends the tasks that run.
        workers: how many may run at a time.

    Raises:
        DataError: tasks depend on each other in a circle.
        Exception: that of the first task that failed.
    """
    sorter = TopologicalSorter(dependencies)
    try:
        sorter.prepare()
    except CycleError as error:
        raise DataError(f"tasks depend on each other in a circle: {', '.join(error.args[1])}") from None
    with ThreadPoolExecutor(workers) as pool:
        running: dict[Future[None], str] = {}
        try:
            while sorter.is_active():
                for task in sorter.get_ready():
                    running[pool.submit(work, task)] = task
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    future.result()
                    sorter.done(running.pop(future))
        except KeyboardInterrupt:
            stop()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
