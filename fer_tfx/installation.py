"""What this installation can do: predict only, or run pipelines too."""

import importlib.util

from fer_tfx.errors import ConfigError

# Plain pip won't do on Python 3.11: TFX 1.16 declares <3.11.
INSTALL_ALL = "`make setup` in a checkout of fer-tfx installs everything"


def require_tfx() -> None:
    """Raise ConfigError in the light installation. Imports nothing."""
    if importlib.util.find_spec("tfx") is None:
        raise ConfigError(f"TFX is not installed: this installation predicts only; {INSTALL_ALL}")
