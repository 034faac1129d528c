"""Which run a component works for. The facts come with the run's context, which is in no node's cache key."""

import json
import time
from typing import Any

from reporting.report_data import RUN_NOTE, RunFacts, describe_time


def read_run_facts(context: Any) -> RunFacts:
    """From the context of an executor, which may be None. On a cluster nobody notes more than the time, this one's."""
    node = getattr(context, "pipeline_node", None)
    for each in node.contexts.contexts if node else ():
        if RUN_NOTE in each.properties:
            return RunFacts(**json.loads(each.properties[RUN_NOTE].field_value.string_value))
    return RunFacts(describe_time(time.time()))
