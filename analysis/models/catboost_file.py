"""CatBoost's own model files (.cbm), checked without CatBoost.

CatBoost verifies the frame of the file (a flatbuffer) but follows its split, leaf and category-statistics indices blindly, and does not
verify the tables of category statistics at all. Here the same bytes are read first, and every such index is checked.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from modelglass.analysis.models.trees import Damaged, Uncheckable

MAGIC = b"CBM1"
MAX_VALUES_PER_BIN = 254
MOST_DEPTH, MOST_OUTPUTS = 40, 10**5
STATISTICS = b"static_provider_v1"
MEANS, COUNTS = (2, 3), (4, 5)
"""Kinds of category statistics that keep a mean (8 bytes a category) or one count (4 bytes); the others keep one count a class."""

BUCKET = np.dtype([("hash", "<u8"), ("index", "<u4")])
EMPTY = np.uint64(2**64 - 1)
NO_LEAF = 2**32 - 1


class Table:
    """A table of a flatbuffer; every reading is checked to lie inside the buffer."""

    def __init__(self, data: bytes, at: int):
        self.data, self.at = data, at
        vtable = at - self.number("<i", at)
        self.fields = [self.number("<H", vtable + 4 + 2 * i) for i in range(max(0, self.number("<H", vtable) - 4) // 2)]

    def number(self, kind: str, at: int) -> Any:
        """Read one number at a place."""
        if at < 0 or at + struct.calcsize(kind) > len(self.data):
            raise Damaged("an offset points outside the file")
        return struct.unpack_from(kind, self.data, at)[0]

    def has(self, field: int) -> bool:
        """Say whether a field is there."""
        return field < len(self.fields) and self.fields[field] > 0

    def value(self, field: int, kind: str, default: Any) -> Any:
        """Read a field that is a number."""
        return self.number(kind, self.at + self.fields[field]) if self.has(field) else default

    def target(self, field: int) -> int:
        """Give the place that a field points to."""
        if not self.has(field):
            raise Damaged("a part is missing")
        at = self.at + self.fields[field]
        return at + self.number("<I", at)

    def table(self, field: int) -> Table:
        """Read a field that is a table."""
        return Table(self.data, self.target(field))

    def array(self, field: int, kind: Any) -> np.ndarray:
        """Read a field that is a list of numbers or structs; empty where it is absent."""
        dtype = np.dtype(kind)
        if not self.has(field):
            return np.empty(0, dtype)
        at = self.target(field)
        count = self.number("<I", at)
        if at + 4 + count * dtype.itemsize > len(self.data):
            raise Damaged("a list is longer than the file")
        return np.frombuffer(self.data, dtype, count, at + 4)

    def tables(self, field: int) -> list[Table]:
        """Read a field that is a list of tables."""
        places = self.array(field, "<u4")
        start = self.target(field) + 4 if len(places) else 0
        return [Table(self.data, start + 4 * i + int(p)) for i, p in enumerate(places)]

    def texts(self, field: int) -> list[bytes]:
        """Read a field that is a list of texts."""
        places, found = self.array(field, "<u4"), []
        start = self.target(field) + 4 if len(places) else 0
        for i, place in enumerate(places):
            at = start + 4 * i + int(place)
            found.append(self.data[at + 4 : at + 4 + self.number("<I", at)])
        return found


def check_catboost(data: bytes) -> None:
    """Check a model file.

    Raises
    ------
    Damaged
        Not a model of CatBoost, cut short, an index that cannot be so, or a kind that cannot be checked (texts, embeddings).
    """
    try:
        if data[:4] != MAGIC:
            raise Damaged("it does not begin as a CatBoost model")
        (size,) = struct.unpack_from("<I", data, 4)
        if size > len(data) - 8:
            raise Damaged("it is cut short")
        core = data[8 : 8 + size]
        root = Table(core, struct.unpack_from("<I", core)[0])
        trees = root.table(1)
        _check_trees(trees)
        parts = root.texts(3)
        if any(p != STATISTICS for p in parts) or len(parts) > 1:
            raise Uncheckable("it reads texts or embeddings, which cannot be checked")
        classes = _check_statistics(data[8 + size :]) if parts else {}
        _check_used(trees, classes)
    except Damaged:
        raise
    except (struct.error, ValueError, OverflowError, IndexError) as error:
        raise Damaged(f"the content is not a CatBoost model ({str(error)[:80]})") from None


def _check_trees(trees: Table) -> None:
    _refuse_texts(trees)
    outputs = trees.value(0, "<i", 0)
    splits, sizes, starts = (trees.array(i, "<i4").astype(np.int64) for i in (1, 2, 3))
    if not 1 <= outputs <= MOST_OUTPUTS:
        raise Damaged("the number of outputs cannot be so")
    if (sizes < 0).any() or sizes.sum() != len(splits) or len(starts) != len(sizes):
        raise Damaged("the sizes of the trees do not agree with their splits")
    if not np.array_equal(starts, np.cumsum(sizes) - sizes):
        raise Damaged("the starts of the trees do not agree with their sizes")
    questions, buckets = _features(trees)
    if len(splits) and (splits.min() < 0 or splits.max() >= questions):
        raise Damaged("a split asks what is not in the model")
    repacked = trees.array(17, [("feature", "<u2"), ("mask", "u1"), ("split", "u1")])
    if len(repacked) not in (0, len(splits)) or (len(repacked) and repacked["feature"].max() >= buckets):
        raise Damaged("a split reads a column outside the model")
    bias = trees.array(16, "<f8")
    if len(bias) not in (0, 1, outputs) or not np.isfinite(bias).all():
        raise Damaged("the bias does not agree with the outputs")
    values = trees.array(8, "<f8")
    if not np.isfinite(values).all():
        raise Damaged("a leaf is not finite")
    _check_leaves(trees, sizes, starts, outputs, len(values))


def _refuse_texts(trees: Table) -> None:
    for field in (12, 13, 18):  # texts, what is made of texts, embeddings; 14 and 15 are one number each
        if len(trees.array(field, "<u4")):
            raise Uncheckable("it reads texts or embeddings, which cannot be checked")


def _features(trees: Table) -> tuple[int, int]:
    """Check the columns; give the number of questions that splits may ask, and of the packed columns they read."""
    questions = buckets = 0
    places: list[int] = []
    for field in (4, 5):
        own = [(t.value(0, "<i" if field == 4 else "<b", 0), t) for t in trees.tables(field)]
        first = 0 if field == 4 else 1
        indices = [t.value(first, "<i", -1) for _, t in own]
        if sorted(indices) != list(range(len(indices))):
            raise Damaged("the columns are not numbered one by one")
        places += [t.value(first + 1, "<i", -1) for _, t in own]
        if field == 5:
            counts = [_borders(t, 3) for _, t in own]
            questions += sum(counts)
            buckets += sum(-(-c // MAX_VALUES_PER_BIN) for c in counts)
    if sorted(places) != list(range(len(places))):
        raise Damaged("the columns do not have one place each")
    categories = len(trees.array(4, "<u4"))
    for one in trees.tables(6):
        if not 0 <= one.value(0, "<i", -1) < categories:
            raise Damaged("a category split reads a column outside the model")
        count = len(one.array(1, "<i4"))
        if len(one.array(2, "<u4")) not in (0, count):
            raise Damaged("the categories do not agree with their texts")
        questions, buckets = questions + count, buckets - (-count // MAX_VALUES_PER_BIN)
    for one in trees.tables(7):
        count = _borders(one, 1)
        questions, buckets = questions + count, buckets - (-count // MAX_VALUES_PER_BIN)
    return questions, buckets


def _borders(table: Table, field: int) -> int:
    borders = table.array(field, "<f4")
    if np.isnan(borders).any() or (np.diff(borders) < 0).any():
        raise Damaged("the borders of a column are not in order")
    return len(borders)


def _check_leaves(trees: Table, sizes: np.ndarray, starts: np.ndarray, outputs: int, values: int) -> None:
    weights = len(trees.array(9, "<f8"))
    steps = trees.array(10, [("left", "<u2"), ("right", "<u2")])
    if not len(steps):
        if len(sizes) and sizes.max() > MOST_DEPTH:
            raise Damaged("a tree is deeper than can be")
        leaves = int((2**sizes).sum())
        if values != leaves * outputs or weights not in (0, leaves):
            raise Damaged("the leaves do not agree with the trees")
        return
    leaf = trees.array(11, "<u4").astype(np.int64)
    total = int(sizes.sum())
    if len(steps) != total or len(leaf) != total or weights not in (0, values // outputs):
        raise Damaged("the nodes do not agree with the trees")
    place = np.arange(total)
    ends = np.repeat(starts + sizes, sizes)
    for side in ("left", "right"):
        step = steps[side].astype(np.int64)
        if (place + step >= ends).any():
            raise Damaged("a node points outside its tree")
    stops = (steps["left"] == 0) | (steps["right"] == 0)
    if (stops & ((leaf == NO_LEAF) | (leaf + outputs > values))).any():
        raise Damaged("a leaf lies outside the leaf values")


def _check_statistics(data: bytes) -> dict[bytes, int]:
    """Check the tables of category statistics; give the number of classes of each, by what the table is about."""
    (count,), at = struct.unpack_from("<I", data), 4
    found = {}
    for _ in range(count):
        (size,) = struct.unpack_from("<I", data, at)
        if at + 4 + size > len(data):
            raise Damaged("the category statistics are cut short")
        part = data[at + 4 : at + 4 + size]
        table = Table(part, struct.unpack_from("<I", part)[0])
        key = _about(table.table(0))
        found[key] = _check_table(table, table.table(0).value(1, "<b", 0))
        at += 4 + size
    return found


def _about(base: Table) -> bytes:
    """Give what statistics are about: columns, splits and kind, as bytes to compare."""
    combination = base.table(0)
    parts = [combination.array(i, kind).tobytes() for i, kind in ((0, "<i4"), (1, "<u8"), (2, "<u8"))]
    return repr((parts, base.value(1, "<b", 0))).encode()


def _check_table(table: Table, kind: int) -> int:
    buckets, blob = table.array(1, "u1").tobytes(), len(table.array(2, "u1"))
    if not 0 <= kind <= 5 or len(buckets) % BUCKET.itemsize or not table.has(1) or not table.has(2):
        raise Damaged("category statistics are of no known kind")
    rows = np.frombuffer(buckets, BUCKET)
    if not len(rows) or len(rows) & (len(rows) - 1) or not (rows["hash"] == EMPTY).any():
        raise Damaged("the search table of category statistics cannot be so")
    classes = table.value(4, "<i", 0)
    if kind not in (*MEANS, *COUNTS) and not 1 <= classes <= MOST_OUTPUTS:
        raise Damaged("the number of classes of category statistics cannot be so")
    width = 8 if kind in MEANS else 4 if kind in COUNTS else 4 * max(classes, 2 if kind == 0 else 1)
    used = rows["index"][rows["hash"] != EMPTY]
    if len(used) and (int(used.max()) + 1) * width > blob:
        raise Damaged("category statistics point outside their numbers")
    return int(classes)


def _check_used(trees: Table, classes: dict[bytes, int]) -> None:
    """Check that the statistics that the trees ask for are there, with the class they ask for."""
    for one in trees.tables(7):
        ctr = one.table(0)
        key = _about(ctr.table(0))
        if key not in classes:
            raise Damaged("category statistics are missing")
        if ctr.table(0).value(1, "<b", 0) in (0, 1) and not 0 <= ctr.value(1, "<i", 0) < max(classes[key], 1):
            raise Damaged("category statistics have no such class")
