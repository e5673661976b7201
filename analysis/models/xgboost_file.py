"""XGBoost's own model files, read and checked without XGBoost: JSON and UBJSON.

XGBoost's loader follows child, feature and category indices of the file. Here the same bytes are parsed first and every index is checked.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from modelglass.analysis.models.trees import Damaged, ParsedTree, check_reach, check_splits

NUMBERS = {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}
MOST_DEPTH = 64


def read_xgboost(data: bytes) -> tuple[dict[str, Any], list[ParsedTree]]:
    """Parse and check a model file; give its content and its trees.

    Raises
    ------
    Damaged
        Not a model of XGBoost, cut short, or an index, shape or number that cannot be so.
    """
    try:
        content = _json(data) if data[:2].strip()[:1] == b"{" and data[1:2] in b'"\n\r\t ' else _ubjson(data)
        return content, _check(content)
    except Damaged:
        raise
    except (
        KeyError,
        TypeError,
        ValueError,
        IndexError,
        struct.error,
        OverflowError,
        RecursionError,
    ) as error:
        raise Damaged(f"the content is not an XGBoost model ({type(error).__name__}: {str(error)[:80]})") from None


def _json(data: bytes) -> Any:
    def once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise Damaged("a name stands twice")
        return found

    return json.loads(data.decode(), object_pairs_hook=once)


def _ubjson(data: bytes) -> Any:
    """Read UBJSON as XGBoost writes it: objects, arrays with a count, typed arrays, strings, numbers."""
    value, end = _ubj_value(data, 1, data[0:1].decode("ascii"), 0)
    if data[end:].strip(b"\x00\n "):
        raise Damaged("something follows the model")
    return value


def _ubj_value(data: bytes, at: int, mark: str, level: int) -> tuple[Any, int]:
    if level > MOST_DEPTH:
        raise Damaged("it is nested too deeply")
    if mark in NUMBERS:
        kind = np.dtype(NUMBERS[mark])
        return np.frombuffer(data, kind, 1, at)[0].item(), at + kind.itemsize
    if mark == "S":
        return _ubj_text(data, at)
    if mark in "ZTF":
        return {"Z": None, "T": True, "F": False}[mark], at
    if mark == "{":
        return _ubj_object(data, at, level)
    if mark == "[":
        return _ubj_array(data, at, level)
    raise Damaged(f"the mark {mark!r} is unknown")


def _mark(data: bytes, at: int) -> str:
    if at >= len(data):
        raise Damaged("it is cut short")
    return chr(data[at])


def _ubj_count(data: bytes, at: int) -> tuple[int, int]:
    mark = _mark(data, at)
    if mark not in "iUIlL":
        raise Damaged("a length is not a whole number")
    count, end = _ubj_value(data, at + 1, mark, 0)
    if not 0 <= count <= len(data):
        raise Damaged("a length is longer than the file")
    return count, end


def _ubj_text(data: bytes, at: int) -> tuple[str, int]:
    count, start = _ubj_count(data, at)
    if start + count > len(data):
        raise Damaged("it is cut short")
    return data[start : start + count].decode(), start + count


def _ubj_object(data: bytes, at: int, level: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    while _mark(data, at) != "}":
        key, at = _ubj_text(data, at)
        if key in found:
            raise Damaged("a name stands twice")
        found[key], at = _ubj_value(data, at + 1, _mark(data, at), level + 1)
    return found, at + 1


def _ubj_array(data: bytes, at: int, level: int) -> tuple[list[Any], int]:
    if _mark(data, at) == "$":
        kind = np.dtype(NUMBERS[_mark(data, at + 1)])
        if _mark(data, at + 2) != "#":
            raise Damaged("an array has no length")
        count, at = _ubj_count(data, at + 3)
        return np.frombuffer(data, kind, count, at).tolist(), at + count * kind.itemsize
    items: list[Any] = []
    if _mark(data, at) == "#":
        count, at = _ubj_count(data, at + 1)
        for _ in range(count):
            item, at = _ubj_value(data, at + 1, _mark(data, at), level + 1)
            items.append(item)
        return items, at
    while _mark(data, at) != "]":
        item, at = _ubj_value(data, at + 1, _mark(data, at), level + 1)
        items.append(item)
    return items, at + 1


def _check(content: Mapping[str, Any]) -> list[ParsedTree]:
    learner = content["learner"]
    sizes = learner["learner_model_param"]
    columns, classes, targets = (
        int(sizes.get(k, d)) for k, d in (("num_feature", 0), ("num_class", 0), ("num_target", 1))
    )
    if not 1 <= columns < 2**31 or not 0 <= classes <= 10**6 or not 1 <= targets <= 10**6:
        raise Damaged("the number of columns or classes cannot be so")
    for name in ("feature_names", "feature_types"):
        given = learner.get(name, [])
        if len(given) not in (0, columns) or not all(isinstance(g, str) for g in given):
            raise Damaged("the names of the columns do not agree with their number")
    booster = learner["gradient_booster"]
    if booster["name"] == "gblinear":
        weights = np.asarray(booster["model"]["weights"], dtype=float)
        if weights.shape != ((columns + 1) * max(classes, targets, 1),) or not np.isfinite(weights).all():
            raise Damaged("the weights do not agree with the columns")
        return []
    model = booster["gbtree"]["model"] if booster["name"] == "dart" else booster["model"]
    if booster["name"] not in ("gbtree", "dart"):
        raise Damaged(f"the booster {booster['name']!r} is unknown")
    _check_ensemble(model, max(classes, targets, 1))
    if booster["name"] == "dart" and len(booster["weight_drop"]) != len(model["trees"]):
        raise Damaged("the weights of the trees do not agree with the trees")
    _check_levels(model.get("cats"), columns)
    return [parse_xgboost(tree, columns) for tree in model["trees"]]


def _check_ensemble(model: Mapping[str, Any], groups: int) -> None:
    count = len(model["trees"])
    if int(model["gbtree_model_param"]["num_trees"]) != count or len(model["tree_info"]) != count:
        raise Damaged("the number of trees does not agree with the trees")
    if not all(type(g) is int and 0 <= g < groups for g in model["tree_info"]):
        raise Damaged("a tree belongs to a class that does not exist")
    rounds = model.get("iteration_indptr", [0, count])
    if (
        not all(type(r) is int for r in rounds)
        or rounds[0] != 0
        or rounds[-1] != count
        or sorted(rounds) != list(rounds)
    ):
        raise Damaged("the rounds do not agree with the trees")


def _check_levels(levels: Mapping[str, Any] | None, columns: int) -> None:
    """The recorded categories of each column: offsets into their letters, and an order."""
    if not levels or not levels["enc"]:
        return
    counts = []
    for one in levels["enc"]:
        values = one["values"]
        if "offsets" in one:
            offsets = one["offsets"]
            ends = offsets or [0]
            if (
                ends[0] != 0
                or sorted(ends) != list(ends)
                or ends[-1] != len(values)
                or not all(type(o) is int for o in offsets)
            ):
                raise Damaged("the recorded categories do not agree with their letters")
            counts.append(max(len(offsets) - 1, 0))
        else:
            counts.append(len(values))
    order, segments = levels["sorted_idx"], levels["feature_segments"]
    if len(counts) != columns or list(segments) != [0, *np.cumsum(counts).tolist()] or len(order) != sum(counts):
        raise Damaged("the recorded categories do not agree with the columns")
    for start, stop in pairwise(segments):
        if sorted(order[start:stop]) != list(range(stop - start)):
            raise Damaged("the order of the recorded categories is out of range")


def _ints(tree: Mapping[str, Any], name: str, length: int) -> np.ndarray:
    values = np.asarray(tree[name])
    if values.shape != (length,) or (length and values.dtype.kind not in "iub"):
        raise Damaged(f"{name} of a tree is not one whole number a node")
    return values.astype(np.int64)


def parse_xgboost(tree: Mapping[str, Any], columns: int) -> ParsedTree:
    """Read and check one tree of an XGBoost model file.

    Raises
    ------
    Damaged
        An index, shape or number that cannot be so, or leaves of several outputs, which are not supported.
    """
    n = int(tree["tree_param"]["num_nodes"])
    if int(tree["tree_param"].get("num_feature", columns)) != columns:
        raise Damaged("a tree reads other columns than the model")
    if int(tree["tree_param"].get("size_leaf_vector", 1)) > 1:
        raise Damaged("a tree has several outputs, which is not supported")
    left, right, parents, asked, missing = (
        _ints(tree, k, n) for k in ("left_children", "right_children", "parents", "split_indices", "default_left")
    )
    numbers = {}
    for name in ("split_conditions", "sum_hessian", "base_weights", "loss_changes"):
        numbers[name] = np.asarray(tree[name], dtype=float)
        if numbers[name].shape != (n,):
            raise Damaged(f"{name} of a tree is not one number a node")
    reached = check_reach(left, right)
    if int(tree["tree_param"]["num_deleted"]) != n - int(reached.sum()):
        raise Damaged("the number of pruned nodes does not agree with the tree")
    split = reached & (left != -1)
    for children in (left[split], right[split]):
        if not np.array_equal(parents[children], np.flatnonzero(split)):
            raise Damaged("a child names another parent")
    listed = _categories(tree, n, split)
    by_number = split if listed is None else split & np.array([c is None for c in listed])
    parsed = ParsedTree(
        left=np.where(split, left, -1), right=np.where(split, right, -1), feature=np.where(split, asked, -1),
        threshold=np.where(by_number, numbers["split_conditions"], np.nan), missing_left=missing != 0,
        value=np.where(reached, numbers["split_conditions"], 0.0)[:, None], cover=numbers["sum_hessian"],
        categories=listed, strict=True, listed_right=True,
    )  # fmt: skip
    check_splits(parsed, columns)
    return parsed


def _categories(tree: Mapping[str, Any], n: int, split: np.ndarray) -> list[np.ndarray | None] | None:
    if not tree.get("categories_nodes") and not any(tree.get("split_type", ())):
        return None
    kinds = _ints(tree, "split_type", n)
    nodes = tree["categories_nodes"]
    count = len(nodes)
    if nodes != np.flatnonzero(kinds == 1).tolist() or ((kinds != 0) & (kinds != 1)).any() or not split[nodes].all():
        raise Damaged("the category splits of a tree do not agree with its nodes")
    starts, sizes = _ints(tree, "categories_segments", count), _ints(tree, "categories_sizes", count)
    codes = _ints(tree, "categories", len(tree["categories"]))
    if (starts < 0).any() or (sizes < 1).any() or (starts + sizes > len(codes)).any():
        raise Damaged("the categories of a split lie outside the list")
    if len(codes) and (codes.min() < 0 or codes.max() >= 2**24):
        raise Damaged("a category is out of range")
    found: list[np.ndarray | None] = [None] * n
    for node, start, size in zip(nodes, starts, sizes, strict=True):
        found[node] = codes[start : start + size]
    return found
