"""Run by a test, once for each worker: trains the tiny network on a stream. Arguments: folder, index, ports."""

import json
import os
import sys
from pathlib import Path

FOLDER, INDEX, PORTS = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
# As a cluster sets it for each of its workers; TensorFlow reads it.
CLUSTER = {"worker": [f"localhost:{port}" for port in PORTS]}
os.environ["TF_CONFIG"] = json.dumps({"cluster": CLUSTER, "task": {"type": "worker", "index": INDEX}})

import keras  # noqa: E402
import numpy as np  # noqa: E402
from model_doubles import TINY_MODEL, TINY_TRAINER, stub_transform  # noqa: E402

from models.network import build_network  # noqa: E402
from models.streamed_training import find_share, fit_streamed  # noqa: E402
from models.streaming import scan_examples  # noqa: E402
from models.worker_strategy import choose_worker_strategy  # noqa: E402

strategy = choose_worker_strategy()
train, eval_ = scan_examples([str(FOLDER / "train-*")]), scan_examples([str(FOLDER / "eval-*")])
keras.utils.set_random_seed(TINY_TRAINER.seed)
with strategy.scope():
    network = build_network(TINY_MODEL, "float32")
result = fit_streamed(
    network, train, eval_, stub_transform, TINY_TRAINER,
    shuffle_rows=16, checkpoint_dir=str(FOLDER / "checkpoints"), log_dir=str(FOLDER / "logs"),
)  # fmt: skip
np.savez(FOLDER / f"worker-{INDEX}.npz", *network.get_weights())
share = find_share(strategy)
print(json.dumps({
    "share": [share.index, share.count],
    "replicas": strategy.num_replicas_in_sync,
    "epochs": result.epochs_run,
    "resumed": result.resumed_from_epoch,
    "losses": [epoch.loss for epoch in result.history],
    "eval_losses": [epoch.eval_loss for epoch in result.history],
    "accuracy": result.history[-1].eval_accuracy,
}))  # fmt: skip
