"""README's table of figures, from what `benchmarks.evaluate` and `benchmarks.peers` wrote.

python -m benchmarks.headline        # writes it anew, between the two comments that mark it
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.command import ROOT, make_parser, read_json_object, render, run_command
from fer_tfx.errors import DataError
from fer_tfx.model_files import ACCURATE

RESULTS = ROOT / "benchmarks" / "results" / "fer2013"
_MARKS = ("<!-- figures, by python -m benchmarks.headline -->\n", "<!-- end of figures -->\n")
_CORRUPTIONS = ("gaussian_noise_20", "box_blur_twice", "darker_x0.4", "down_up_24px")
# Section of metrics.json -> title, and contenders whose speed is the model's: the light form's, the SavedModel's.
_TITLES = {
    "": "ours",
    ACCURATE: "accurate",
    "official": "ours, official rows",
    "accurate_official": "accurate, official",
}
_TIMED = {"": ("ours-light", "ours"), ACCURATE: ("accurate",)}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser("headline", __doc__)
    parser.add_argument("--results", metavar="FOLDER", default=RESULTS, type=Path, help="with metrics.json, peers.json")
    parser.add_argument("--readme", metavar="FILE", default=ROOT / "README.md", type=Path, help="default: README.md")
    return run_command(parser, _write_into_readme, arguments)


def _write_into_readme(options: argparse.Namespace) -> None:
    before, table, after = part_readme(options.readme)
    new = write_table(options.results)
    options.readme.write_text(before + new + after, "utf-8")
    print(f"{options.readme}: {'as it was' if new == table else 'figures replaced'}")


def part_readme(readme: Path) -> tuple[str, str, str]:
    """What is before the table, the table, and what is after it. Raises DataError unless it is marked."""
    text, (first, last) = readme.read_text("utf-8"), _MARKS
    start, end = text.find(first) + len(first), text.find(last)
    if not len(first) <= start <= end:
        raise DataError(f"{readme}: no table between the lines {first.strip()} and {last.strip()}; put them into it")
    return text[:start], text[start:end], text[end:]


def write_table(results: Path) -> str:
    """A column for each model that `metrics.json` tells of, but for the untaught one's, and one for `fer`."""
    metrics = read_json_object(results / "metrics.json", "write it with `python -m benchmarks.evaluate`")
    peers = read_json_object(results / "peers.json", "write it with `python -m benchmarks.peers`", ("contenders",))
    sections = {name: metrics.get(name) if name else metrics for name in _TITLES}
    columns = [
        _describe_ours(_TITLES[name], section, [peers["contenders"].get(each) for each in _TIMED.get(name, ())])
        for name, section in sections.items()
        if section
    ]
    fer = peers["contenders"]["fer"]
    columns.append({
        **fer, "title": f"`fer` {fer['versions']['fer']}", "views4": None, "parameters": None,
        "ece": fer["trust"]["ece"], "hours": None, "singles": [fer["single_ms"]["median"]],
        "rate": fer["batch_images_per_s"]["list"]["median"],
    })  # fmt: skip
    return render("headline.md", columns=columns, corruptions=_CORRUPTIONS)


def _describe_ours(title: str, section: dict[str, Any], timed: list[dict[str, Any] | None]) -> dict[str, Any]:
    """`timed` gives the times of one picture; the last, of a batch."""
    measured = [each for each in timed if each]
    rates = [next(iter(each["batch_images_per_s"].values()))["median"] for each in measured]
    return {
        **section, "title": title, "views4": section.get("public_accuracy_views4"), "ece": section["ece_after"],
        "hours": (section["train_wall_seconds"] + section["teacher_wall_seconds"]) / 3600,
        "singles": [each["single_ms"]["median"] for each in measured],
        "rate": rates[-1] if rates else None,
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
