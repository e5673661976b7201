"""How slices are scored in a search, and what no slice inside another can exceed.

Bounds after SliceLine (Sagadeeva and Boehm 2021, SIGMOD, doi:10.1145/3448016.3457323).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
Score = Literal["difference", "sliceline"]


@dataclass(frozen=True, eq=False, slots=True)
class Scale:
    """How slices are scored, from the whole: its weight, mean loss, standard deviation and largest loss.

    difference  (mean in the slice - mean) / (sd / sqrt(weight)): how surely it is worse; a child that adds nothing scores below its parent
    sliceline   alpha (mean in the slice / mean - 1) - (1 - alpha) (weight / weight in the slice - 1)
    """

    kind: Score
    alpha: float
    weight: float
    mean: float
    sd: float
    largest: float

    def score(self, w: Floats, e: Floats) -> Floats:
        """Score slices of weight w and summed loss e."""
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.kind == "sliceline":
                return self.alpha * (e / w / self.mean - 1) - (1 - self.alpha) * (self.weight / w - 1)
            return (e - w * self.mean) / (self.sd * np.sqrt(w))

    def bound(self, w: Floats, e: Floats, least: float) -> Floats:
        """Give what no slice inside one of weight w and summed loss e can exceed; its weight is at least ``least``.

        Inside, the sum is at most e and at most the largest loss a unit of weight: where both meet the score is highest, or at an end,
        because in between it rises (falls) without turning.
        """
        meet = np.minimum(np.maximum(e / self.largest, least), w)
        with np.errstate(divide="ignore", invalid="ignore"):
            best = self.score(meet, np.minimum(e, meet * self.largest))
            if self.kind == "sliceline":
                best = np.maximum(best, self.score(w, np.minimum(e, w * self.largest)))
        return np.where(w > 0, best, -np.inf)
