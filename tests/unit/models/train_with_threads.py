"""Run by a test: trains on some cores with some threads and tells the outcome. Arguments: folder, cores, threads."""

import hashlib
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

FOLDER, CORES, THREADS = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
# As a machine with so many cores looks to TensorFlow.
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])

import keras  # noqa: E402
from model_doubles import TINY_TRAINER, draw_striped_examples, stub_transform  # noqa: E402

from configs.spec import ModelConfig  # noqa: E402
from models.computation import settle_computation, use_threads  # noqa: E402
from models.networks import build_network  # noqa: E402
from models.training import fit  # noqa: E402

config = replace(TINY_TRAINER, epochs=1, batch_size=64, threads=THREADS)
threads = use_threads(config.threads)
keras.utils.set_random_seed(config.seed)
network = build_network(ModelConfig(stage_filters=(32, 64)), 7)
examples = draw_striped_examples(192)
fit(
    network, examples, examples, stub_transform, config,
    checkpoint_dir=str(FOLDER / "state"), log_dir=str(FOLDER / "logs"),
)  # fmt: skip
digest = hashlib.sha256(b"".join(weight.tobytes() for weight in network.get_weights())).hexdigest()
print(json.dumps({"weights": digest, "computation": str(settle_computation(config, threads))}))
