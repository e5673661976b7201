"""Edges of leaves drawn back along the straight lines that raw numbers go through before trees see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from modelglass.analysis.constraints import FAR
from modelglass.analysis.leaf_regions import Regions
from modelglass.analysis.reach import ROUNDING, ROUNDING_32, Reach


@dataclass(eq=False, kw_only=True, slots=True)
class Edges:
    """Of L leaves over p raw columns, for numbers that reach the trees along straight lines.

    low, high   (L, p): a number below low or above high is surely outside; low infinite: no number that is there is inside
    down, up    (L, p): the number just inside, coming from above and from below
    """

    reach: Reach
    regions: Regions
    low: np.ndarray
    high: np.ndarray
    down: np.ndarray
    up: np.ndarray

    def off(self, j: int, x: np.ndarray) -> np.ndarray:
        """How far numbers (m,) are from each leaf, (m, L); infinite where the range or the direction forbids it."""
        low, high, rule = self.low[:, j], self.high[:, j], self.reach.space.of[j]
        with np.errstate(invalid="ignore"):
            below, above = np.maximum(low[None] - x[:, None], 0.0), np.maximum(x[:, None] - high[None], 0.0)
        if not np.isfinite(x).all():  # as far as the end that it is at: inside, unless nothing is
            below = np.where(np.isnan(below), np.where(low > 0, np.inf, 0.0)[None], below)
            above = np.where(np.isnan(above), np.where(high < 0, np.inf, 0.0)[None], above)
        off = np.maximum(below, above)
        edge = 2 * FAR * rule.step + _rounding(self.regions)
        bad = ((low > rule.high + edge) | (high < rule.low - edge))[None] & (off > 0)
        if rule.direction == "up":
            bad |= above > edge
        if rule.direction == "down":
            bad |= below > edge
        return np.where(bad, np.inf, off)

    def entered(self, j: int, x: np.ndarray, leaves: np.ndarray) -> np.ndarray:
        """Give numbers (m,) moved just into leaves."""
        down, up = self.down[leaves, j], self.up[leaves, j]
        above, under = x > down, x < up
        down, up = self._on_steps(j, down, up)
        return np.where(above, down, np.where(under, up, x))

    def grid(self, j: int) -> tuple[np.ndarray, np.ndarray]:
        """Give the cells between all thresholds of a number: entered from above and from below, infinite at the outer ends."""
        downs, ups = [], []
        for c in self.reach.block[j]:
            if not self.reach.slope[c]:
                continue
            cuts = np.unique(np.concatenate([self.regions.low[:, c], self.regions.high[:, c]]))
            cuts = cuts[np.isfinite(cuts)]
            down, up = _just_inside(self.reach, self.regions, c, cuts, cuts)
            downs.append(down)
            ups.append(up)
        return self._on_steps(
            j, np.sort(np.concatenate([*downs, [np.inf]])), np.sort(np.concatenate([[-np.inf], *ups]))
        )

    def _on_steps(self, j: int, down: np.ndarray, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the first steps inside of what is entered from above and from below."""
        rule = self.reach.space.of[j]
        if not rule.step:
            return down, up
        return _stepped(rule, down, np.floor, 1e-9), _stepped(rule, up, np.ceil, -1e-9)


def edges_of(reach: Reach, regions: Regions) -> Edges:
    """Draw the edges back; what other columns made of the same number ask is asked together."""
    shape = len(regions.tree), len(reach.space.names)
    low, high = np.full(shape, -np.inf), np.full(shape, np.inf)
    down, up = high.copy(), low.copy()
    for j in np.flatnonzero(reach.straight):
        for c in reach.block[j]:
            slope, shift = reach.slope[c], reach.shift[c]
            if np.isnan(slope) or not regions.asked(c):
                continue
            if not slope:  # the same for every number that is there
                out = ~regions.inside(c, np.array([shift]))[:, 0]
                low[out, j], high[out, j] = np.inf, -np.inf
                continue
            a, b = regions.low[:, c], regions.high[:, c]
            size = np.maximum(*(np.where(np.isfinite(e), np.abs(e), 0.0) for e in (a, b)))
            slack = _rounding(regions) * size + reach.slack[c]
            ends = (a - slack - shift) / slope, (b + slack - shift) / slope
            inner = _just_inside(reach, regions, c, b, a)
            low[:, j], high[:, j] = np.maximum(low[:, j], np.minimum(*ends)), np.minimum(high[:, j], np.maximum(*ends))
            down[:, j], up[:, j] = np.minimum(down[:, j], inner[0]), np.maximum(up[:, j], inner[1])
    return Edges(reach=reach, regions=regions, low=low, high=high, down=down, up=up)


def _rounding(regions: Regions) -> float:
    """Give what rounding may let pass, of the size of a number."""
    return ROUNDING_32 if regions.trees.single else ROUNDING


def _just_inside(
    reach: Reach, regions: Regions, c: int, high: np.ndarray, low: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give raw numbers just below the upper edges ``high`` and just above the lower edges ``low`` of a column."""
    strict, single = regions.trees.strict, regions.trees.single
    down = _just(high, single=single, below=strict)
    up = _just(low, single=single, below=None if strict else True, up=True)
    slope, shift, slack = reach.slope[c], reach.shift[c], 0.0 if single else reach.slack[c]
    raw = (down - slack - shift) / slope, (up + slack - shift) / slope
    return raw if slope > 0 else raw[::-1]


def _just(edge: np.ndarray, *, single: bool, below: bool | None, up: bool = False) -> np.ndarray:
    """Give the number nearest to an edge that is inside: the edge itself, or the next one, in 32 bits where the trees compare so."""
    with np.errstate(over="ignore", invalid="ignore"):
        if not single:
            return np.where(np.isfinite(edge), np.nextafter(edge, np.inf if up else -np.inf), edge) if below else edge
        got = edge.astype(np.float32)
        toward = np.float32(np.inf if up else -np.inf)
        for _ in range(2):
            wide = got.astype(float)
            outside = (wide <= edge if below else wide < edge) if up else (wide >= edge if below else wide > edge)
            got = np.where(outside & np.isfinite(edge), np.nextafter(got, toward), got)
        return got.astype(float)


def _stepped(rule: Any, values: np.ndarray, way: Any, nudge: float) -> np.ndarray:
    """Give the next step down or up of the values that are finite."""
    known = np.where(np.isfinite(values), values, rule.origin)
    return np.where(
        np.isfinite(values),
        np.round(rule.origin + way((known - rule.origin) / rule.step + nudge) * rule.step, 9),
        values,
    )
