"""Small trees with their leaves as the bits of one number: what each comparison leaves, and which grid points come to each leaf."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelglass.analysis.models.ensemble import Ensemble

LEAVES = 64


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class LeafMasks:
    """Trees of at most 64 leaves each; arrays as ``mask_kernels.add_small_trees`` takes them.

    A *slot* of a tree stands for one of the jobs that it asks, or for all columns that no job asks (job -1).

    slot            int64 (N,): slot of the column that a node asks, in its tree
    keep_left, keep_right  uint64 (N,): the leaves, as bits, that are left where a node goes left, or right
    first_slot      int64 (trees + 1,);  job, reached (slots in all,)
    first_leaf      int64 (trees + 1,);  value float64 (leaves in all, k)
    first_range     int64 (trees + 1,);  low, high, mask (ranges in all,): cells of the grid points that come to a leaf
    """

    slot: np.ndarray
    keep_left: np.ndarray
    keep_right: np.ndarray
    first_slot: np.ndarray
    job: np.ndarray
    reached: np.ndarray
    first_leaf: np.ndarray
    value: np.ndarray
    first_range: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mask: np.ndarray


def are_small(trees: Ensemble) -> bool:
    """Tell whether all trees have at most 64 leaves, which is 127 nodes."""
    return bool(np.diff(trees.starts).max(initial=1) < 2 * LEAVES)


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
        As ``effect_ways.node_ways`` gives them.
    first, size : arrays, shape (jobs,)
        First cell and grid points of each job.
    """
    from modelglass.explainers import mask_kernels as kernels

    leaf = trees.right < 0
    before = np.concatenate([[0], np.cumsum(leaf)])  # leaves before a node, in all
    tree = np.repeat(np.arange(len(trees.output)), np.diff(trees.starts))
    first_leaf = before[trees.starts]
    keep_left, keep_right = np.zeros(len(leaf), np.uint64), np.zeros(len(leaf), np.uint64)
    inner = np.flatnonzero(~leaf)
    middle = before[trees.right[inner]]
    shift = first_leaf[tree[inner]]
    keep_right[inner] = ~_run(before[inner] - shift, middle - shift)
    keep_left[inner] = ~_run(middle - shift, before[trees.end[inner]] - shift)
    slot, first_slot, job = _slots(tree, inner, job_of, len(trees.output))
    count, slots = np.diff(first_leaf), np.diff(first_slot)
    first_range = np.concatenate([[0], np.cumsum(count * slots)]).astype(np.int64)
    low, high = (np.zeros(first_range[-1], dtype=np.int32) for _ in range(2))
    mask, reached = np.zeros(first_range[-1], np.uint64), np.zeros(first_slot[-1], np.uint64)
    kernels.leaf_ranges(
        trees.starts, trees.right, trees.parent, before[:-1] - first_leaf[tree], slot, first_slot, first_range, job, way, split, bits, first,
        size, low, high, mask, reached,
    )  # fmt: skip
    return LeafMasks(
        slot=slot, keep_left=keep_left, keep_right=keep_right, first_slot=first_slot, job=job, reached=reached, first_leaf=first_leaf,
        value=np.ascontiguousarray(trees.value[leaf]), first_range=first_range, low=low, high=high, mask=mask,
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
