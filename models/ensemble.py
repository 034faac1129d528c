"""The networks of finished trainings, joined into the one that is served."""

import hashlib
import json
from collections.abc import Iterable, Sequence

import keras
import numpy as np
import tensorflow as tf

from configs.convert import from_nested
from configs.spec import ModelConfig
from fer_tfx.contract import CLASS_NAMES_FILE, EXTRA_ASSETS_DIR, MODEL_DIR, TRAINING_RECORD_FILE, WEIGHTS_FILE
from fer_tfx.errors import ConfigError, shorten
from models.checkpoint import Finished, unpack_weights
from models.networks import build_network, fold_network
from models.warm_start import DAMAGES


def read_member(model: str, class_names: Sequence[str]) -> Finished:
    """The outcome of the training behind `model`, path or URI of its artifact; of an ensemble's, its first network's.

    Raises ConfigError: it isn't there, is damaged, kept no weights, or has other classes.
    """
    extras = f"{model}/{MODEL_DIR}/{EXTRA_ASSETS_DIR}"
    paths = (f"{extras}/{CLASS_NAMES_FILE}", f"{extras}/{TRAINING_RECORD_FILE}", f"{model}/{WEIGHTS_FILE}")
    try:
        names, record, weights = (tf.io.read_file(path).numpy() for path in paths)
    except tf.errors.OpError as error:
        remedy = "give a folder below artifacts/Trainer/model of a run, or a bucket URI of one"
        raise ConfigError(f"ensemble.models: {model}: {error.message.splitlines()[0]}; {remedy}") from None
    if (found := names.decode(errors="replace").splitlines()) != [*class_names]:
        differing = f"has the classes {', '.join(found)}, now they are {', '.join(class_names)}"
        raise ConfigError(f"ensemble.models: {model}: {differing}; leave it out, or set data.classes")
    try:
        record, weights = json.loads(record), unpack_weights(weights)
    except DAMAGES as error:
        raise ConfigError(f"ensemble.models: {model}: is damaged: {error}; copy it again, or leave it out") from None
    others = record.pop("members", [])  # it counts theirs too
    try:
        record["parameters"] -= sum(each["parameters"] for each in others)
        member = Finished(record, weights)
        restore_network(member, len(class_names))
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        found = f"doesn't fit this version: {shorten(str(error))}"
        raise ConfigError(f"ensemble.models: {model}: {found}; train it again, or leave it out") from None
    return member


def require_distinct(trainings: Iterable[Finished]) -> None:
    """Raise ConfigError if two networks of an ensemble have the same weights: one of them would count twice."""
    numbers: dict[str, int] = {}
    for number, finished in enumerate(trainings, start=1):
        digest = hashlib.sha256(b"".join(each.tobytes() for each in finished.weights)).hexdigest()
        if (first := numbers.setdefault(digest, number)) != number:
            found = f"networks {first} and {number} of {number} or more have the same weights"
            raise ConfigError(f"ensemble: {found}; take one out of ensemble.members or ensemble.models")


def restore_network(finished: Finished, class_count: int) -> keras.Model:
    """The network of a training as it is served: see `models.networks.Family.fold`."""
    config = from_nested(ModelConfig, finished.record["model"])
    network = build_network(config, class_count, finished.record["precision"])
    network.set_weights(finished.weights)
    return fold_network(network, config)


def join_networks(networks: Sequence[keras.Model]) -> keras.Model:
    """The network whose logits are the mean of theirs (Lakshminarayanan et al. 2017, arXiv:1612.01474).

    All take the same pictures, float (n, height, width, 1), and end in a Dense layer, which gives float32 (n, classes).
    So does the joined one, whose layer sees their features side by side.
    """
    if len(networks) == 1:
        return networks[0]
    images = keras.Input((None, None, 1), name="images")
    heads = [network.layers[-1] for network in networks]
    features = [
        keras.Model(network.inputs, head.input, name=f"network_{number}")(images)
        for number, (network, head) in enumerate(zip(networks, heads, strict=True))
    ]
    logits = keras.layers.Dense(heads[0].units, dtype="float32", name="logits")
    joined = keras.Model(images, logits(keras.layers.Concatenate()(features)))
    kernels, biases = zip(*(head.get_weights() for head in heads), strict=True)
    logits.set_weights([np.concatenate(kernels) / len(heads), np.mean(biases, axis=0)])
    return joined
