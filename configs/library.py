"""Settings -> the values that the library takes."""

from dataclasses import replace

from configs.spec import DataConfig, ServingConfig
from fer_tfx.reading.form import ReadingLimits
from fer_tfx.reading.words import BY_VOTE_FILE, BY_VOTES, ClassTable
from fer_tfx.versions.versions import ServedModel


def served_model_of(config: ServingConfig) -> ServedModel:
    return ServedModel(config.model_name, config.base_path, config.settle_s)


def reading_limits_of(config: DataConfig) -> ReadingLimits:
    return ReadingLimits(
        config.max_line_bytes, config.part_bytes, config.max_decompressed_bytes, config.max_compression_ratio
    )


def class_names_of(config: DataConfig) -> tuple[str, ...]:
    return class_table_of(config).names


def class_table_of(config: DataConfig) -> ClassTable:
    table = ClassTable.build(config.classes, config.label_map)
    if config.targets == "label":
        return table
    return replace(table, labelled_by=BY_VOTE_FILE if config.votes_path else BY_VOTES)
