"""python -m fault_injection.killed_run NODE MOMENT AFTER_S ARGUMENTS...: `fer-tfx ARGUMENTS`, killed at one point.

All of TFX and of this project runs as it is; only the instant of the kill is bound to what the launcher does. SIGKILL
goes to the whole process group, so no handler, `finally` or child gets to put anything in order.
"""

import os
import signal
import sys
import threading
from typing import Any

from fault_injection.kill_points import END, MIDDLE, START, KillPoint


def kill_group() -> None:
    """End this process and its children at once."""
    os.killpg(os.getpgid(0), signal.SIGKILL)


def arm(kill: KillPoint) -> None:
    """Have TFX's launcher run into the kill."""
    from tfx.orchestration.portable import launcher

    original = launcher.Launcher

    class KilledLauncher(original):  # type: ignore[misc, valid-type]
        """The launcher; at one node it comes to an untimely end."""

        def launch(self) -> Any:
            is_meant = self._pipeline_node.node_info.id == kill.node
            if not is_meant or not self._system_node_handler:
                return super().launch()
            # A look-up has no executor: its moments lie around it.
            _reach(kill, START)
            _start_clock(kill)
            answer = super().launch()
            kill_group()
            return answer

        def _run_executor(self, execution_info: Any) -> Any:
            if self._pipeline_node.node_info.id != kill.node:
                return super()._run_executor(execution_info)
            _reach(kill, START)
            _start_clock(kill)
            output = super()._run_executor(execution_info)
            if kill.moment == MIDDLE:
                kill_group()
            return output

        def _publish_successful_execution(self, *arguments: Any, **named: Any) -> None:
            if self._pipeline_node.node_info.id == kill.node:
                _reach(kill, END)
            super()._publish_successful_execution(*arguments, **named)

    launcher.Launcher = KilledLauncher


def _reach(kill: KillPoint, moment: str) -> None:
    if kill.moment == moment:
        kill_group()


def _start_clock(kill: KillPoint) -> None:
    if kill.moment == MIDDLE:
        timer = threading.Timer(kill.after_s, kill_group)
        timer.daemon = True
        timer.start()


def main() -> int:
    node, moment, after_s, *arguments = sys.argv[1:]
    from pipeline.cli import main as run_command

    arm(KillPoint(node, moment, float(after_s)))
    return run_command(arguments)


if __name__ == "__main__":
    sys.exit(main())
