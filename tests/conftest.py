"""Lies here so that pytest puts this folder on the path: tests of every folder may import `serving_double`."""

import errno
import os
import signal
from collections.abc import Iterator

import pytest
from forked import stop_server

# `nohup`, and a shell that starts tests in the background, have them ignored, and so has all that tests start.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _state_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What runs note for their user goes to a folder of the session, for the commands that tests start as well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield
        stop_server()


@pytest.fixture
def _folders_called_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of this name can't be read, as if they were another user's: root, who may run the tests, reads all."""
    scan = os.scandir

    def scan_as_another_user(path: str) -> object:
        if path.endswith("locked"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", scan_as_another_user)
