"""The weights of an earlier model that a training begins with, unfolded: `<model>/Format-Training/weights.npz`."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from zipfile import BadZipFile

import keras
import tensorflow as tf

from configs.spec import ModelConfig
from fer_tfx.contract import CLASS_NAMES_FILE, EXTRA_ASSETS_DIR, MODEL_DIR, TRAINING_RECORD_FILE, WEIGHTS_FILE
from fer_tfx.errors import ConfigError
from models.checkpoint import Weights, pack_weights, unpack_weights

_SHAPELESS = {"dropout_fraction", "skips"}  # settings of `model` that change no weight's shape
DAMAGES = (ValueError, KeyError, EOFError, BadZipFile)
"""What reading a file of weights, or of JSON, raises that was cut short or overwritten."""
_REMEDY = "to begin with random weights, use --set spans.warm_start=false"


@dataclass(frozen=True)
class WarmStart:
    """What is taken over from an earlier model."""

    model: str  # path or URI of its artifact
    digest: str  # SHA-256 of the file of its weights, first 16 digits
    weights: Weights

    def apply(self, network: keras.Model, config: ModelConfig, class_names: Sequence[str]) -> None:
        """Give `network`, just built from `config`, the earlier weights, or ConfigError if they don't fit."""
        if (earlier := self._read_extra(CLASS_NAMES_FILE).splitlines()) != [*class_names]:
            found = f"has the classes {', '.join(earlier)}, now they are {', '.join(class_names)}"
            raise ConfigError(f"spans.warm_start: {self.model}: {found}; {_REMEDY}")
        if [tuple(each.shape) for each in network.weights] != [each.shape for each in self.weights]:
            raise ConfigError(f"spans.warm_start: {self.model}: {self._find_difference(config)}, or {_REMEDY}")
        for variable, value in zip(network.weights, self.weights, strict=True):
            variable.assign(value)

    def _find_difference(self, config: ModelConfig) -> str:
        """The settings whose values differ, and what to do about it."""
        record = self._read_extra(TRAINING_RECORD_FILE)
        now = json.loads(json.dumps(asdict(config)))  # a list for each tuple, as in the record
        earlier = {"family": "vgg", **json.loads(record)["model"]}  # earlier versions had no other family
        differing = [name for name in now if name not in _SHAPELESS and earlier.get(name) != now[name]]
        if not differing:
            return "its network was built by other code; go back to that version"
        pairs = [f"model.{name} {earlier.get(name)}, now {now[name]}" for name in differing]
        return f"was trained with {' and '.join(pairs)}; set what it had"

    def _read_extra(self, name: str) -> str:
        content: bytes = tf.io.read_file(f"{self.model}/{MODEL_DIR}/{EXTRA_ASSETS_DIR}/{name}").numpy()
        return content.decode()


def read_warm_start(exported: str) -> WarmStart:
    """The weights kept with the SavedModel at `exported`, a path or URI; ConfigError if there are none, or damaged."""
    model = _find_model(exported)
    try:
        content = tf.io.read_file(f"{model}/{WEIGHTS_FILE}").numpy()
    except tf.errors.NotFoundError:
        raise ConfigError(
            f"spans.warm_start: {model}: keeps no weights, as an earlier version of fer-tfx trained it; {_REMEDY}"
        ) from None
    try:
        return WarmStart(model, hashlib.sha256(content).hexdigest()[:16], unpack_weights(content))
    except DAMAGES as error:
        raise ConfigError(f"spans.warm_start: {model}: its weights are damaged: {error}; {_REMEDY}") from None


def keep_weights(weights: Weights, exported: str) -> None:
    """Write the weights of a trained network, before it is folded, beside its SavedModel at `exported`."""
    tf.io.write_file(f"{_find_model(exported)}/{WEIGHTS_FILE}", pack_weights(weights))


def _find_model(exported: str) -> str:
    """The artifact that TFX has put the SavedModel into."""
    return exported.rstrip("/").rpartition("/")[0]
