"""What an ONNX file says of its classes, read from the bytes (protocol buffers) without the onnx package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelglass.analysis.models.trees import Damaged

GRAPH, NODE, INITIALIZER, ATTRIBUTE = 7, 1, 5, 5
NAME, INTS, STRINGS = 1, 8, 9
EXTERNAL = 13
CLASS_LISTS = {b"classlabels_strings", b"classlabels_int64s", b"classlabels_ints"}

Field = tuple[int, int, Any]


def fields(data: memoryview) -> Iterator[Field]:
    """Give the fields of a message: number, wire type, and value (an integer, or bytes).

    Raises
    ------
    Damaged
        Cut short, or not a message.
    """
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, wire, value
            continue
        if wire == 2:
            size, at = _varint(data, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise Damaged("it is not an ONNX file")
        if at + size > len(data) or not number:
            raise Damaged("it is cut short, or not an ONNX file")
        yield number, wire, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Damaged("it is cut short, or not an ONNX file")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
        shift += 7


def class_labels(data: bytes) -> tuple[Any, ...] | None:
    """Find the labels that the classifier nodes of a graph list; None where there is none, or where they disagree.

    Raises
    ------
    Damaged
        Cut short, not a model, or its weights are kept in other files.
    """
    found: set[tuple[Any, ...]] = set()
    graphs = [value for number, wire, value in fields(memoryview(data)) if number == GRAPH and wire == 2]
    if not graphs:
        raise Damaged("it holds no graph")
    for number, wire, value in fields(graphs[-1]):
        if number == INITIALIZER and wire == 2 and any(n == EXTERNAL for n, _, _ in fields(value)):
            raise Damaged("it keeps its weights in another file, and only one file is read; save it as one")
        if number == NODE and wire == 2:
            for inner, kind, attribute in fields(value):
                if inner == ATTRIBUTE and kind == 2:
                    labels = _labels(attribute)
                    if labels:
                        found.add(labels)
    return found.pop() if len(found) == 1 else None


def _labels(attribute: memoryview) -> tuple[Any, ...]:
    name = b""
    labels: list[Any] = []
    for number, wire, value in fields(attribute):
        if number == NAME and wire == 2:
            name = bytes(value)
        elif number == STRINGS and wire == 2:
            labels.append(bytes(value).decode("utf-8", "replace"))
        elif number == INTS and wire == 0:
            labels.append(value if value < 2**63 else value - 2**64)
        elif number == INTS and wire == 2:
            at = 0
            while at < len(value):
                one, at = _varint(value, at)
                labels.append(one if one < 2**63 else one - 2**64)
    return tuple(labels) if name in CLASS_LISTS else ()
