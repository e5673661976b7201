"""Accumulated local effects of rows that weigh the same, each with one step: sums of powers of what rows stand for, without a row's own influence."""

from __future__ import annotations

import numpy as np

from modelglass.explainers.effect_grid import many


def powers_of(differences: np.ndarray, step: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Give the curve (bins + 1,) of ``measure`` where each row takes one step, and the sums of powers of what rows stand for, (3, bins + 1).

    A row moves all values behind its step by as much, so its influence has two values, both linear in its difference: sums of powers of
    the differences in each bin suffice. Second to fourth powers, of influence * n.
    """
    n, (count, mean, sums) = len(step), _sums_in_bins(differences, step, bins)
    per = np.maximum(count, 1)
    curve = np.concatenate([[0.0], np.cumsum(mean)])
    share, middle = count / n, (curve[1:] + curve[:-1]) / 2
    centre = share @ middle
    reach = np.append(share, 0.0) / 2 + np.append(0.0, share) / 2
    behind = np.cumsum(reach[::-1])[::-1][1:]
    off = centre - middle
    powers = np.zeros((3, bins + 1))
    for factor, back in (((1 - behind) * n / per, False), (-behind * n / per, True)):
        for i, added in enumerate(_of_linear(factor, off, count, sums)):
            if back:  # values up to a row's step move with the centre alone
                powers[i, :-1] += np.cumsum(added[::-1])[::-1]
            else:
                powers[i, 1:] += np.cumsum(added)
    return curve - centre, powers


def _sums_in_bins(x: np.ndarray, bin_of: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give how many numbers each bin holds, their mean, and the sums of second to fourth powers around it, (3, bins)."""
    if many(len(x)):
        from modelglass.explainers import bin_kernels

        count, mean, sums = np.zeros(bins, dtype=np.int64), np.zeros(bins), np.zeros((3, bins))
        bin_kernels.sums_in_bins(np.ascontiguousarray(x), bin_of, count, mean, sums)
        return count, mean, sums
    count = np.bincount(bin_of, minlength=bins)
    mean = np.bincount(bin_of, weights=x, minlength=bins) / np.maximum(count, 1)
    own = x - mean[bin_of]
    square = own * own
    powers = [np.bincount(bin_of, weights=w, minlength=bins) for w in (square, square * own, square * square)]
    return count, mean, np.array(powers)


def _of_linear(a: np.ndarray, b: np.ndarray, count: np.ndarray, sums: np.ndarray) -> tuple[np.ndarray, ...]:
    """Sum second to fourth powers of a * x + b over ``count`` numbers x with mean 0 whose second to fourth powers sum to ``sums``."""
    two, three, four = sums
    return (
        a**2 * two + count * b**2,
        a**3 * three + 3 * a**2 * b * two + count * b**3,
        a**4 * four + 4 * a**3 * b * three + 6 * a**2 * b**2 * two + count * b**4,
    )
