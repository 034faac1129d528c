"""What the replays of a pipeline did and made: one JSON object per line, append-only.

It stands for the backends' metadata: the cache looks things up in it, and an interrupted replay resumes from it.
"""

import fcntl
import json
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fer_tfx.errors import ConfigError
from pipeline.runners.compiled import Json

SUCCEEDED, CACHED = "succeeded", "cached"


@dataclass(frozen=True)
class TaskRecord:
    """The result of a task that did not fail."""

    run: int
    task: str
    state: str
    fingerprint: str = ""
    artifacts: dict[str, list[Json]] = field(default_factory=dict)
    """By output key."""

    def list_artifacts(self) -> list[Json]:
        return [artifact for artifacts in self.artifacts.values() for artifact in artifacts]


class Store:
    """The log, open for one process at a time, else ConfigError; its methods may be called from several threads."""

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(f"{path.parent}: another replay is running there; wait, or give another --root") from None
        self._lock = threading.Lock()
        self._runs: dict[int, str] = {}
        self._ended: set[int] = set()
        self._tasks: list[TaskRecord] = []
        # A killed replay may leave its last line incomplete: that line goes, and its task is done again.
        self._file.seek(0)
        whole = self._file.read().rpartition("\n")[0]
        self._file.truncate(len(whole.encode()) + 1 if whole else 0)
        for line in whole.splitlines():
            self._take(json.loads(line))

    def close(self) -> None:
        self._file.close()

    def begin(self, key: str) -> int:
        """Number of the run: that of the latest one if it was interrupted and had the same key, else a new one."""
        latest = max(self._runs, default=0)
        if latest and latest not in self._ended and self._runs[latest] == key:
            return latest
        self._write({"begun": latest + 1, "key": key})
        return latest + 1

    def end(self, run: int) -> None:
        """Note that the run is not to be resumed: all was done, or a task failed."""
        self._write({"ended": run})

    def add(self, record: TaskRecord) -> None:
        self._write(asdict(record))

    def find_task(self, run: int, task: str) -> TaskRecord | None:
        """The task's result in that run; None: it isn't done yet."""
        return next((each for each in self._tasks if (each.run, each.task) == (run, task)), None)

    def find_cached(self, fingerprint: str) -> TaskRecord | None:
        """The latest execution with that fingerprint whose artifacts are still there."""
        done = (each for each in reversed(self._tasks) if each.state == SUCCEEDED and each.fingerprint == fingerprint)
        return next((each for each in done if all(Path(one["path"]).exists() for one in each.list_artifacts())), None)

    def _write(self, content: Json) -> None:
        with self._lock:
            self._file.write(json.dumps(content) + "\n")
            self._file.flush()
            self._take(content)

    def _take(self, content: Json) -> None:
        if "begun" in content:
            self._runs[content["begun"]] = content["key"]
        elif "ended" in content:
            self._ended.add(content["ended"])
        else:
            content.pop("parameters", None)  # written by earlier releases
            self._tasks.append(TaskRecord(**content))
