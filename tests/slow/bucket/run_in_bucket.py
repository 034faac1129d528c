"""python -m run_in_bucket METADATA NODE AFTER_S SETTING...: a run that keeps everything in a bucket but its metadata.

`fer-tfx run` refuses a root in a bucket, which has no locks, no SQLite and no files to append to. This builds the same
graph for the same launcher. With a NODE, the process is killed AFTER_S seconds after that node has begun to work.
"""

import dataclasses
import json
import sys
from pathlib import Path

from fault_injection.faulty_run import arm
from fault_injection.kill_points import MIDDLE, KillPoint
from tfx.utils import io_utils

from configs.load import load_config
from pipeline.history import open_store, read_latest_run
from pipeline.history.notes import run_with_notes
from pipeline.paths import RunPaths
from pipeline.runners.local import build_pipeline


def main() -> None:
    """Run, and print the outcome as JSON."""
    metadata, node, after_s, *settings = sys.argv[1:]
    config = load_config(None, settings)
    paths = dataclasses.replace(RunPaths.of(config), metadata=Path(metadata))
    if node:
        arm("kill", KillPoint(node, MIDDLE, float(after_s)))
    outcome = run_with_notes(build_pipeline(config, paths), config, paths.metadata, lambda _: None)
    store = open_store(paths.metadata)
    nodes = read_latest_run(store)
    times = {each.id: each for each in store.get_executions_by_id([node.id for node in nodes.values()])}
    report = json.loads(io_utils.read_string_file(f"{outcome.report_path.rpartition('/')[0]}/report.json"))
    result = {
        "is_pushed": outcome.is_pushed,
        "refusals": list(outcome.refusals),
        "model": outcome.model_path,
        "has_baseline": report["comparison"] is not None,
        "worked": [name for name, each in nodes.items() if not each.is_cached],
        "seconds": {
            name: (times[each.id].last_update_time_since_epoch - times[each.id].create_time_since_epoch) / 1000
            for name, each in nodes.items()
        },
        "uris": sorted(output.uri for each in nodes.values() for output in each.outputs.values()),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
