"""What a call was given, checked: whole numbers within bounds, shares, lists of names. Refused in words, never by Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelglass.analysis.errors import InputError


def whole(value: Any, name: str, least: int, most: int | None = None) -> int:
    """Give a whole number from ``least`` to ``most`` (None: no end), or refuse it.

    >>> whole(np.int64(3), "depth", 1, 6)
    3
    """
    ok = isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))
    if not ok or value < least or (most is not None and value > most):
        within = f"from {least:,} to {most:,}" if most is not None else f"of {least:,} or more"
        raise InputError(f"Expected a whole number {within} as {name}.", f"Got {value!r}.", "Choose another number.")
    return int(value)


def part_of_one(value: Any, name: str) -> float:
    """Give a number between 0 and 1, both left out, or refuse it.

    >>> part_of_one(0.05, "alpha")
    0.05
    """
    if not isinstance(value, (int, float, np.integer, np.floating)) or not 0 < value < 1:
        raise InputError(f"Expected a number between 0 and 1 as {name}.", f"Got {value!r}.", "Choose e.g. 0.05.")
    return float(value)


def names(value: Any, what: str) -> list[str]:
    """Give a list of names, also of one name, or of none (None); refuse anything else.

    >>> names("sex", "columns"), names(("sex", "race"), "columns"), names(None, "columns")
    (['sex'], ['sex', 'race'], [])
    """
    if value is None or isinstance(value, str):
        return [value] if value else []
    if not isinstance(value, (Sequence, np.ndarray)) or not all(isinstance(v, str) for v in value):
        raise InputError(
            f"Expected names of {what}, as a list of texts.", f"Got {value!r}.", 'Write e.g. ["age", "sex"].'
        )
    return [str(v) for v in value]
