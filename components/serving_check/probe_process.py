"""python -m components.serving_check.probe_process MODEL_DIR EXAMPLES_DIR [BASELINE_DIR]: the probe without Keras.

A server has no Keras to help a model out. TensorFlow imports Keras for what it registers, and manages without, which
also takes a third off the start.
"""

import sys

sys.modules["keras"] = None  # type: ignore[assignment]  # Python's way of forbidding an import

from components.serving_check.probe import main  # noqa: E402

if __name__ == "__main__":
    main()
