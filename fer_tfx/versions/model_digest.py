"""What makes two exports the same model, though the bytes of their files differ.

Two trainings that end with the same weights write equal `variables/`, but not quite equal `saved_model.pb`: TensorFlow
numbers its functions by all that the process has traced before (`__inference_serve_pixels_2317`). Its `fingerprint.pb`
doesn't help: one checksum there is that of the file, and the hashes of the graph leave the functions out, so they miss
another temperature or `export.views`. So the graph is read field by field, names without their numbers. `assets.extra`
is for readers (card, times of the training) and doesn't count.
"""

import hashlib
import re
from collections.abc import Iterable

from fer_tfx.contract import EXTRA_ASSETS_DIR

GRAPH_FILE = "saved_model.pb"
_FINGERPRINT_FILE = "fingerprint.pb"
_TEXT, _NUMBER = re.compile(rb"[ -~]+"), re.compile(rb"_?\d+")
# A name with some numbers would also pass for a message, with others not; so what may be a name is never read as one.
_NAME = re.compile(rb"[\w/.:^>@-]+")
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_FIXED = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}


def compute_digest(files: Iterable[tuple[str, bytes]]) -> str:
    """SHA-256 of a model in hexadecimal digits, the same after a second training that ends with the same weights.

    `files` are the names below it, with `/`, and contents of all its files, in any order.
    """
    digest = hashlib.sha256()
    for name, content in sorted(files):
        if name == _FINGERPRINT_FILE or name.startswith(f"{EXTRA_ASSETS_DIR}/"):
            continue
        part = _digest_message(content) if name == GRAPH_FILE else None
        digest.update(f"{name}\0".encode() + hashlib.sha256(content if part is None else part).digest())
    return digest.hexdigest()


def _digest_message(content: bytes) -> bytes | None:
    """Of a protocol buffer, whatever its type; None: it is none.

    Texts keep their order, as inputs of an operation are texts. Messages don't: functions stand in a map, by the names
    whose numbers vary. See "Encoding" in the documentation of Protocol Buffers.
    """
    fields: dict[tuple[int, int], list[bytes]] = {}
    messages: dict[tuple[int, int], list[bytes]] = {}
    place = 0
    try:
        while place < len(content):
            tag, place = _read_varint(content, place)
            number, kind = divmod(tag, 8)
            if kind == _VARINT:
                value, place = _read_varint(content, place)
                fields.setdefault((number, kind), []).append(b"%d" % value)
                continue
            size = _FIXED.get(kind)
            if kind == _LENGTH:
                size, place = _read_varint(content, place)
            if size is None or not number or place + size > len(content):
                return None
            value_bytes, place = content[place : place + size], place + size
            is_message = kind == _LENGTH and value_bytes and not _NAME.fullmatch(value_bytes)
            inner = _digest_message(value_bytes) if is_message else None
            if inner is None:
                fields.setdefault((number, kind), []).append(
                    _NUMBER.sub(b"", value_bytes) if _TEXT.fullmatch(value_bytes) else value_bytes
                )
            else:
                messages.setdefault((number, kind), []).append(inner)
    except IndexError:
        return None
    parts = sorted(fields.items()) + [(key, sorted(each)) for key, each in sorted(messages.items())]
    return hashlib.sha256(repr(parts).encode()).digest()


def _read_varint(content: bytes, place: int) -> tuple[int, int]:
    """A number and the place after it. Raises IndexError: the content ends before."""
    value = shift = 0
    while True:
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
