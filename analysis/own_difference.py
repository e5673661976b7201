"""Metrics of the user's own in a part of the rows against the rest: one bootstrap for interval and p-value, and a loss for searches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

from modelglass.analysis.estimates_values import ROUNDING
from modelglass.analysis.groups import Rows
from modelglass.analysis.intervals import critical
from modelglass.analysis.metric_records import Metric
from modelglass.analysis.own_metrics import FEWEST_UNITS, Bootstrap, own_answer, takes_weights
from modelglass.analysis.progress import tell
from modelglass.analysis.weighted import equal_rows

DRAWS = 200
"""Enough for a standard error: it is then 5 % off."""
CELLS = 60
"""About so many kinds of rows are told apart when it is asked how much a row moves a function."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class OwnDifference:
    """A function of the user's own inside a part and outside it; NaN where the note says why."""

    estimate: float = np.nan
    low: float = np.nan
    high: float = np.nan
    rest: float = np.nan
    effect_low: float = np.nan
    effect_high: float = np.nan
    p: float = np.nan
    note: str = ""


def own_difference(
    metric: Metric, rows: Rows, inside: np.ndarray, level: float, how: Bootstrap | None
) -> OwnDifference:
    """Compare a function inside and outside.

    Rows (whole clusters) are drawn with replacement ``DRAWS`` times, both sides anew each time; the standard error of each side, and of
    the difference, gives Student's t intervals and the p-value, so that these agree. Clusters may lie on both sides, so there the
    two move together. A small part may by chance hold few of the rows that matter, and then looks surer than it is: its variance is
    taken to be at least that of as many rows drawn from all.

    Parameters
    ----------
    inside : bool array, shape (n_rows,)
    how : Bootstrap, optional
        Seed and seconds; None: no interval and no p-value.
    """
    if rows.weight is not None and not takes_weights(metric.function):  # type: ignore[arg-type]
        return OwnDifference(note=f"cannot say: {metric.name} takes no sample_weight, and these rows have weights")
    sides = [np.flatnonzero(inside), np.flatnonzero(~inside)]
    if not all(len(s) for s in sides):
        return OwnDifference(note="cannot say: no rows")
    answers = [own_answer(metric, rows, s) for s in sides]
    wrong = next((a for a in answers if isinstance(a, str)), "")
    here, rest = (np.nan if isinstance(a, str) else a for a in answers)
    if wrong or how is None:
        note = f"cannot say: {wrong}" if wrong else "no interval: the metric is a function of your own"
        return OwnDifference(estimate=here, rest=rest, note=note)
    units = [_units(rows, s) for s in sides]
    if min(units) < FEWEST_UNITS * (1 - ROUNDING):
        what = "rows" if rows.cluster is None else "clusters"
        note = f"no interval: only {int(min(units) * (1 + ROUNDING))} {what} on one side, at least {FEWEST_UNITS} are needed"
        return OwnDifference(estimate=here, rest=rest, note=note)
    drawn = _drawn(metric, rows, sides, how)
    if isinstance(drawn, str):
        return OwnDifference(estimate=here, rest=rest, note=f"no interval: {drawn}")
    own, anywhere = drawn[:, :2].var(axis=0, ddof=1), drawn[:, 2].var(ddof=1)
    variance = (drawn[:, 0] - drawn[:, 1]).var(ddof=1) if rows.cluster is not None else own.sum()
    variance += max(anywhere - own[0], 0.0)
    df = own.sum() ** 2 / sum(v**2 / (u - 1) for v, u in zip(own, units))
    half = float(critical(level, units[0] - 1)) * float(np.sqrt(own[0]))
    error = float(np.sqrt(variance))
    wide = float(critical(level, df)) * error
    return OwnDifference(
        estimate=here,
        low=here - half,
        high=here + half,
        rest=rest,
        effect_low=here - rest - wide,
        effect_high=here - rest + wide,
        p=float(2 * special.stdtr(df, -abs(here - rest) / error)),
    )


def _units(rows: Rows, part: np.ndarray) -> float:
    """Kish's number of rows, or of clusters."""
    weight = np.ones(len(part)) if rows.weight is None else rows.weight[part]
    if rows.cluster is not None:
        weight = np.bincount(np.unique(rows.cluster[part], return_inverse=True)[1], weights=weight)
    return equal_rows(weight, len(weight))


def _drawn(metric: Metric, rows: Rows, sides: list[np.ndarray], how: Bootstrap) -> np.ndarray | str:
    """Give the function inside, outside, and on as many rows as inside drawn from all, in each draw, (draws, 3), or why not."""
    rng = np.random.default_rng((how.seed, 20_029, len(sides[0])))
    values = np.full((DRAWS, 3), np.nan)
    began = how.left()
    for d, parts in zip(range(DRAWS), _draws(rows, sides, rng)):
        left = how.left()
        if left <= 0 or (d == 8 and (began - left) * DRAWS / d > began):
            return f"{DRAWS} draws do not fit into the {how.seconds:g} seconds given to own functions ({d} were made)"
        tell(how.progress, 1 - max(left, 0) / max(how.seconds, 1e-9), f"drawing rows for {metric.name}")
        parts.append(rng.integers(0, len(rows.y), len(sides[0])))
        for i, part in enumerate(parts):
            answer = own_answer(metric, rows, part) if len(part) else "no rows"
            values[d, i] = np.nan if isinstance(answer, str) else answer
    usable = values[np.isfinite(values).all(axis=1)]
    if len(usable) < 0.9 * DRAWS:
        return f"{metric.name} gave no number in {DRAWS - len(usable)} of {DRAWS} draws"
    if (usable.min(axis=0) == usable.max(axis=0))[1:].any():
        return f"{metric.name} gave the same number in all draws of one side, so its spread is unknown"
    return usable


def _draws(rows: Rows, sides: list[np.ndarray], rng: np.random.Generator) -> Iterator[list[np.ndarray]]:
    if rows.cluster is None:
        while True:
            yield [side[rng.integers(0, len(side), len(side))] for side in sides]
    unit = np.unique(rows.cluster, return_inverse=True)[1]
    size = int(unit.max()) + 1
    while True:
        times = np.bincount(rng.integers(0, size, size), minlength=size)[unit]
        yield [np.repeat(side, times[side]) for side in sides]


def own_losses(metric: Metric, rows: Rows) -> np.ndarray:
    """How much each row lifts the function, (n,): its mean over a slice stands for the metric there, up to a constant.

    Rows are put in cells by outcome and by what the function gets second (of several scores: the outcome's own), each cell is
    counted a little more by weights, or twice where the function takes none, and the change is divided by the share added. 0 where
    the function gives no number.
    """
    given = rows.predicted if metric.needs in ("label", "value") or rows.score is None else rows.score
    if given.ndim == 2:
        given = given[np.arange(len(given)), rows.y]
    few = int(np.sqrt(CELLS))
    parts = [_cell(rows.y, few if rows.task == "regression" else CELLS)]
    parts.append(_cell(given, max(CELLS // (int(parts[0].max(initial=0)) + 1), 2)))
    cell = np.unique(parts[0] * (int(parts[1].max(initial=0)) + 1) + parts[1], return_inverse=True)[1]
    every, weight = np.arange(len(cell)), np.ones(len(cell)) if rows.weight is None else rows.weight
    base, lift = own_answer(metric, rows, every), np.zeros(int(cell.max(initial=0)) + 1)
    for c in range(len(lift)):
        mine = np.flatnonzero(cell == c)
        answer = own_answer(metric, rows, np.concatenate([every, mine]))
        if not isinstance(answer, str) and not isinstance(base, str):
            lift[c] = (answer - base) * (1 + weight.sum() / max(weight[mine].sum(), 1e-300))
    return lift[cell]


def _cell(values: np.ndarray, most: int) -> np.ndarray:
    """Number values by rank: each distinct one apart where there are few, else about ``most`` equally full."""
    found, code = np.unique(values, return_inverse=True)
    code = code.reshape(-1)
    if len(found) <= most:
        return code
    rank = np.cumsum(np.bincount(code)) - 1
    return (rank[code] * most) // len(values)
