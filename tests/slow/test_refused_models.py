"""What a bound refuses is refused again, and what was once let through lowers no bound, with the real command."""

import re
from pathlib import Path

import pytest
from deliveries import LAX, read_sound_rows, write
from workshop import Workshop, make_workshop

from schema.drawn_faces import DrawnCsvs


@pytest.fixture(scope="module")
def rows(drawn: DrawnCsvs) -> list[str]:
    return read_sound_rows(drawn)


def test_too_slow_network_is_refused_whatever_its_seed(workshop: Workshop, rows: list[str]) -> None:
    slow = {
        **LAX,
        "model__stage_filters": "[32,64,128]",
        "model__convolutions_per_stage": "3",
        "gate__max_latency_ratio": "1.3",
    }
    data = write(workshop.root / "a.csv", rows[:-100])
    assert workshop.run(data, **LAX).exit_code == 0
    before = workshop.versions()
    for seed in ("1", "2"):
        done = workshop.run(data, **slow, trainer__seed=seed)
        assert done.exit_code == 3, done.stdout
        assert "times as long as the latency reference's" in done.stderr
    assert workshop.versions() == before


def test_worse_model_that_a_lax_gate_let_through_does_not_lower_the_bar(tmp_path: Path, rows: list[str]) -> None:
    """Else each push would be allowed to lose what one push may, and the bar would sink step by step."""
    work = make_workshop(tmp_path)
    data = write(work.root / "a.csv", rows)
    good = work.run(data, **{**LAX, "model__stage_filters": "[16,32,64]", "trainer__epochs": "4"})
    assert good.exit_code == 0, good.stderr
    worse = work.run(data, **LAX)
    assert worse.exit_code == 0, worse.stderr
    as_bad = work.run(data, **{**LAX, "gate__max_accuracy_drop": "0.05"}, trainer__seed="2")
    assert as_bad.exit_code == 3, as_bad.stdout
    assert re.search(r"accuracy changed by -0\.\d+ against the anchor, at least -0\.0500", as_bad.stderr)
    assert len(work.versions()) == 2
