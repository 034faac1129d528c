"""Parameters within longer texts: `{{$.inputs.parameters['name']}}`."""

import re
from decimal import Decimal
from typing import Any

_PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.parameters\['([^']+)'\]\}\}")


def substitute(text: str, values: dict[str, Any]) -> str:
    """Put values in the place of placeholders; one of an unknown name stays as it is."""
    return _PLACEHOLDER.sub(lambda match: to_text(values[match[1]]) if match[1] in values else match[0], text)


def substitute_all(values: dict[str, Any]) -> dict[str, Any]:
    """Put values in the place of placeholders within the texts among them."""
    return {name: substitute(value, values) if isinstance(value, str) else value for name, value in values.items()}


def to_text(value: Any) -> str:
    """A value within a text, as Kubeflow's launcher writes it: Go's strconv.FormatFloat(value, 'f', -1, 64)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        digits = format(Decimal(repr(value)), "f")
        return digits.rstrip("0").rstrip(".") if "." in digits else digits
    return str(value)
