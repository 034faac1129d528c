"""Run by a test: trains the tiny network for one epoch, in two views, on two logical CPUs, and tries batches that can't
be shared out among them. Argument: folder."""

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import tensorflow as tf
from model_doubles import TINY_TRAINER, draw_striped_examples, fit_tiny_network, stub_transform

from fer_tfx.errors import ConfigError
from models.training import fit

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    result, network = fit_tiny_network(Path(sys.argv[1]), replace(TINY_TRAINER, epochs=1, consistency_weight=0.5))

copies = [strategy.experimental_local_results(weight.value) for weight in network.trainable_variables]
is_same = all(np.array_equal(first.numpy(), second.numpy()) for first, second in copies)
copies_count = strategy.num_replicas_in_sync
is_finite = math.isfinite(result.history[0].eval_loss)
print(f"replicas {copies_count}, epochs {len(result.history)}, finite {is_finite}, same weights {is_same}")
for batch_size, rows in ((10, 32), (64, 7)):
    config, examples = replace(TINY_TRAINER, batch_size=batch_size, consistency_weight=0.5), draw_striped_examples(rows)
    try:
        fit(network, examples, examples, stub_transform, config, checkpoint_dir="", log_dir="")
    except ConfigError as error:
        print(error)
