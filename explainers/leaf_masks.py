"""Small trees with their leaves as the bits of one number: what each comparison leaves, and which grid points come to each leaf."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelglass.analysis.models.ensemble import Ensemble

LEAVES = 64


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Leaves:
    """The leaves of trees of at most 64 leaves each, and what comparisons leave of them.

    keep_left, keep_right  uint64 (N,): the leaves, as bits, that are left where a node goes left, or right
    first_leaf      int64 (trees + 1,);  value float64 (leaves in all, k)
    before          int64 (N,): leaves of its tree before a node
    """

    keep_left: np.ndarray
    keep_right: np.ndarray
    first_leaf: np.ndarray
    value: np.ndarray
    before: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class LeafMasks:
    """Trees of at most 64 leaves each; arrays as ``mask_kernels.add_small_trees`` takes them.

    A *slot* of a tree stands for one of the jobs that it asks, or for all columns that no job asks (job -1).

    slot            int64 (N,): slot of the column that a node asks, in its tree
    leaves          what is left of a tree's leaves
    first_slot      int64 (trees + 1,);  job, reached (slots in all,)
    first_range     int64 (trees + 1,);  low, high, mask (ranges in all,): cells of the grid points that come to a leaf
    """

    leaves: Leaves
    slot: np.ndarray
    first_slot: np.ndarray
    job: np.ndarray
    reached: np.ndarray
    first_range: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mask: np.ndarray


def are_small(trees: Ensemble) -> bool:
    """Tell whether all trees have at most 64 leaves, which is 127 nodes."""
    return bool(np.diff(trees.starts).max(initial=1) < 2 * LEAVES)


def leaves_of(trees: Ensemble) -> Leaves:
    """Number the leaves of small trees, and give what each comparison leaves of them."""
    leaf = trees.right < 0
    seen = np.concatenate([[0], np.cumsum(leaf)])  # leaves before a node, in all
    first_leaf = seen[trees.starts]
    before = seen[:-1] - np.repeat(first_leaf[:-1], np.diff(trees.starts))
    keep_left, keep_right = np.zeros(len(leaf), np.uint64), np.zeros(len(leaf), np.uint64)
    inner = np.flatnonzero(~leaf)
    shift = seen[inner] - before[inner]
    middle = seen[trees.right[inner]] - shift
    keep_right[inner] = ~_run(before[inner], middle)
    keep_left[inner] = ~_run(middle, seen[trees.end[inner]] - shift)
    value = np.ascontiguousarray(trees.value[leaf])
    return Leaves(keep_left=keep_left, keep_right=keep_right, first_leaf=first_leaf, value=value, before=before)


def leaf_masks(
    trees: Ensemble,
    job_of: np.ndarray,
    way: np.ndarray,
    split: np.ndarray,
    bits: np.ndarray,
    first: np.ndarray,
    size: np.ndarray,
) -> LeafMasks:
    """Prepare small trees.

    Parameters
    ----------
    job_of, way, split, bits : arrays, shape (N,)
        As ``effect_trees.node_ways`` gives them.
    first, size : arrays, shape (jobs,)
        First cell and grid points of each job.
    """
    from modelglass.explainers import mask_kernels as kernels

    leaves, inner = leaves_of(trees), np.flatnonzero(trees.right >= 0)
    tree = np.repeat(np.arange(len(trees.output)), np.diff(trees.starts))
    slot, first_slot, job = _slots(tree, inner, job_of, len(trees.output))
    count, slots = np.diff(leaves.first_leaf), np.diff(first_slot)
    first_range = np.concatenate([[0], np.cumsum(count * slots)]).astype(np.int64)
    low, high = (np.zeros(first_range[-1], dtype=np.int32) for _ in range(2))
    mask, reached = np.zeros(first_range[-1], np.uint64), np.zeros(first_slot[-1], np.uint64)
    kernels.leaf_ranges(
        trees.starts, trees.right, trees.parent, leaves.before, slot, first_slot, first_range, job, way, split, bits, first,
        size, low, high, mask, reached,
    )  # fmt: skip
    return LeafMasks(
        leaves=leaves, slot=slot, first_slot=first_slot, job=job, reached=reached, first_range=first_range, low=low, high=high, mask=mask
    )  # fmt: skip


def _run(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Give the bits from ``first`` up to before ``last``, at most 63 of them."""
    one, first = np.uint64(1), first.astype(np.uint64)
    return ((one << (last.astype(np.uint64) - first)) - one) << first


def _slots(
    tree: np.ndarray, inner: np.ndarray, job_of: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Number the jobs that each tree asks: (slot of each node, first slot of each tree, job of each slot)."""
    width = int(job_of.max(initial=-1)) + 2
    keys, place = np.unique(tree[inner] * width + job_of[inner] + 1, return_inverse=True)
    first = np.searchsorted(keys, np.arange(count + 1) * width)
    slot = np.zeros(len(tree), dtype=np.int64)
    slot[inner] = place.ravel() - first[tree[inner]]
    return slot, first.astype(np.int64), (keys % width - 1).astype(np.int64)
