"""JSON of the REST API -> arrays, and back: `util/json_tensor.cc` of TensorFlow Serving.

Numbers for uint8 wrap around, as there: 300 becomes 44.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from serving_double.faults import ServingFault
from serving_double.served_model import STRING, Arrays

ROW, COLUMN = "instances", "inputs"
_KINDS = {"i": "iu", "u": "iu", "f": "iuf", "b": "b"}


def parse_body(text: bytes) -> dict[str, Any]:
    """The JSON object of a request. Raises ServingFault."""
    if not text:
        raise _refuse("JSON Parse error: The document is empty")
    try:
        body = json.loads(text)
    except ValueError as error:
        raise _refuse(f"JSON Parse error: Invalid value. at offset: {getattr(error, 'pos', 0)}") from None
    if not isinstance(body, dict):
        raise _refuse(f"JSON Value: {_show(body)} Is not object")
    if not isinstance(body.get("signature_name", ""), str):
        raise _refuse(
            f"JSON Value: {_show(body)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return body


def decode_inputs(body: Mapping[str, Any], inputs: Mapping[str, np.dtype]) -> tuple[str, Arrays]:
    """Form of the request, ROW or COLUMN, and its arrays by name. Raises ServingFault."""
    if ROW in body and COLUMN in body:
        raise _refuse(f"JSON Value: {_show(body)} Not formatted correctly expecting only one of 'inputs' or 'instances'"
                      " keys to exist ")  # fmt: skip
    if ROW in body:
        return ROW, _decode_rows(body, inputs)
    if COLUMN in body:
        return COLUMN, _decode_columns(body[COLUMN], inputs)
    raise _refuse("Missing 'inputs' or 'instances' key")


def _decode_rows(body: Mapping[str, Any], inputs: Mapping[str, np.dtype]) -> Arrays:
    rows = body[ROW]
    if not isinstance(rows, list):
        raise _refuse(f"JSON Value: {_show(body)} Expecting 'instances' to be an list/array")
    if not rows:
        raise _refuse(f"JSON Value: {_show(body)} No values in 'instances' array")
    if not _is_object(rows[0]):
        if len(inputs) > 1:
            raise _refuse("instances is a plain list, but expecting list of objects as multiple input tensors required"
                          " as per tensorinfo_map")  # fmt: skip
        rows = [{next(iter(inputs)): row} for row in rows]
    for index, row in enumerate(rows):
        if not isinstance(row, dict) or set(row) != set(inputs):
            raise _refuse(f"Failed to process element: {index} of 'instances' list. JSON object: {_show(row)} keys must"
                          f" be equal to: {','.join(sorted(inputs))}")  # fmt: skip
    return {name: _to_array([row[name] for row in rows], dtype) for name, dtype in inputs.items()}


def _decode_columns(columns: Any, inputs: Mapping[str, np.dtype]) -> Arrays:
    if not _is_object(columns):
        if len(inputs) > 1:
            raise _refuse("inputs is a plain value/list, but expecting an object as multiple input tensors required as"
                          " per tensorinfo_map")  # fmt: skip
        columns = {next(iter(inputs)): columns}
    for name in inputs:
        if name not in columns:
            raise _refuse(f"Missing named input: {name} in 'inputs' object.")
    return {name: _to_array(columns[name], dtype) for name, dtype in inputs.items()}


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not _is_base64(value)


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str)


def _to_array(value: Any, dtype: np.dtype) -> np.ndarray:
    if dtype == STRING:
        return np.array(_decode_strings(value), STRING)
    try:
        found = np.array(value)
    except ValueError:
        raise _refuse("Encountered list at unexpected size") from None
    if found.size and found.dtype.kind not in _KINDS[dtype.kind]:
        raise _refuse(f"JSON Value: {_show(value)} is not of expected type: {dtype.name}")
    return found.astype(dtype)


def _decode_strings(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode_strings(each) for each in value]
    if isinstance(value, str):
        return value.encode()
    if not _is_base64(value):
        raise _refuse(f"JSON Value: {_show(value)} not formatted correctly for base64 data")
    try:
        return base64.b64decode(value["b64"], validate=True)
    except binascii.Error:
        raise _refuse("Unable to base64 decode") from None


def encode_outputs(outputs: Arrays, form: str) -> dict[str, Any]:
    """The JSON object of an answer. A single output stands without its name."""
    columns = {name: to_json(value, name) for name, value in outputs.items()}
    if form == COLUMN:
        return {"outputs": columns if len(columns) > 1 else next(iter(columns.values()))}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return {"predictions": rows if len(columns) > 1 else next(iter(columns.values()))}


def to_json(value: np.ndarray, name: str) -> Any:
    """Nested lists."""
    if value.dtype.kind == "f":  # the shortest digits that give the same float32 again
        return value.astype(str).astype(float).tolist()
    return _encode_strings(value.tolist(), name.endswith("_bytes"))


def _encode_strings(value: Any, is_base64: bool) -> Any:
    if isinstance(value, list):
        return [_encode_strings(each, is_base64) for each in value]
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()} if is_base64 else value.decode("utf-8", "replace")
    return value


def _show(value: Any) -> str:
    return json.dumps(value)[:100]


def _refuse(message: str) -> ServingFault:
    return ServingFault("INVALID_ARGUMENT", message)
