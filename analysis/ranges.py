"""Numbers and times cut in two: "below 25" and "25 and more", beside the bins, because what is wrong often is so from some value on."""

from __future__ import annotations

import numpy as np

from modelglass.analysis.binning import level_condition, level_label
from modelglass.analysis.coding import Coding

MOST_CUTS = 12


def ranges(coding: Coding) -> list[Coding]:
    """Give a coding of two levels (and missing) for each inner edge of bins or periods; none where there are fewer than three levels.

    Parameters
    ----------
    coding : Coding
        Of one column of numbers or times, with rising ``bounds``.

    >>> from modelglass.analysis.coding import Coding
    >>> bounds = ((None, False, 5, False), (5, True, 9, False), (9, True, None, False))
    >>> cut = ranges(Coding("a", np.array([0, 1, 2]), ("< 5", "5 to < 9", ">= 9"), ("", "", ""), "numeric", bounds=bounds, term="a"))
    >>> [c.conditions for c in cut], cut[1].codes.tolist()
    ([('a < 5', 'a >= 5'), ('a < 9', 'a >= 9')], [0, 0, 1])
    """
    bounds = coding.bounds or ()
    if not 3 <= len(bounds) <= MOST_CUTS + 1:
        return []
    return [_cut(coding, i) for i in range(1, len(bounds))]


def _cut(coding: Coding, place: int) -> Coding:
    """Cut before the level at this place."""
    bounds = coding.bounds or ()
    levels = len(bounds)
    low, low_in = bounds[place][:2]
    below, above = (None, False, low, not low_in), (low, low_in, None, False)
    codes = np.where(coding.codes < levels, (coding.codes >= place).astype(np.int64), 2)
    if coding.kind == "datetime":
        labels = [f"before {_day(low)}", f"from {_day(low)} on"]
    else:
        whole = isinstance(low, (int, np.integer))
        labels = [level_label(*below, whole), level_label(*above, whole)]
    conditions = [level_condition(coding.term, *below), level_condition(coding.term, *above)]
    return Coding(
        coding.column,
        codes,
        (*labels, *coding.labels[levels:]),
        (*conditions, *coding.conditions[levels:]),
        coding.kind,
        bounds=(below, above),
        term=coding.term,
    )


def _day(time: np.datetime64) -> str:
    text = str(time)
    return text.replace("T", " ") if "T" in text else str(time.astype("datetime64[D]"))
