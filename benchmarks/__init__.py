"""Measurements. A file here is a command, `python -m benchmarks.NAME`; the folders hold what commands share.

`harness` runs and reports, `ways` is what it measures, `model` trains and judges models on FER2013, `peer` is what runs
in fer's environment, `templates` has reports and what a release adds to a model.
"""
