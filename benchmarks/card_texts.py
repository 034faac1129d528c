"""The parts of the model card that no run changes, as Markdown: `reporting.card_texts` under the card's headings."""

from reporting.card_texts import (
    CALIBRATION_LIMIT,
    FAIRNESS,
    INTENDED_USE,
    LABEL_NOISE,
    LEAKS,
    MEANING,
    ORIGIN,
    OUT_OF_SCOPE,
)
from reporting.card_texts import LICENCE as LICENCE_TEXT

INTRODUCTION = f"""\
# Model card: seven facial expressions in 48 x 48 grey pictures

Written by `python -m benchmarks.ship`; edit nothing here. {MEANING}"""

USE = f"""\
## Intended use

{INTENDED_USE}

## Out of scope

{OUT_OF_SCOPE}"""


def _list_item(title: str, text: str) -> str:
    return f"- **{title}**: {text}".replace("\n", "\n  ")


DATA_NOTES = "\n".join(
    [
        _list_item("Leaks", f"{LEAKS}, so the figures below are given for all rows and for the clean ones."),
        _list_item("Labels", LABEL_NOISE),
        _list_item("Origin", ORIGIN),
    ]
)

LIMITS = f"""\
## Limits and fairness

{FAIRNESS} Pictures unlike the data, such as coloured, turned or badly lit ones, were tested only as
far as the table above goes. {CALIBRATION_LIMIT}"""

LICENCE = f"""\
## Licence of data and weights

{LICENCE_TEXT} See LICENCE_NOTE.md."""
