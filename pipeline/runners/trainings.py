"""What a training on a cluster needs around it: the GPU that is paid for, and its checkpoints for itself.

Nothing here runs an operation of TensorFlow's, which would settle its threads before the training does.
"""

import _thread
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone

import tensorflow as tf
from absl import logging

from fer_tfx.errors import ConfigError, FerError

# In seconds. Some file systems tell times of change in whole ones.
_SETTLING_S, _PAUSE_S, _RENEWAL_S, _EXPIRY_S = 2.0, 5.0, 20.0, 120.0
_SIGN = ".alive"


def require_gpu() -> None:
    """Raise ConfigError if TensorFlow finds none: the training would take the CPU, beside a GPU that costs money."""
    if not tf.config.list_physical_devices("GPU"):
        raise ConfigError(
            "deploy.accelerator: cuda: TensorFlow finds no GPU in this container; build the image with --build-arg"
            " ACCELERATOR=cuda, or compile with --set deploy.accelerator=cpu"
        )


@contextmanager
def only_training_in(checkpoints: str, owner: str) -> Iterator[None]:
    """Let one training at a time work in a folder, path or URI: wait for those that came before, on any machine.

    Neither a bucket nor every volume has locks. So each training puts a ticket, `<checkpoints>-queue/<owner>`. Turns go
    by the tickets' times of change, which the store sets; a second file is renewed as a sign of life, and the ticket of
    a training that gave none for two minutes is removed. `owner` names this training, all its attempts alike.

    Raises FerError: that happened to this training itself.
    """
    folder = f"{checkpoints.rstrip('/')}-queue"
    ticket, sign = tf.io.gfile.join(folder, owner), tf.io.gfile.join(folder, f"{owner}{_SIGN}")
    tf.io.gfile.makedirs(folder)
    about = f"{socket.gethostname()} since {datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    for path in (sign, ticket):
        _write(path, about)
    ended, lost = threading.Event(), threading.Event()
    renewal = threading.Thread(target=_renew, args=(ticket, sign, about, ended, lost), daemon=True)
    renewal.start()
    try:
        try:
            _wait_for_turn(folder, owner, checkpoints)
            yield
        finally:
            ended.set()
            renewal.join()
            _remove(ticket, sign)
    except KeyboardInterrupt:
        if lost.is_set():
            raise FerError(
                f"{checkpoints}: another training took over, as the store took no sign of life of this one for"
                f" {_EXPIRY_S / 60:g} minutes"
            ) from None
        raise


def _wait_for_turn(folder: str, owner: str, checkpoints: str) -> None:
    time.sleep(_SETTLING_S)  # any ticket that is not visible yet gets a later time
    said = ""
    while (first := _find_first(folder, owner)) != owner:
        if first != said:
            logging.warning(
                "Waiting for another training in %s: %s", checkpoints, _read(tf.io.gfile.join(folder, first))
            )
            said = first
        time.sleep(_PAUSE_S)


def _renew(ticket: str, sign: str, about: str, ended: threading.Event, lost: threading.Event) -> None:
    while not ended.wait(_RENEWAL_S):
        try:
            if not tf.io.gfile.exists(ticket):
                lost.set()  # which tells this interruption from one that somebody asked for
                _thread.interrupt_main()
                return
            _write(sign, about)
        except tf.errors.OpError as error:  # the store may be back the next time
            logging.warning("%s: can't be renewed: %s", sign, error)


def _find_first(folder: str, owner: str) -> str:
    """Whose turn it is. Tickets that have expired are removed; empty: that of this training is gone."""
    times = {
        name: found for name in tf.io.gfile.listdir(folder) if (found := _find_change(tf.io.gfile.join(folder, name)))
    }
    now = times.get(f"{owner}{_SIGN}", 0)  # by the store's clock
    for name in sorted((each for each in times if not each.endswith(_SIGN)), key=lambda each: (times[each], each)):
        sign = f"{name}{_SIGN}"
        if now - times.get(sign, times[name]) <= _EXPIRY_S * 1e9:
            return str(name)
        logging.warning("Removing the ticket of a training that is gone: %s", _read(tf.io.gfile.join(folder, name)))
        _remove(tf.io.gfile.join(folder, name), tf.io.gfile.join(folder, sign))
    return ""


def _find_change(path: str) -> int:
    """Nanoseconds since 1970; 0: it has just been removed."""
    with suppress(tf.errors.NotFoundError):
        return int(tf.io.gfile.stat(path).mtime_nsec)
    return 0


def _read(path: str) -> str:
    with suppress(tf.errors.NotFoundError), tf.io.gfile.GFile(path) as file:
        return str(file.read())
    return "unknown"


def _write(path: str, text: str) -> None:
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(text)


def _remove(*paths: str) -> None:
    for path in paths:
        with suppress(tf.errors.OpError):
            tf.io.gfile.remove(path)
