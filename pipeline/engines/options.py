"""Options held to Beam's own parser, which passes over what it doesn't know with a line in a log."""

from collections.abc import Sequence
from typing import Any

from fer_tfx.errors import ConfigError


def parse_options(arguments: Sequence[str]) -> dict[str, Any]:
    """The options that Beam makes of `arguments`, by their names, without those left at their defaults.

    Raises:
        ConfigError: Beam doesn't know one, can't read its value, or is asked to pickle `__main__`.
    """
    from apache_beam.options.pipeline_options import PipelineOptions

    options = PipelineOptions(list(arguments))
    try:
        known = options.get_all_options(drop_default=True)
        unknown = sorted(set(options.get_all_options(drop_default=True, retain_unknown_options=True)) - set(known))
    except SystemExit:  # how argparse says that a value can't be read
        raise ConfigError(f"beam: Beam can't read one of {' '.join(arguments)}; the log tells which") from None
    if unknown:
        raise ConfigError(f"runtime.beam_pipeline_args: Beam has no option {', '.join(unknown)}; mend or remove it")
    if known.get("save_main_session"):
        raise ConfigError(
            "runtime.beam_pipeline_args: save_main_session would pickle this process's __main__; remove it: the workers"
            " import this project from beam.image or beam.package"
        )
    return dict(known)
