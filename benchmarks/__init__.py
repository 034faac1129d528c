"""Measurements. A file here is a command, `python -m benchmarks.NAME`; the folders hold what commands share.

`harness` runs and reports, `ways` is what it measures, `model` judges an exported model on FER2013, `peer` is what runs
in fer's environment, `ranking` is behind `experiments`, `templates` has reports and what a release adds to a model.
"""
