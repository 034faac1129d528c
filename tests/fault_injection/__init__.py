"""Faults for real runs: what a night may bring, brought on purpose.

kill_points.py     where something happens to a run: node, moment, and how far into it
acts.py            what happens there: a kill, an interrupt, a limit, a change of the input
faulty_run.py      the command `fer-tfx run` to which it happens
hostile_inputs.py  CSVs and archives that are not what they should be
survival.py        kills a run again and again in one work folder, and looks at what is left after each
"""
