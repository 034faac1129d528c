"""python -m components.serving_check.probe_process MODEL_DIR EXAMPLES_DIR [BASELINE_DIR]: the probe without Keras.

A server has no Keras to help a model out. TensorFlow loads all of it as it is imported, for what it registers, and does
without where there is none; so it also starts in two thirds of the time.
"""

import sys

sys.modules["keras"] = None  # type: ignore[assignment]  # Python's word for: not to be imported

from components.serving_check.probe import main  # noqa: E402

if __name__ == "__main__":
    main()
