"""TFX components of this project: `component.py` declares, `executor.py` works."""
