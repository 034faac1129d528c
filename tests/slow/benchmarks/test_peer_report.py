"""The report's figures and verdicts, from a comparison made by hand."""

import pytest

from benchmarks.evaluate import describe_share
from benchmarks.peers import summarise, write_report
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from reporting.corruptions import CORRUPTIONS


def make_contender(accuracy: float, corrupted: float, single_ms: float, rates: dict[str, float]) -> dict:
    def spread(value: float) -> dict:
        return {"median": value, "p10": value / 2, "p90": value * 2, "n": 5}

    return {
        "n": 3589,
        "accuracy": {"all_rows": describe_share(accuracy, 3589), "clean_rows": describe_share(accuracy - 0.02, 3309)},
        "macro_f1": 0.612,
        "trust": {"ece": 0.0234, "nll": 0.987, "brier": 0.4, "n": 3589},
        "recall": {name: describe_share(0.5, 56) for name in DEFAULT_CLASS_NAMES},
        "robustness": {name: describe_share(corrupted, 3589) for name in CORRUPTIONS},
        "single_ms": spread(single_ms),
        "batch_images_per_s": {way: spread(rate) for way, rate in rates.items()},
        "bytes": 93160,
        "versions": {"tensorflow": "2.16.2"},
    }


@pytest.fixture
def comparison() -> dict:
    return {
        "contenders": {
            "ours": make_contender(0.7, 0.5, 0.6, {"serve_pixels": 2400.0}),
            "ours-light": make_contender(0.7, 0.5, 0.45, {"predict_pixels": 2000.0}),
            "fer": make_contender(0.65, 0.45, 0.3, {"list": 3000.0, "boxes": 3200.0}),
        },
        "mcnemar": {"fer": {"first_only": 500, "second_only": 300, "p_value": 1.5e-12, "n": 3589}},
        "cores": 2, "rounds": 5, "batch_size": 64, "load_average_before": 0.1, "load_average_after": 1.9,
        "git_commit": "0123456789abcdef", "git_is_changed": True,
    }  # fmt: skip


def test_write_report_tells_shares_with_bounds(comparison):
    report = write_report(comparison)
    assert report.startswith(
        "# Side by side on FER2013's public test, n = 3,589\n\n|  | ours | ours-light | fer |\n|---|---:|---:|---:|\n"
    )
    assert "| accuracy [95 %] | 0.700 [0.685, 0.715] | 0.700 [0.685, 0.715] | 0.650 [0.634, 0.665] |" in report
    assert "| single image, ms [p10, p90] | 0.60 [0.30, 1.20] | 0.45 [0.23, 0.90] | 0.30 [0.15, 0.60] |" in report
    assert "| list 3,000 [1,500, 6,000]; boxes 3,200 [1,600, 6,400] |" in report
    assert "| size, kB | 93 | 93 | 93 |" in report


def test_write_report_sets_ours_against_each_peer(comparison):
    verdict = (
        "- Against fer: latency 1.50 (light form) or 2.00 (SavedModel) times its own;"
        " throughput 0.80 (list), 0.75 (boxes) times its own;"
        " only ours right on 500 rows, only fer on 300, McNemar's exact p = 1.5e-12.\n"
    )
    assert verdict in write_report(comparison)


def test_write_report_vanishing_p_value_is_not_shown_as_zero(comparison):
    comparison["mcnemar"]["fer"]["p_value"] = 0.0
    assert "McNemar's exact p < 1e-300." in write_report(comparison)


def test_write_report_robustness_says_what_holds(comparison):
    row = "| darker_x0.4 | 0.500 [0.484, 0.516] | 0.500 [0.484, 0.516] | 0.450 [0.434, 0.466] |"
    assert f"{row} no |" in write_report(comparison)
    comparison["contenders"]["fer"]["robustness"]["darker_x0.4"] = describe_share(0.3, 3589)
    assert "| 0.300 [0.285, 0.315] | yes |" in write_report(comparison)


def test_write_report_tells_how_it_was_measured(comparison):
    report = write_report(comparison)
    assert "load average 0.1 before and 1.9 after the timing" in report
    assert (
        "ours: tensorflow 2.16.2; ours-light: tensorflow 2.16.2; fer: tensorflow 2.16.2;"
        " sources at 0123456789ab with changes." in report
    )


@pytest.mark.parametrize(
    ("ours", "peer", "clean", "expected"),
    [
        (0.50, 0.375, 0.70, "yes"),  # 12.5 points above
        (0.45, 0.375, 0.70, "no"),  # 7.5 above, 64 % of clean
        (0.64, 0.63, 0.70, "yes"),  # 91 % of clean
        (0.62, 0.61, 0.70, "no"),  # 89 % of clean
    ],
)
def test_write_report_lead_or_closeness_to_clean_is_enough(comparison, ours, peer, clean, expected):
    contenders = comparison["contenders"]
    contenders["ours"]["accuracy"]["all_rows"] = describe_share(clean, 3589)
    contenders["ours"]["robustness"]["darker_x0.4"] = describe_share(ours, 3589)
    contenders["fer"]["robustness"]["darker_x0.4"] = describe_share(peer, 3589)
    (row,) = [line for line in write_report(comparison).splitlines() if line.startswith("| darker_x0.4 |")]
    assert row.endswith(f"] | {expected} |")


def test_summarise_pools_rounds_and_scales():
    rounds = [
        ({"seconds": seconds}, {"list": {"seconds": seconds}, "boxes": {"seconds": [0.5]}})
        for seconds in ([0.001, 0.003], [0.002])
    ]
    summary = summarise(rounds, batch_size=6)
    assert summary["single_ms"] == pytest.approx({"median": 2.0, "p10": 1.2, "p90": 2.8, "n": 3})
    # Rates 6000, 2000, 3000.
    assert summary["batch_images_per_s"]["list"] == pytest.approx({"median": 3000, "p10": 2200, "p90": 5400, "n": 3})
    assert summary["batch_images_per_s"]["boxes"]["n"] == 2
