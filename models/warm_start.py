"""The weights of an earlier model that a training begins with, and where each model keeps its own for later ones.

The export holds a folded network, from which the one that trains can't be had again. So the weights lie beside it as
they were trained, `<model>/Format-Training/weights.npz`: a few MB, and no part of what goes to a server. Every model
keeps them, as none knows whether a later one will begin with it.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, fields

import keras
import tensorflow as tf

from configs.spec import ModelConfig
from fer_tfx.contract import EXTRA_ASSETS_DIR, TRAINING_RECORD_FILE
from fer_tfx.errors import ConfigError
from models.weights import Weights, pack_weights, unpack_weights

_STATE_DIR, _WEIGHTS_FILE = "Format-Training", "weights.npz"
# Those of `model` that change no weight's shape.
_SHAPELESS = {"dropout_fraction"}
_REMEDY = "to begin with random weights, give --set spans.warm_start=false"


@dataclass(frozen=True)
class WarmStart:
    """What is taken over from an earlier model."""

    model: str
    """Path or URI of its artifact."""
    digest: str
    """SHA-256 of the file of its weights, first 16 digits: the same for a copy."""
    weights: Weights

    def apply(self, network: keras.Model, config: ModelConfig) -> None:
        """Give `network`, just built from `config`, the earlier weights. Seeds of dropout stay its own.

        Raises:
            ConfigError: its weights have other shapes.
        """
        if [tuple(each.shape) for each in network.weights] != [each.shape for each in self.weights]:
            raise ConfigError(f"spans.warm_start: {self.model}: {self._find_difference(config)}, or {_REMEDY}")
        for variable, value in zip(network.weights, self.weights, strict=True):
            variable.assign(value)

    def _find_difference(self, config: ModelConfig) -> str:
        """The settings whose values differ, and what to do about it."""
        earlier = _read_record(self.model)["model"]
        now = json.loads(json.dumps(asdict(config)))  # a list for each tuple, as in the record
        names = [each.name for each in fields(ModelConfig) if each.name not in _SHAPELESS]
        differing = [name for name in names if earlier.get(name) != now[name]]
        if not differing:
            return "its network was built by other code; go back to that version"
        pairs = [f"model.{name} {earlier.get(name)}, now {now[name]}" for name in differing]
        return f"was trained with {' and '.join(pairs)}; set what it had"


def read_warm_start(exported: str) -> WarmStart:
    """What an earlier model has kept.

    Args:
        exported: path or URI of its SavedModel, which the weights lie beside.

    Raises:
        ConfigError: it has kept none.
    """
    model = _find_model(exported)
    try:
        with tf.io.gfile.GFile(_name_file(model), "rb") as file:
            content = file.read()
    except tf.errors.NotFoundError:
        raise ConfigError(
            f"spans.warm_start: {model}: keeps no weights, as an earlier version of fer-tfx trained it; {_REMEDY}"
        ) from None
    return WarmStart(model, hashlib.sha256(content).hexdigest()[:16], unpack_weights(content))


def keep_weights(network: keras.Model, exported: str) -> None:
    """Write the weights of a trained network beside its SavedModel.

    Args:
        network: as it was trained, before it is folded.
        exported: path or URI of the SavedModel.
    """
    path = _name_file(_find_model(exported))
    tf.io.gfile.makedirs(path.rpartition("/")[0])
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(pack_weights(network.get_weights()))


def _find_model(exported: str) -> str:
    """The artifact that TFX has put the SavedModel into."""
    return exported.rstrip("/").rpartition("/")[0]


def _name_file(model: str) -> str:
    return f"{model}/{_STATE_DIR}/{_WEIGHTS_FILE}"


def _read_record(model: str) -> dict[str, dict[str, object]]:
    path = f"{model}/Format-Serving/{EXTRA_ASSETS_DIR}/{TRAINING_RECORD_FILE}"
    with tf.io.gfile.GFile(path) as file:
        record: dict[str, dict[str, object]] = json.loads(file.read())
    return record
