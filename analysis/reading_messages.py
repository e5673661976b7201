"""What the messages of an Arrow file or stream claim to hold, read from their descriptions alone."""

from __future__ import annotations

import struct
from typing import Any

from modelglass.analysis.errors import InputError


def claimed(messages: Any, name: str) -> tuple[int, int]:
    """Read how many rows, and how many bytes after unpacking, the messages of an Arrow file claim, without unpacking any.

    Source of the layout: ``Message.fbs`` of the Arrow format (RecordBatch: length, nodes, buffers, compression) and the
    FlatBuffers specification. A packed buffer begins with its unpacked length (int64; -1: as it is).
    """
    rows = size = 0
    while True:
        try:
            message = messages.read_next_message()
        except StopIteration:
            return rows, size
        if message.type not in ("record batch", "dictionary"):
            continue
        try:
            length, unpacked = _batch(
                memoryview(message.metadata), memoryview(message.body), message.type == "dictionary"
            )
        except (struct.error, IndexError, ValueError) as error:
            raise InputError(
                f"Expected a complete Arrow file in {name}.",
                "The description of one of its blocks cannot be read.",
                "Copy or write it again.",
            ) from error
        rows += length if message.type == "record batch" else 0
        size += unpacked


def _batch(data: memoryview, body: memoryview, dictionary: bool) -> tuple[int, int]:
    """Give (rows, unpacked bytes) of a record batch from its FlatBuffers table."""
    at = _field(data, _follow(data, 0), 2)  # Message.header
    batch = _follow(data, at)
    if dictionary:
        batch = _follow(data, _field(data, batch, 1))  # DictionaryBatch.data
    place = _field(data, batch, 0)
    rows = struct.unpack_from("<q", data, place)[0] if place else 0
    if rows < 0:
        raise ValueError(rows)
    packed = bool(_field(data, batch, 3))
    place = _field(data, batch, 2)
    if not place:
        return rows, 0
    vector = _follow(data, place)
    (count,) = struct.unpack_from("<I", data, vector)
    size = 0
    for i in range(count):
        offset, length = struct.unpack_from("<qq", data, vector + 4 + 16 * i)
        if offset < 0 or length < 0 or offset + length > len(body):
            raise ValueError(offset)
        if packed and length >= 8:
            (unpacked,) = struct.unpack_from("<q", body, offset)
            size += length - 8 if unpacked == -1 else _not_negative(unpacked)
        else:
            size += length
    return rows, size


def _not_negative(value: int) -> int:
    if value < 0:
        raise ValueError(value)
    return value


def _follow(data: memoryview, at: int) -> int:
    """Follow a FlatBuffers offset."""
    return at + struct.unpack_from("<I", data, at)[0]


def _field(data: memoryview, table: int, number: int) -> int:
    """Give the place of a field of a FlatBuffers table; 0 where it is absent."""
    layout = table - struct.unpack_from("<i", data, table)[0]
    if layout < 0:
        raise ValueError(layout)
    (length,) = struct.unpack_from("<H", data, layout)
    slot = 4 + 2 * number
    if slot + 2 > length:
        return 0
    (offset,) = struct.unpack_from("<H", data, layout + slot)
    return table + offset if offset else 0
