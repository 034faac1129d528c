"""What was refused is never learnt from and never a reference: a story of several nights, with the real command.

The tests run in order on one root.
"""

import os
import re

import pytest
from deliveries import LAX, read_sound_rows, shift, write
from workshop import Workshop, make_workshop

from schema.drawn_faces import DrawnCsvs


@pytest.fixture(scope="module")
def rows(drawn: DrawnCsvs) -> list[str]:
    return read_sound_rows(drawn)


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return make_workshop(tmp_path_factory.mktemp("deliveries"))


def test_shifted_data_are_refused_again_when_they_come_again(deliveries: Workshop, rows: list[str]) -> None:
    good = write(deliveries.root / "a.csv", rows[:-100])
    done = deliveries.run(good, **LAX)
    assert done.exit_code == 0, done.stderr
    shifted = write(deliveries.root / "b.csv", shift(rows))
    assert deliveries.run(shifted, **LAX).exit_code == 3
    os.utime(shifted, (1, 1))  # what TFX's fingerprint of the files goes by
    again = deliveries.run(shifted, **LAX)
    assert again.exit_code == 3
    assert "train against the data accepted last" in again.stderr
    assert len(deliveries.versions()) == 1


def test_good_data_after_refused_ones_are_accepted(deliveries: Workshop, rows: list[str]) -> None:
    done = deliveries.run(write(deliveries.root / "a.csv", rows), **LAX)
    assert done.exit_code == 0, done.stderr
    assert len(deliveries.versions()) == 2


def test_rolled_back_model_is_not_served_again_by_a_run_that_pushes_anew(deliveries: Workshop, rows: list[str]) -> None:
    before, rolled_back = deliveries.versions()
    places = ("--set", f"runtime.root={deliveries.root}")
    assert deliveries.command("rollback", *places).exit_code == 0
    done = deliveries.run(deliveries.root / "a.csv", **LAX, serving__keep_versions="4")
    assert deliveries.versions() == [before]
    assert done.exit_code == 3
    assert f"fer-tfx rollback --to {rolled_back}" in done.stderr
    assert deliveries.command("rollback", "--to", rolled_back, *places).exit_code == 0
    assert deliveries.versions() == [before, rolled_back]


def test_accepted_version_is_the_anchor_with_its_reason(deliveries: Workshop) -> None:
    places = ("--set", f"runtime.root={deliveries.root}")
    version = deliveries.versions()[0]
    done = deliveries.command("accept", version, "--reason", "the labels were mended", *places)
    assert done.exit_code == 0, done.stderr
    assert f"compared with version {version}" in done.stdout
    assert "the labels were mended" in deliveries.command("lineage", version, *places).stdout
    refused = deliveries.command("accept", "1", "--reason", "why not", *places)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert re.fullmatch(r"fer-tfx: 1: no such version was pushed, only .*\n", refused.stderr)
