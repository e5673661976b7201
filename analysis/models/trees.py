"""Decision trees of every library as plain arrays, and the check that a tree is whole.

The same arrays serve the safety check of loaded files, exact Shapley values, partial dependence and adversarial search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LEAF = -1


class Damaged(ValueError):
    """Something in a model file cannot be so; the text says what, for people."""


class Uncheckable(Damaged):
    """Something in a model file may well be so, and nothing here can check it; the text says what, for people."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ParsedTree:
    """One binary tree; node 0 is the root. All arrays have one entry a node.

    left, right     int64 (n,): children, -1 in a leaf
    feature         int64 (n,): column asked, -1 in a leaf
    threshold       float64 (n,): goes left when x <= threshold (x < threshold where ``strict``); NaN in leaves and category splits
    missing_left    bool (n,): where a missing value goes
    value           float64 (n, k): output of the node (of leaves only, where a library stores no others: NaN elsewhere)
    cover           float64 (n,): weighted training rows (or sum of hessians) that reached the node; NaN where not recorded
    categories      for each node None, or the category codes that go left (int64 array)
    strict          True where a value equal to the threshold goes right (XGBoost)
    listed_right    True where the listed categories go right and all others left (XGBoost)
    """

    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray
    cover: np.ndarray
    categories: Sequence[np.ndarray | None] | None = None
    strict: bool = False
    listed_right: bool = False

    @property
    def leaf(self) -> np.ndarray:
        """Which nodes are leaves, bool (n,)."""
        return self.left == LEAF


def check_links(left: np.ndarray, right: np.ndarray) -> None:
    """Check that children form one tree in which every node comes after its parent.

    Each child lies inside the arrays and after its parent, a leaf has no child at all, and every node but the root has exactly
    one parent; so every node is reached exactly once from the root and no walk can leave the arrays or go round in a circle.

    Raises
    ------
    Damaged
        Where one of these does not hold.
    """
    n = len(left)
    if n < 1 or len(right) != n:
        raise Damaged("a tree has no nodes")
    split = left != LEAF
    if not np.array_equal(split, right != LEAF):
        raise Damaged("a node has one child only")
    parents = np.flatnonzero(split)
    children = np.concatenate([left[parents], right[parents]]).astype(np.int64)
    if ((children < 0) | (children >= n)).any():
        raise Damaged("a child index points outside the tree")
    if (children <= np.concatenate([parents, parents])).any():
        raise Damaged("a child comes before its parent")
    if (np.bincount(children, minlength=n)[1:] != 1).any() or 0 in children:
        raise Damaged("a node of a tree is not reached exactly once")


def check_reach(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Check links where a child may come before its parent (XGBoost reuses pruned places); give which nodes are reached, bool (n,).

    Raises
    ------
    Damaged
        A child outside the arrays, one child only, or a node reached twice.
    """
    n = len(left)
    if n < 1 or len(right) != n:
        raise Damaged("a tree has no nodes")
    seen, level = np.zeros(n, dtype=bool), np.zeros(1, dtype=np.int64)
    seen[0] = True
    while len(level):
        split = left[level] != LEAF
        if not np.array_equal(split, right[level] != LEAF):
            raise Damaged("a node has one child only")
        level = np.concatenate([left[level][split], right[level][split]]).astype(np.int64)
        if ((level < 0) | (level >= n)).any():
            raise Damaged("a child index points outside the tree")
        if seen[level].any() or len(np.unique(level)) != len(level):
            raise Damaged("a node of a tree is not reached exactly once")
        seen[level] = True
    return seen


def depth(left: np.ndarray, right: np.ndarray) -> int:
    """Depth of a tree whose links were checked: edges from the root to the deepest leaf."""
    level, at = 0, np.zeros(1, dtype=np.int64)
    while True:
        at = at[left[at] != LEAF]
        if not len(at):
            return level
        at = np.concatenate([left[at], right[at]])
        level += 1


def check_tree(tree: ParsedTree, n_features: int) -> None:
    """Check links, features, thresholds and leaf values of a tree that is asked with ``n_features`` columns.

    Raises
    ------
    Damaged
        Where an index leaves its range, a threshold is NaN (infinite is legal) or a leaf's value is not finite.
    """
    check_links(tree.left, tree.right)
    check_splits(tree, n_features)


def check_splits(tree: ParsedTree, n_features: int) -> None:
    """Check features, thresholds and leaf values of a tree whose links were checked; see ``check_tree``."""
    split = ~tree.leaf
    asked = tree.feature[split]
    if ((asked < 0) | (asked >= n_features)).any():
        raise Damaged(f"a tree asks for a column outside the {n_features} given")
    by_number = split if tree.categories is None else split & np.array([c is None for c in tree.categories])
    if np.isnan(tree.threshold[by_number]).any():
        raise Damaged("a threshold of a tree is NaN")
    if not np.isfinite(tree.value[tree.leaf]).all():
        raise Damaged("a leaf value of a tree is not finite")


def parse_sklearn(tree: Any) -> ParsedTree:
    """Read a ``sklearn.tree._tree.Tree``. Its ``node_count`` must have been checked against its ``capacity``."""
    left = tree.children_left.astype(np.int64)
    leaf = left == LEAF
    return ParsedTree(
        left=left,
        right=tree.children_right.astype(np.int64),
        feature=np.where(leaf, LEAF, tree.feature).astype(np.int64),
        threshold=np.where(leaf, np.nan, tree.threshold),
        missing_left=np.asarray(tree.missing_go_to_left, dtype=bool),
        value=tree.value.reshape(len(left), -1).astype(float),
        cover=tree.weighted_n_node_samples.astype(float),
    )


def parse_hist(predictor: Any) -> ParsedTree:
    """Read a ``TreePredictor`` of HistGradientBoosting, whose bitsets must have been checked.

    Category codes that go left are those of the encoded column that the booster sees. Missing and unknown categories go where
    ``missing_left`` says. ``value`` has one column.
    """
    nodes = predictor.nodes
    leaf = nodes["is_leaf"] != 0
    categories: list[np.ndarray | None] | None = None
    by_category = ~leaf & (nodes["is_categorical"] != 0)
    if by_category.any():
        bits = np.unpackbits(
            np.ascontiguousarray(predictor.raw_left_cat_bitsets).astype("<u4").view(np.uint8).reshape(-1, 32),
            axis=1,
            bitorder="little",
        )
        sets = [np.flatnonzero(row) for row in bits]
        categories = [sets[b] if c else None for b, c in zip(nodes["bitset_idx"], by_category, strict=True)]
    return ParsedTree(
        left=np.where(leaf, LEAF, nodes["left"].astype(np.int64)),
        right=np.where(leaf, LEAF, nodes["right"].astype(np.int64)),
        feature=np.where(leaf, LEAF, nodes["feature_idx"]).astype(np.int64),
        threshold=np.where(leaf | by_category, np.nan, nodes["num_threshold"]),
        missing_left=nodes["missing_go_to_left"] != 0,
        value=nodes["value"].astype(float)[:, None],
        cover=nodes["count"].astype(float),
        categories=categories,
    )
