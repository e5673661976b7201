"""LightGBM's own model files (text), read and checked without LightGBM."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from modelglass.analysis.models.trees import Damaged, ParsedTree, check_tree

_PARAMETER = re.compile(r"\[\w+:.*\]")
_AFTER = re.compile(r"feature[_ ]importances:|.+=[\d.e+]+|pandas_categorical:.*")


def read_lightgbm(data: bytes) -> tuple[dict[str, str], list[ParsedTree]]:
    """Parse and check a model file; give its header and its trees.

    Raises
    ------
    Damaged
        Not a model of LightGBM, cut short, or an index, shape or number that cannot be so.
    """
    try:
        text = data.decode()
        if "\r" in text or "\x00" in text:
            raise Damaged("it holds characters that LightGBM does not write")
        if not text.startswith("tree\n") or "\nend of trees\n" not in text:
            raise Damaged("it does not begin with 'tree' and hold 'end of trees', as LightGBM's files do")
        head, *blocks = text[: text.index("\nend of trees\n")].split("\nTree=")
        header = _fields(head)
        _check_tail(text[text.index("\nend of trees\n") + len("\nend of trees\n") :])
        return header, _check(header, ["\nTree=" + b for b in blocks])
    except Damaged:
        raise
    except (KeyError, ValueError, IndexError, OverflowError) as error:
        raise Damaged(f"the content is not a LightGBM model ({type(error).__name__}: {str(error)[:80]})") from None


def _check_tail(tail: str) -> None:
    """Refuse a file whose end is cut: LightGBM itself reads on past the end of unfinished parameters."""
    counts, given, rest = tail.partition("\nparameters:\n")
    inside, ended, last = rest.partition("\nend of parameters\n")
    if given and not ended:
        raise Damaged("its parameters do not end: the file is cut short")
    if any(line and not _PARAMETER.fullmatch(line) for line in inside.split("\n")):
        raise Damaged("a line of its parameters is not one that LightGBM writes")
    outside = [line for line in (counts + "\n" + last).split("\n") if line]
    if any(not _AFTER.fullmatch(line) for line in outside):
        raise Damaged("its end is cut short, or not one that LightGBM writes")


def _fields(block: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in block.split("\n"):
        name, equals, value = line.partition("=")
        if name in found:
            raise Damaged("a name stands twice")
        if equals or line:
            found[name] = value
    return found


def _check(header: Mapping[str, str], blocks: list[str]) -> list[ParsedTree]:
    columns = int(header["max_feature_idx"]) + 1
    classes, width = int(header["num_class"]), int(header["num_tree_per_iteration"])
    if not 1 <= columns < 2**31 or not 1 <= classes <= 10**6 or width not in (1, classes) or len(blocks) % width:
        raise Damaged("the number of columns, classes and trees do not agree")
    if len(header["feature_names"].split(" ")) != columns or len(header["feature_infos"].split(" ")) != columns:
        raise Damaged("the names of the columns do not agree with their number")
    sizes = [int(s) for s in header.get("tree_sizes", "").split()]
    if "tree_sizes" in header and sizes != [len(b.encode()) for b in blocks]:
        raise Damaged("the sizes of the trees do not agree with the trees")
    trees = []
    for i, block in enumerate(blocks):
        fields = _fields(block.strip("\n"))
        if int(fields["Tree"]) != i:
            raise Damaged("the trees are not numbered one by one")
        trees.append(parse_lightgbm(fields, columns))
    return trees


def _numbers(fields: Mapping[str, str], name: str, length: int, kind: type) -> np.ndarray:
    words = fields.get(name, "").split()
    if len(words) != length:
        raise Damaged(f"{name} of a tree has {len(words)} entries, expected {length}")
    return np.array([kind(w) for w in words], dtype=np.int64 if kind is int else float)


def parse_lightgbm(fields: Mapping[str, str], columns: int) -> ParsedTree:
    """Read and check one tree: split i becomes node i, leaf j the node after all splits.

    ``missing_left`` is where a missing value goes. Trees fitted with ``zero_as_missing`` send zeros there as well, which a ParsedTree
    does not say; they are safe to predict with, but not to read by hand.

    Raises
    ------
    Damaged
        An index, shape or number that cannot be so, or linear models in the leaves, which are not supported.
    """
    leaves, sets = int(fields["num_leaves"]), int(fields["num_cat"])
    if int(fields.get("is_linear", "0")):
        raise Damaged("its leaves hold linear models, which is not supported")
    if leaves < 1 or sets < 0:
        raise Damaged("a tree has no leaves")
    splits = leaves - 1
    values = _numbers(fields, "leaf_value", leaves, float)
    counts = _numbers(fields, "leaf_count", leaves, int) if splits else np.zeros(1)
    asked, flags, left, right = (
        _numbers(fields, k, splits, int) for k in ("split_feature", "decision_type", "left_child", "right_child")
    )
    bounds = _numbers(fields, "threshold", splits, float)
    inner = _numbers(fields, "internal_count", splits, int)
    links = [np.where(side >= 0, side, splits + ~side) for side in (left, right)]
    if ((left >= splits) | (right >= splits)).any():
        raise Damaged("a child index points outside the tree")
    by_category = (flags & 1) != 0
    missing_kind = (flags >> 2) & 3
    if ((flags < 0) | (missing_kind == 3)).any():
        raise Damaged("a split is of an unknown kind")
    to_left = np.where(missing_kind == 0, bounds >= 0, (flags & 2) != 0) & ~by_category
    end, none = np.full(leaves, -1), np.full(leaves, np.nan)
    parsed = ParsedTree(
        left=np.concatenate([links[0], end]), right=np.concatenate([links[1], end]), feature=np.concatenate([asked, end]),
        threshold=np.concatenate([np.where(by_category, np.nan, bounds), none]),
        missing_left=np.concatenate([to_left, np.zeros(leaves, dtype=bool)]),
        value=np.concatenate([np.full(splits, np.nan), values])[:, None],
        cover=np.concatenate([inner, counts]).astype(float), categories=_categories(fields, sets, by_category, bounds, leaves),
    )  # fmt: skip
    check_tree(parsed, columns)
    return parsed


def _categories(
    fields: Mapping[str, str], sets: int, by_category: np.ndarray, bounds: np.ndarray, leaves: int
) -> list[np.ndarray | None] | None:
    if not sets:
        if by_category.any():
            raise Damaged("a tree asks for categories that it does not list")
        return None
    edges = _numbers(fields, "cat_boundaries", sets + 1, int)
    words = _numbers(fields, "cat_threshold", int(edges[-1]), int)
    if edges[0] != 0 or (np.diff(edges) < 1).any() or (words < 0).any() or (words >= 2**32).any():
        raise Damaged("the categories of a split lie outside the list")
    which = bounds[by_category]
    if (which != np.floor(which)).any() or (which < 0).any() or (which >= sets).any():
        raise Damaged("a split names categories that are not listed")
    bits = np.unpackbits(words.astype("<u4").view(np.uint8), bitorder="little")
    listed = [np.flatnonzero(bits[32 * a : 32 * b]) for a, b in pairwise(edges)]
    inner = [listed[int(b)] if c else None for b, c in zip(bounds, by_category, strict=True)]
    return [*inner, *[None] * leaves]
