"""Where a defect is put: conjunctions, levels and periods, drawn by the world's seed, described as a person would."""

from __future__ import annotations

import numpy as np

from .tables import DATE
from .worlds import Base

FEWEST = 200
"""Rows of a place at least, so that a larger defect there can be told from chance."""


def share_text(rows: np.ndarray) -> str:
    return f"{rows.mean():.1%} of the rows"


def conjunction(parts: Base) -> tuple[np.ndarray, tuple[str, ...], str]:
    """Draw two conditions on two columns that hold together for 5 to 10 % of the rows (and at least FEWEST)."""
    frame, rng = parts.test.frame, parts.rng
    names = [*parts.made.numbers, *parts.made.categories]
    for _ in range(2_000):
        first, second = (str(n) for n in rng.choice(names, 2, replace=False))
        a, said_a = _condition(parts, first)
        b, said_b = _condition(parts, second)
        both = a & b
        # each condition must cut: else the plant is one of a single column
        if 0.05 <= both.mean() <= 0.10 and both.sum() >= FEWEST and max(a.mean(), b.mean()) <= 0.5:
            return both, (first, second), f"{said_a} and {said_b}"
    raise RuntimeError(f"no conjunction of the wanted size in {len(frame)} rows of seed {parts.made.seed}")


def _condition(parts: Base, name: str) -> tuple[np.ndarray, str]:
    values, rng = parts.test.frame[name], parts.rng
    if name in parts.made.categories:
        value = str(rng.choice(values.unique()))
        return (values == value).to_numpy(), f"{name} is {value}"
    share = rng.uniform(0.15, 0.5)
    if rng.random() < 0.5:
        edge = float(values.quantile(1 - share))
        return (values > edge).to_numpy(), f"{name} > {edge:.4g}"
    edge = float(values.quantile(share))
    return (values < edge).to_numpy(), f"{name} < {edge:.4g}"


def level(parts: Base, low: float, high: float) -> tuple[str, str, np.ndarray]:
    """Draw a level of a category that holds a share of the rows between low and high."""
    frame = parts.test.frame
    fit = []
    for column in parts.made.categories:
        shares = frame[column].value_counts(normalize=True)
        fit += [
            (column, value)
            for value in sorted(shares.index)
            if low <= shares[value] <= high and shares[value] * len(frame) >= 2 * FEWEST
        ]
    column, value = fit[int(parts.rng.integers(len(fit)))]
    return column, str(value), (frame[column] == value).to_numpy()


def period(parts: Base, share: float) -> tuple[np.ndarray, str]:
    """Draw consecutive days that hold about this share of the rows: the last ones with every second seed."""
    days = parts.test.frame[DATE]
    at = 1 - share if parts.made.seed % 2 else float(parts.rng.uniform(0.1, 0.9 - share))
    first, last = (
        days.quantile(at, interpolation="nearest"),
        days.quantile(min(at + share, 1.0), interpolation="nearest"),
    )
    return days.between(first, last).to_numpy(), f"from {first.date()} to {last.date()}"
