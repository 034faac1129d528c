"""Who answers: the light model that comes with the package, a SavedModel, or a server."""

import dataclasses
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fer_tfx.errors import ConfigError
from fer_tfx.model_files import TRUSTED, KnownModels, find_model, note_model, require_known
from fer_tfx.prediction import Predictor
from fer_tfx.quiet import hush_libraries, output_in_log

_SERVER_MODEL = "fer"
_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class BackEnd:
    """Whom to ask, as the command line says; None: it doesn't."""

    model: Path | None = None  # a SavedModel, or a folder of its versions
    url: str | None = None  # of a server, instead
    server_model: str | None = None
    timeout_s: float | None = None  # for one batch
    is_trusted: bool = False  # the user knows where `model` comes from
    known: KnownModels | None = None  # models that need no `--trust`; None: those of the user

    def check(self) -> "BackEnd":
        """The same, with `model` a SavedModel that is there and may be loaded.

        Raises ConfigError if options don't go together or no model is there, DataError if its origin is unknown.
        """
        if self.model and self.url:
            raise ConfigError("--model and --url: give one of them")
        for option, value in (("--server-model", self.server_model), ("--timeout", self.timeout_s)):
            if value is not None and not self.url:
                raise ConfigError(f"{option} is for a server; give --url, or omit it")
        if self.timeout_s is not None and not 0 < self.timeout_s < float("inf"):
            raise ConfigError(f"--timeout: expected seconds above 0, got {self.timeout_s}")
        if self.is_trusted and not self.model:
            raise ConfigError("--trust is for a SavedModel; give --model, or omit it")
        if not self.model:
            return self
        model, known = find_model(self.model), self.known or KnownModels.of_user()
        if not self.is_trusted:
            require_known(model, known)
        elif warning := note_model(model, TRUSTED, known):
            print(f"fer-tfx: {warning}", file=sys.stderr)
        return dataclasses.replace(self, model=model)


@contextmanager
def open_predictor(back_end: BackEnd) -> Iterator[Predictor]:
    """Yield who answers, from a checked back end; what libraries print meanwhile is dropped.

    Raises ConfigError if something isn't installed or the model lacks a signature or an output, DataError if a file of
    it is damaged.
    """
    hush_libraries()
    with tempfile.TemporaryDirectory() as folder, output_in_log(Path(folder, "log")):
        if back_end.url:
            from fer_tfx.client.client import Client

            name, timeout_s = back_end.server_model or _SERVER_MODEL, back_end.timeout_s or _TIMEOUT_S
            with Client(back_end.url, model=name, timeout_s=timeout_s) as client:
                yield client
        elif back_end.model:
            from fer_tfx.saved_model import SavedModel

            yield SavedModel(back_end.model)
        else:
            from fer_tfx.light import LightModel

            yield LightModel.shipped()
