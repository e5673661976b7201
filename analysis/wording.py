"""Numbers in sentences: an estimate with its interval, for people."""

from __future__ import annotations

import math

MOST_DIGITS = 1e15
"""From here on a number is not written out."""


def say(value: float) -> str:
    """Write a number: whole from 1,000 on, else (and where nobody reads so many digits) three digits that count.

    >>> say(12345.6), say(999.7), say(0.012345), say(1.7e308)
    ('12,346', '1,000', '0.0123', '1.7e+308')
    """
    return f"{value:,.0f}" if 999.5 <= abs(value) < MOST_DIGITS else f"{value:.3g}"


def signed(value: float) -> str:
    """Write a number with its sign.

    >>> signed(4718.2), signed(-0.012345)
    ('+4,718', '-0.0123')
    """
    return ("" if value < 0 else "+") + say(value)


def ranged(estimate: float, low: float, high: float) -> str:
    """Write a number with its interval; without one where it cannot be given.

    >>> ranged(12.0, 10.0, 14.0), ranged(12.0, float("nan"), float("nan"))
    ('12 (10 to 14)', '12')
    """
    if abs(estimate) < 1e-9 * (high - low):
        estimate = 0.0  # nothing but rounding
    return say(estimate) + ("" if math.isnan(low) else f" ({say(low)} to {say(high)})")


def percent(estimate: float, low: float = math.nan, high: float = math.nan) -> str:
    """Write a share with its interval; without one where it cannot be given.

    >>> percent(0.851, 0.8459, 0.8571)
    '85.1% (84.6% to 85.7%)'
    """
    return f"{estimate:.1%}" + ("" if math.isnan(low) else f" ({low:.1%} to {high:.1%})")


def points_off(gap: float) -> str:
    """Write a mean probability less what came true, in points of a hundred.

    >>> points_off(0.1726), points_off(-0.0213)
    ('17.3 points too high', '2.1 points too low')
    """
    return f"{100 * abs(gap):.1f} points too {'low' if gap < 0 else 'high'}"


def outward(estimate: float, low: float, high: float) -> tuple[float, float]:
    """Give the ends of the interval of a size: of a number below 0 with their signs turned, the nearer end first.

    >>> outward(-3.0, -4.0, -2.0), outward(3.0, 2.0, 4.0)
    ((2.0, 4.0), (2.0, 4.0))
    """
    return (low, high) if estimate > 0 else (-high, -low)


def class_name(label: object) -> str:
    """Name a class in a sentence, where a bare number would read as a count.

    >>> class_name(5), class_name(True), class_name("high")
    ('class 5', 'class True', 'high')
    """
    return label if isinstance(label, str) and not label[:1].isdigit() else f"class {label}"


def part(value: float) -> str:
    """Write a share of rows, of which a few never read as none.

    >>> part(0.0), part(0.0004), part(0.0123)
    ('none', 'under 0.1%', '1.2%')
    """
    return "none" if value <= 0 else "under 0.1%" if value < 0.001 else f"{value:.1%}"


def score(estimate: float, low: float, high: float) -> str:
    """Write a metric between 0 and 1 with its interval; without one where it cannot be given.

    >>> score(0.9071, 0.902, 0.912)
    '0.907 (0.902 to 0.912)'
    """
    return f"{estimate:.3f}" + ("" if math.isnan(low) else f" ({low:.3f} to {high:.3f})")
