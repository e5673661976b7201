"""What counts as found. Written down before any detector was looked at, the same for every tool.

A tool's answer is a list of **claims**: a sentence, how severe the tool calls it, and, where it says so, the rows and the columns concerned.
Only claims of severity "high" or "medium" count: a "low" one asks nobody to look. A planted defect is found where a claim, of whatever kind and
by whatever method, would lead its reader there:

rows        (flipped labels, biased slice, miscalibrated group, under-represented level, group disparity, a period in other units ...)
            A claim *points at* the plant where at least half of the rows it names are planted ones. The plant is found where the claims that
            point at it hold together at least half of its rows. (Cut-offs that miss the planted one a little still find it; a slice twice as
            large as it should be just does; a sliver does not.) Of a disparity between two groups either side may be named.
column      (leaked, constant, other units, missing code, swapped columns ...) A claim about that column: it is named, no more than one other
            is (the time may be named besides), and the claim is about all rows, or about rows of which at least half are planted.
words       (duplicates, training rows, label noise: these are neither columns nor conditions) The sentence itself names the thing; any usual
            words do, advice does not count.

Where a plant can be seen in several ways, any of them will do.

A **false alarm** is a claim of severity "high" on a clean set. On a planted set, where the plant spoils nothing but its own rows or its own column,
a "high" claim about other rows or columns (planted rows less than twice as frequent there as anywhere; none of its own columns) is counted as unrelated.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

COUNTED = ("high", "medium")


@dataclass(frozen=True, eq=False, kw_only=True)
class Claim:
    """One thing that a tool says.

    rows    mask over the evaluation rows; None: all of them, or none in particular
    columns columns it names
    """

    severity: str
    text: str
    rows: np.ndarray | None = None
    columns: tuple[str, ...] = ()
    kind: str = ""


@dataclass(frozen=True, eq=False, kw_only=True)
class Truth:
    """Where the planted defect is, and how it may be named.

    rows        mask over the evaluation rows; None where the plant concerns all rows or the training rows
    columns     columns concerned
    by          ways in which it can be found, of "rows", "column", "words"
    words       patterns that must all stand in the sentence
    either      the complement of ``rows`` names the same
    local       nothing but these rows or columns is spoiled, so that other "high" claims are unrelated
    time        name of the time column, which a claim about a column may name besides
    size        the strength in numbers, for people
    seen_as     what the oracle measures (``oracle.SEEN_AS``)
    """

    by: tuple[str, ...]
    rows: np.ndarray | None = None
    columns: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    either: bool = False
    local: bool = True
    time: str = "booked_on"
    size: str = ""
    seen_as: str = "off"

    def found(self, claims: Sequence[Claim]) -> bool:
        """Whether claims of high or medium severity find the plant."""
        counted = [c for c in claims if c.severity in COUNTED]
        return any(self._named(c) for c in counted) or ("rows" in self.by and self._covered(counted))

    def _named(self, claim: Claim) -> bool:
        if "words" in self.by and all(re.search(word, claim.text, re.IGNORECASE) for word in self.words):
            return True
        if "column" not in self.by:
            return False
        named = set(claim.columns) or {c for c in self.columns if re.search(rf"\b{re.escape(c)}\b", claim.text)}
        if not named & set(self.columns) or len(named - {self.time}) > max(2, len(self.columns)):
            return False
        return claim.rows is None or (self.rows is not None and _share(claim.rows, self.rows) >= 0.5)

    def _covered(self, claims: Sequence[Claim]) -> bool:
        if self.rows is None:
            return False
        for target in [self.rows, ~self.rows] if self.either else [self.rows]:
            asked = claims if target is self.rows else [c for c in claims if set(c.columns) & set(self.columns)]
            pointing = [c.rows for c in asked if c.rows is not None and _share(c.rows, target) >= 0.5]
            # a claim about nearly all rows points at nothing, whatever it holds
            pointing = [r for r in pointing if r.mean() < 0.9]
            if pointing and _share(target, np.logical_or.reduce(pointing)) >= 0.5:
                return True
        return False

    def unrelated(self, claim: Claim) -> bool:
        """Whether a claim of high severity has nothing to do with the plant; always False where the plant spoils more than itself."""
        if claim.severity != "high" or not self.local or self._named(claim) or set(claim.columns) & set(self.columns):
            return False
        if claim.rows is None and not claim.columns:  # about the whole, of which the plant is a part
            return False
        if claim.rows is None or self.rows is None:
            return True
        either = [self.rows, ~self.rows] if self.either else [self.rows]
        return all(_share(claim.rows, target) < min(2 * target.mean(), 0.9) for target in either)


def _share(part: np.ndarray, of: np.ndarray) -> float:
    """Give the share of the rows of ``part`` that lie in ``of``; 0 of none."""
    return float(of[part].mean()) if part.any() else 0.0
