"""What the threads do to a training, in processes that see one core or two."""

import json
import os
from pathlib import Path

import pytest
import tensorflow as tf
from forked import run_fork

from configs.spec import TrainerConfig
from fer_tfx.errors import ConfigError
from models.computation import Computation, settle_computation, use_threads

SCRIPT = Path(__file__).with_name("train_with_threads.py")
ROOT = SCRIPT.parents[3]
CORES = len(os.sched_getaffinity(0))


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, int], dict[str, str]]:
    """By cores and `trainer.threads`: the weights that a training came to, and how it says that it computed."""
    if CORES < 2:
        pytest.skip("only a machine with two cores can be one with fewer")
    return {pair: train(tmp_path_factory.mktemp("trained"), *pair) for pair in [(1, 2), (2, 2), (1, 0), (2, 1)]}


def train(folder: Path, cores: int, threads: int) -> dict[str, str]:
    done = run_fork(str(SCRIPT), [folder, cores, threads])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_use_threads_same_number_gives_the_same_weights_on_fewer_cores(outcomes):
    assert outcomes[1, 2] == outcomes[2, 2]
    assert outcomes[2, 2]["computation"] == "float32-2-cpu"


def test_use_threads_none_asked_for_is_as_many_as_there_are_cores(outcomes):
    assert outcomes[1, 0] == outcomes[2, 1]
    assert outcomes[1, 0]["computation"] == "float32-1-cpu"


def test_use_threads_another_number_gives_other_weights_under_another_name(outcomes):
    for key in ("weights", "computation"):
        assert outcomes[2, 2][key] != outcomes[2, 1][key]


def test_use_threads_number_that_tensorflow_does_not_work_with_is_refused_once_it_has_begun():
    tf.constant(1) + 1
    used = use_threads(0)
    assert use_threads(used) == used
    with pytest.raises(ConfigError) as caught:
        use_threads(used + 1)
    assert str(caught.value) == (
        f"trainer.threads: {used + 1}: TensorFlow already runs with {used} threads in this process and can't"
        f" change that; train in a separate process, or set trainer.threads={used}"
    )
    assert use_threads(0) == used


def test_settle_computation_of_a_strategy_tells_the_threads_of_each_worker():
    config = TrainerConfig(precision="mixed_bfloat16")
    assert settle_computation(config, 3) == Computation("mixed_bfloat16", (3,))
    together = settle_computation(config, 3, tf.distribute.MirroredStrategy(["CPU:0"]))
    assert together == Computation("mixed_bfloat16", (3,))
    assert str(Computation("float32", (4, 8))) == "float32-4_8-cpu"
    assert str(Computation("float32", (4, 8), gpus=2)) == "float32-4_8-gpu2"


def test_local_run_settles_the_threads_before_any_stage_works(tmp_path):
    script = tmp_path / "settle.py"
    script.write_text(
        "import tensorflow as tf; from pipeline.runners.local import _settle_threads; _settle_threads(3);"
        " from models.computation import use_threads; tf.constant(1) + 1; print(use_threads(0), use_threads(3))"
    )
    done = run_fork(str(script), [], environment={**os.environ, "PYTHONPATH": str(ROOT)})
    assert (done.stdout, done.returncode) == ("3 3\n", 0), done.stderr
