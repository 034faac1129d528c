"""python -m fault_injection.faulty_run ACT NODE MOMENT AFTER_S ARGUMENTS...: `fer-tfx ARGUMENTS` with one fault.

All of TFX and of this project runs as it is; only the instant of the fault is bound to what the launcher does. Without
a NODE (``) it comes before anything else. A kill is SIGKILL to the whole process group, so no handler, `finally` or
child gets to put anything in order.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from fault_injection.acts import perform
from fault_injection.kill_points import END, MIDDLE, START, KillPoint


def arm(act: str, point: KillPoint) -> None:
    """Have TFX's launcher run into the act."""
    from tfx.orchestration.portable import launcher

    original = launcher.Launcher
    is_kill = act == "kill"

    class FaultyLauncher(original):  # type: ignore[misc, valid-type]
        """The launcher; at one node something happens to it."""

        def launch(self) -> Any:
            if self._pipeline_node.node_info.id != point.node or not self._system_node_handler:
                return super().launch()
            # A look-up has no executor: its moments lie around it.
            _begin(act, point)
            answer = super().launch()
            if is_kill:
                perform(act)
            return answer

        def _run_executor(self, execution_info: Any) -> Any:
            if self._pipeline_node.node_info.id != point.node:
                return super()._run_executor(execution_info)
            _begin(act, point)
            output = super()._run_executor(execution_info)
            if point.moment == MIDDLE:  # it was quicker than the clock
                perform(act)
            return output

        def _publish_successful_execution(self, *arguments: Any, **named: Any) -> None:
            if self._pipeline_node.node_info.id == point.node and point.moment == END:
                perform(act)
            super()._publish_successful_execution(*arguments, **named)

    launcher.Launcher = FaultyLauncher


def _begin(act: str, point: KillPoint) -> None:
    """A node begins its work: act now, or set the clock for later."""
    if point.moment == START:
        perform(act)
    elif point.moment == MIDDLE:
        timer = threading.Timer(point.after_s, perform, [act])
        timer.daemon = True
        timer.start()


def main() -> int:
    act, node, moment, after_s, *arguments = sys.argv[1:]
    from fer_tfx.cli import main as run_command
    from fer_tfx.commands.ending import take_signals
    from fer_tfx.quiet import hush_libraries, output_in_log
    from pipeline.supervisor import supervise

    # A shell that starts tests in the background has it ignored, and so has all that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    take_signals()

    def work() -> int:
        if not node:
            perform(act)
            return run_command(arguments)
        # Not before the fork, as it imports TFX, and unheard, as a run would import it.
        hush_libraries()
        with output_in_log(Path(os.devnull)):
            arm(act, KillPoint(node, moment, float(after_s)))
        return run_command(arguments)

    return supervise(work)


if __name__ == "__main__":
    sys.exit(main())
