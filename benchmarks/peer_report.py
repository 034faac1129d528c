"""The comparison with the peers, as Markdown."""

from collections.abc import Iterator
from typing import Any

from fer_tfx.contract import CLASS_NAMES
from reporting.corruptions import CORRUPTIONS

_OURS, _LIGHT, _PEER = "ours", "ours-light", "fer"
_LEAST_LEAD = 0.1
_LEAST_SHARE_OF_CLEAN = 0.9
_NOTES = """\
- Accuracy, macro F1, ECE and NLL are of raw probabilities on whole crops; fer's public call rounds them to two \
decimals, and differs by no more than that (`largest_difference_to_detect_emotions` in the JSON).
- Clean rows: pictures that stand nowhere in the training file.
- Single image: fer's `detect_emotions` with the face's box given; ours one call of `serve_pixels`;\
 ours-light, the form that `fer-tfx predict` uses, one of `predict_pixels`.
- Batch of 64: ours `serve_pixels`. fer's batch call (`list`) takes no boxes and its detector finds no face in a crop \
of 48 px, so the detector is replaced by one that answers with the whole crop. `boxes` is one `detect_emotions` on a \
montage of the 64 crops with all boxes given.
- Size: our SavedModel folder; of fer the file of weights."""


def write_peer_report(comparison: dict[str, Any]) -> str:
    """The whole text of `peers.md`, from what `benchmarks.peers.compare` returns."""
    contenders = comparison["contenders"]
    row_count = contenders[_OURS]["n"]
    sections = [
        f"# Side by side on FER2013's public test, n = {row_count:,}",
        "\n".join(_table(contenders)),
        "\n".join(_verdicts(comparison)),
        "## Robustness\n\nAccuracy under each corruption. *Holds*: at least 10 points above `fer`, or at least 90 % of"
        " our own accuracy on pictures as they are.",
        "\n".join(_robustness(contenders)),
        "## Recall by class\n",
        "\n".join(_recalls(contenders)),
        "## How it was measured\n",
        "\n".join([_NOTES, _describe_run(comparison)]),
    ]
    return "\n\n".join(section.strip("\n") for section in sections) + "\n"


def _table(contenders: dict[str, Any]) -> Iterator[str]:
    yield from _head(["", *contenders])
    yield _row("accuracy [95 %]", [_share(each["accuracy"]["all_rows"]) for each in contenders.values()])
    yield _row("accuracy, clean rows", [_share(each["accuracy"]["clean_rows"]) for each in contenders.values()])
    yield _row("macro F1", [f"{each['macro_f1']:.3f}" for each in contenders.values()])
    yield _row("ECE (15 bins)", [f"{each['trust']['ece']:.3f}" for each in contenders.values()])
    yield _row("NLL, nats", [f"{each['trust']['nll']:.3f}" for each in contenders.values()])
    yield _row("single image, ms [p10, p90]", [_spread(each["single_ms"], 2) for each in contenders.values()])
    yield _row("batch of 64, images/s [p10, p90]", [_batches(each) for each in contenders.values()])
    yield _row("size, kB", [f"{each['bytes'] / 1e3:,.0f}" for each in contenders.values()])


def _verdicts(comparison: dict[str, Any]) -> Iterator[str]:
    contenders = comparison["contenders"]
    ours = contenders[_OURS]
    rate = ours["batch_images_per_s"]["serve_pixels"]["median"]
    for name, test in comparison["mcnemar"].items():
        peer = contenders[name]
        saved, light = (contenders[own]["single_ms"]["median"] / peer["single_ms"]["median"] for own in (_OURS, _LIGHT))
        ratios = (f"{rate / timed['median']:.2f} ({way})" for way, timed in peer["batch_images_per_s"].items())
        yield (
            f"- Against {name}: latency {light:.2f} (light form) or {saved:.2f} (SavedModel) times its own;"
            f" throughput {', '.join(ratios)} times its own;"
            f" only ours right on {test['first_only']} rows, only {name} on {test['second_only']},"
            f" McNemar's exact p {_show_p_value(test['p_value'])}."
        )


def _show_p_value(value: float) -> str:
    """Below the smallest double it would be shown as 0, which it never is."""
    return f"= {value:.2g}" if value else "< 1e-300"


def _robustness(contenders: dict[str, Any]) -> Iterator[str]:
    yield from _head(["", *contenders, "holds"])
    clean = contenders[_OURS]["accuracy"]["all_rows"]["value"]
    for name in CORRUPTIONS:
        shares = [each["robustness"][name] for each in contenders.values()]
        ours = contenders[_OURS]["robustness"][name]["value"]
        holds = is_robust(ours, contenders[_PEER]["robustness"][name]["value"], clean)
        yield _row(name, [*map(_share, shares), "yes" if holds else "no"])


def is_robust(ours: float, peer: float, ours_clean: float) -> bool:
    """Whether an accuracy is at least 10 points above the peer's, or at least 90 % of our own on clean pictures."""
    return ours - peer >= _LEAST_LEAD or ours >= _LEAST_SHARE_OF_CLEAN * ours_clean


def _recalls(contenders: dict[str, Any]) -> Iterator[str]:
    yield from _head(["", *contenders, "n"])
    for name in CLASS_NAMES:
        recalls = [each["recall"][name] for each in contenders.values()]
        yield _row(name, [*map(_share, recalls), str(recalls[0]["n"])])


def _describe_run(comparison: dict[str, Any]) -> str:
    versions = {name: each["versions"] for name, each in comparison["contenders"].items()}
    told = "; ".join(f"{name}: {', '.join(f'{k} {v}' for k, v in each.items())}" for name, each in versions.items())
    commit = comparison["git_commit"] or "unknown"
    return (
        f"- {comparison['rounds']} rounds by turns, each side in its own process on the same {comparison['cores']}"
        f" cores; load average {comparison['load_average_before']:.1f} before and"
        f" {comparison['load_average_after']:.1f} after the timing.\n- {told}; sources at {commit[:12]}"
        f"{' with changes' if comparison['git_is_changed'] else ''}."
    )


def _head(names: list[str]) -> Iterator[str]:
    yield f"| {' | '.join(names)} |"
    yield f"|---|{'---:|' * (len(names) - 1)}"


def _row(name: str, cells: list[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def _share(share: dict[str, float]) -> str:
    return f"{share['value']:.3f} [{share['low']:.3f}, {share['high']:.3f}]"


def _batches(contender: dict[str, Any]) -> str:
    return "; ".join(f"{way} {_spread(timed, 0)}" for way, timed in contender["batch_images_per_s"].items())


def _spread(timed: dict[str, float], digits: int) -> str:
    return f"{timed['median']:,.{digits}f} [{timed['p10']:,.{digits}f}, {timed['p90']:,.{digits}f}]"
