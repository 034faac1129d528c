"""Faults for real runs: what a night may bring, brought on purpose.

kill_points.py   where a run is killed: node, moment, and how far into it
killed_run.py    the command `fer-tfx run` that kills itself and all its children there
survival.py      kills a run again and again in one work folder, and looks at what is left after each
"""
