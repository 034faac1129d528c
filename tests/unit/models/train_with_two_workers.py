"""Run by a test, once for each worker: trains as TFX's Trainer does, on two views of mixed pictures, and the earlier
model joins as an ensemble's member. Arguments: folder, folder of Transform's graph, threads, index, ports."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

FOLDER, TRANSFORM, THREADS, INDEX, PORTS = (
    Path(sys.argv[1]),
    sys.argv[2],
    int(sys.argv[3]),
    int(sys.argv[4]),
    sys.argv[5:],
)
# As a cluster sets it for each of its workers; TensorFlow reads it.
CLUSTER = {"worker": [f"localhost:{port}" for port in PORTS]}
os.environ["TF_CONFIG"] = json.dumps({"cluster": CLUSTER, "task": {"type": "worker", "index": INDEX}})

import numpy as np  # noqa: E402
from model_doubles import TINY_MODEL, TINY_TRAINER  # noqa: E402

from configs.load import to_json  # noqa: E402
from configs.spec import ExportConfig, TrainingInputConfig  # noqa: E402
from fer_tfx.contract import DEFAULT_CLASS_NAMES  # noqa: E402
from models import trainer_fn  # noqa: E402
from models.computation import find_share  # noqa: E402
from models.training import fit  # noqa: E402


def fit_and_tell(network, *arguments, **keywords):
    """Trains as ever, keeps the weights before and after for the test and prints how it went."""
    np.savez(FOLDER / f"begun-{INDEX}.npz", *network.get_weights())
    result = fit(network, *arguments, **keywords)
    np.savez(FOLDER / f"worker-{INDEX}.npz", *network.get_weights())
    strategy = network.distribute_strategy
    share = find_share(strategy)
    told = {
        "share": [share.index, share.count],
        "replicas": strategy.num_replicas_in_sync,
        "epochs": len(result.history),
        "resumed": result.resumed_from_epoch,
        "losses": [epoch.loss for epoch in result.history],
        "eval_losses": [epoch.eval_loss for epoch in result.history],
    }
    print(json.dumps(told))
    return result


AUGMENTATION = replace(TINY_TRAINER.augmentation, mixed_fraction=0.5, mixup_alpha=0.2, cutmix_alpha=0.5)
TRAINER = replace(
    TINY_TRAINER, peak_learning_rate=0.02, consistency_weight=0.5, threads=THREADS, augmentation=AUGMENTATION
)
trainer_fn.fit = fit_and_tell
model_dir = FOLDER / "model"
trainer_fn.run_fn(
    SimpleNamespace(
        train_files=[str(FOLDER / "train-*")],
        eval_files=[str(FOLDER / "eval-*")],
        transform_graph_path=TRANSFORM,
        serving_model_dir=str(model_dir),
        model_run_dir=str(FOLDER / "logs"),
        base_model=str(FOLDER / "earlier" / "Format-Serving"),
        hyperparameters=None,
        working_dir=None,
        custom_config={
            "model": to_json(TINY_MODEL),
            "trainer": to_json(TRAINER),
            "training_input": to_json(TrainingInputConfig(shuffle_rows=16)),
            "export": to_json(ExportConfig(half_precision=False)),
            "classes": json.dumps(DEFAULT_CLASS_NAMES),
            "checkpoint_root": str(FOLDER / "checkpoints"),
            "members": json.dumps([str(FOLDER / "earlier")]),
            "code": "c0de",
            "streaming_code": "57ea",
        },
    )
)
assert (model_dir / "saved_model.pb").exists(), "this worker returned before the first one had exported"
