"""Settings -> what a server calls the model."""

from configs.spec import ServingConfig
from fer_tfx.versions.versions import ServedModel


def served_model_of(config: ServingConfig) -> ServedModel:
    return ServedModel(config.model_name, config.base_path, config.settle_s)
