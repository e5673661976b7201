"""Numbers of two sides in words: where their middles lie, and how wide they are spread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from modelglass.analysis.weighted import quantile
from modelglass.analysis.wording import say


def from_middle(numbers: np.ndarray, weight: np.ndarray | None) -> np.ndarray | None:
    """Give how far numbers of shape (n,), none missing, lie from their median; None where that cannot be told.

    >>> from_middle(np.array([1.0, 2.0, 7.0]), None)
    array([1., 0., 5.])
    """
    with np.errstate(invalid="ignore", over="ignore"):
        far = np.abs(numbers - quantile(numbers, weight, 0.5))
    return None if np.isnan(far).any() else far


def of_size(low: float, high: float) -> tuple[float, float]:
    """Turn the interval of a signed difference into that of its size."""
    if not np.isfinite(low + high):
        return np.nan, np.nan
    return (0.0, max(-low, high)) if low <= 0 <= high else (min(abs(low), abs(high)), max(abs(low), abs(high)))


def widths_in_words(numbers: np.ndarray, inside: np.ndarray, weight: np.ndarray | None, *, times: bool) -> str:
    """Say between which values the middle half of each side lies; of the nine tenths in the middle where the halves are alike."""
    said = ""
    for share, words in ((0.25, "middle half"), (0.05, "nine in ten"), (0.0, "all")):
        ends = []
        for side in (inside, ~inside):
            held = None if weight is None else weight[side]
            low, high = (quantile(numbers[side], held, at) for at in (share, 1 - share))
            ends.append(f"{_show(low, times)} to {_show(high, times)}")
        said = f"{words} {ends[0]} here, {ends[1]} there"
        if ends[0] != ends[1]:
            break
    return said


def sides_in_words(
    values: np.ndarray, sides: Sequence[np.ndarray], weight: np.ndarray | None, times: bool
) -> tuple[list[float], str]:
    """Give the middles of both sides, and both in words; the means where the middles are alike."""
    parts = [(values[s], None if weight is None else weight[s]) for s in sides]
    if any(not len(v) or (w is not None and not w.sum() > 0) for v, w in parts):
        return [np.nan, np.nan], ""
    with np.errstate(invalid="ignore", over="ignore"):  # infinities of both signs have no middle and no mean
        middles = [quantile(v, w, 0.5) for v, w in parts]
        if len({_show(m, times) for m in middles}) == 2:
            return middles, f"middle {_show(middles[0], times)} here, {_show(middles[1], times)} there"
        means = [float(np.average(v, weights=w)) for v, w in parts]
    known = np.isfinite(means).all()
    return middles, f"mean {_show(means[0], times)} here, {_show(means[1], times)} there" if known else ""


def _show(value: float, times: bool) -> str:
    return str(pd.Timestamp(int(value)).date()) if times else say(value)
