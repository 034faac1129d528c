"""Stands in for a component's executor: each attempt notes itself and does what the next line of a plan says.

`exec_properties`: `notes` and `plan`, paths of files.
"""

import os
import signal
import time
from pathlib import Path

from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils

from fer_tfx.errors import ConfigError, DataError, GateError

REFUSALS = {"config": ConfigError, "data": DataError, "gate": GateError}


class Executor(BaseExecutor):
    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        notes, plan = Path(exec_properties["notes"]), Path(exec_properties["plan"])
        steps = plan.read_text().splitlines()
        plan.write_text("\n".join(steps[1:]))
        folder = Path(artifact_utils.get_single_uri(output_dict["anomalies"]))
        self._note(notes, f"begins with {sorted(each.name for each in folder.iterdir())}")
        (folder / f"{len(steps)}.part").touch()
        what, _, words = steps[0].partition(" ")
        if what in REFUSALS:
            raise REFUSALS[what](words)
        if what == "fail":
            raise RuntimeError(words)
        if what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(float(words or 0))
        self._note(notes, "ends")

    @staticmethod
    def _note(notes, text):
        with notes.open("a") as file:
            file.write(f"{text}\n")
