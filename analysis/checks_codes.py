"""Do numbers stand for something else? Codes of missing values, caps, and one value filled in many times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelglass.analysis.checked_data import CheckedData, Hit, hit
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.finding import Severity
from modelglass.analysis.row_hashes import run_lengths
from modelglass.analysis.selecting import between
from modelglass.analysis.wording import part, say

FEWEST = 5
"""A value must stand so many times to be a code."""
_NINES = [float("9" * k) for k in range(2, 10)]
_SIGNED = (1, 2, 7, 8, 9, 88, 888, 99.9, 999.9)
_MACHINE = (32767, -32768, 65535, 2147483647, -2147483648, 4294967295, 1e10, 1e20, -1e20, 1e30, 1e38, -1e38)
FAMOUS = frozenset(
    map(
        float,
        [*_NINES, *(-v for v in _NINES), *(-v for v in _SIGNED), 9, 888, 8888, 99.9, 999.9, 9999.9, 999.99, *_MACHINE],
    )
)
"""Numbers that people and programs write for "unknown"."""
FAMOUS_DAYS = frozenset(
    np.array(
        ["1900-01-01", "1899-12-30", "1970-01-01", "1753-01-01", "2099-12-31", "9999-12-31", "2999-12-31"],
        "datetime64[s]",
    )
    .astype(float)
    .tolist()
)
_ROUNDS = 3
_NEAR = 25
_CODE = "Find out what the value means. If it stands for unknown, read it as missing (--na VALUE) and train the model again that way."


@dataclass(frozen=True, kw_only=True, slots=True)
class Spike:
    """A value that repeats in a way its column does not explain.

    value; count (rows); known (rows with a value); how: "outside" (far from all others), "sign" (the only negative value),
    "grid" (all others are rounded),
            "inside" (a spike among values that hardly repeat), "edge" (a spike at the end of the range), "zero" (0 far below all others)
    gap     distance to the nearest other value in spans (1 % to 99 % of the others); neighbour: most rows of one value near it
    low, high   of the other values
    """

    value: float
    count: int
    known: int
    how: str
    gap: float
    neighbour: int
    low: float
    high: float
    famous: bool


def check_codes(data: CheckedData) -> list[Hit]:
    """Numbers that look like codes of missing values, caps or defaults."""
    names = data.of_kind("numeric", "datetime", target=True)
    if not names:
        raise NotApplicable("there are no columns of numbers or times")
    hits: list[Hit] = []
    for name in names:
        time = data.columns[name].kind == "datetime"
        found = spikes(data.seconds(name), FAMOUS_DAYS if time else FAMOUS)
        hits += [_told(data, name, spike, time) for spike in found]
    return hits


def spikes(values: np.ndarray, famous: frozenset[float] = FAMOUS) -> list[Spike]:
    """Find values of one column, shape (n,), that repeat in a way the others do not explain; NaN is missing.

    >>> ages = np.r_[np.arange(20, 80), np.full(8, 999)].astype(float)
    >>> [(s.value, s.how) for s in spikes(ages)]
    [(999.0, 'outside')]
    """
    ordered = np.sort(values[np.isfinite(values)])
    found: list[Spike] = []
    for _ in range(_ROUNDS):  # -9 and -99 hide one another: what was found is taken out
        if len(ordered) < 50:
            break
        counts = run_lengths(ordered)
        distinct = ordered[np.cumsum(counts) - 1]
        one = _first(distinct, counts, famous)
        if one is None:
            break
        found.append(one)
        ordered = ordered[ordered != one.value]
    return found


def _first(distinct: np.ndarray, counts: np.ndarray, famous: frozenset[float]) -> Spike | None:
    if len(distinct) < 4:
        return None
    often = np.argsort(-counts, kind="stable")[:12]
    known = np.flatnonzero(np.isin(distinct, list(famous)))
    zero = np.flatnonzero(distinct == 0)
    ends = [0, 1, len(distinct) - 2, len(distinct) - 1]
    for place in sorted({*often.tolist(), *known.tolist(), *zero.tolist(), *ends}):
        if counts[place] < FEWEST:
            continue
        found = _judged(distinct, counts, place, famous)
        if found is not None:
            return found
    return None


@dataclass(frozen=True, eq=False, slots=True)
class _Value:
    """One value among the others of its column: what the rules look at.

    others, weights     the other values, sorted, and their counts; span: from 1 % to 99 % of them, low: the 1 % point
    gap     distance to the nearest other, in spans; edge: whether it is the lowest or highest of all
    near, nearest   most rows of one value among the 25 (3) on either side, 0 left out
    """

    value: float
    count: int
    famous: bool
    others: np.ndarray
    weights: np.ndarray
    span: float
    low: float
    gap: float
    edge: bool
    near: int
    nearest: int

    @property
    def total(self) -> int:
        return int(self.weights.sum()) + self.count


def _judged(distinct: np.ndarray, counts: np.ndarray, place: int, codes: frozenset[float]) -> Spike | None:
    """Say whether the value at this place is a spike of some kind."""
    value = float(distinct[place])
    famous = value in codes
    others, weights = np.delete(distinct, place), np.delete(counts, place)
    low, high = _quantile(others, weights, 0.01), _quantile(others, weights, 0.99)
    span = high - low if high > low else float(others[-1] - others[0])
    if not span > 0:
        return None
    # a frequent 0 is no measure of how often values near it stand, nor is another code
    beside = np.where((others == 0) | (famous & np.isin(others, list(codes))), 0, weights)
    seen = _Value(
        value=value,
        count=int(counts[place]),
        famous=famous,
        others=others,
        weights=weights,
        span=span,
        low=low,
        gap=float(np.abs(others - value).min()) / span,
        edge=place in (0, len(distinct) - 1),
        near=int(beside[max(place - _NEAR, 0) : place + _NEAR].max()),
        nearest=int(beside[max(place - 3, 0) : place + 3].max()),
    )
    how = _kind(seen)
    if how is None:
        return None
    return Spike(
        value=value, count=seen.count, known=seen.total, how=how, gap=seen.gap, neighbour=seen.nearest,
        low=float(others[0]), high=float(others[-1]), famous=famous,
    )  # fmt: skip


def _quantile(values: np.ndarray, counts: np.ndarray, q: float) -> float:
    """Give a quantile of sorted distinct values with counts."""
    upto = np.cumsum(counts)
    return float(values[np.searchsorted(upto, q * upto[-1])])


def _kind(seen: _Value) -> str | None:
    """Name the rule that a value breaks, the surest first; None where it breaks none."""
    if seen.value == 0:
        return "zero" if _zero_apart(seen) else None
    # chance does not repeat its extremes
    repeats = seen.count > 2 * seen.nearest or (seen.famous and seen.gap >= 2)
    if seen.edge and seen.gap >= (0.5 if seen.famous else 1.0) and repeats and seen.count < 0.95 * seen.total:
        return "outside"
    if seen.famous and _off_the_grid(seen.value, seen.others):
        return "grid"
    if _only_negative(seen):
        return "sign"
    where = "edge" if seen.edge else "inside"
    if seen.famous and seen.count >= max(10.0, 0.005 * seen.total) and seen.count > 5 * seen.near:
        return where
    hardly = len(seen.others) >= 0.9 * seen.weights.sum() and seen.count >= max(10.0, 0.01 * seen.total)
    towers = seen.count > 20 * seen.near and seen.count >= 0.02 * seen.total and len(seen.others) >= 100
    return where if (hardly or towers) and seen.count > 5 * seen.near else None


def _zero_apart(seen: _Value) -> bool:
    """Tell whether a rare 0 stands far below all other values; a frequent one, or one near others, is an honest nothing."""
    first = float(seen.others[0])
    far = first > 0 and seen.low / seen.span >= 0.5 and first / seen.span >= 0.15
    return far and seen.count <= 0.05 * seen.total and len(seen.others) >= 20


def _only_negative(seen: _Value) -> bool:
    """Tell whether a famous negative number is the only negative one, and no tail of the others."""
    if not (seen.famous and seen.edge and seen.value < 0 and seen.others[0] >= 0 and len(seen.others) >= 5):
        return False
    first = seen.weights[:2].max()
    sharp = seen.gap * seen.span > 1 or seen.weights[0] >= 0.5 * seen.weights.max() or seen.count > 2 * first
    return bool(sharp) and seen.count >= 0.0005 * seen.total


def _off_the_grid(value: float, others: np.ndarray) -> bool:
    """Tell whether all other values are multiples of a whole number above 1 (rounded to tens, say) and this one is not."""
    if len(others) < 5 or not (np.abs(others) < 2.0**53).all() or (others != np.floor(others)).any():
        return False
    step = int(np.gcd.reduce(others.astype(np.int64)))
    return step > 1 and value % step != 0


def _told(data: CheckedData, name: str, spike: Spike, time: bool) -> Hit:
    values = data.seconds(name)
    places = np.flatnonzero(values == spike.value)
    share = len(places) / data.n
    where = between(data, name, spike.value, spike.value).where
    written, low, high = (_written(v, time) for v in (spike.value, spike.low, spike.high))
    count = f"{rows_text(len(places))} ({part(share)} of {data.n:,})"
    told = {
        "outside": f"{count} hold {written} in {name}; all other values lie between {low} and {high}",
        "sign": f"{count} hold {written} in {name}; all other values are {low} or more",
        "grid": f"{count} hold {written} in {name}; all other values are rounded to larger steps",
        "inside": f"{count} hold exactly {written} in {name}; no value near it stands more than {spike.neighbour:,} times",
        "edge": f"{count} hold exactly {written}, the {'lowest' if spike.value <= spike.low else 'highest'} value of {name}; "
        f"no value near it stands more than {spike.neighbour:,} times",
        "zero": f"{count} hold 0 in {name}; the next value is {low}, far from it",
    }
    means = {
        "outside": ": it looks like a code for unknown",
        "sign": ": it looks like a code for unknown",
        "grid": ": it looks like a code for unknown",
        "inside": ": a default, or a value that was filled in",
        "edge": ": a cap, or a code",
        "zero": ": it may stand for unknown",
    }
    return hit(
        data,
        "missing_code" if spike.how in ("outside", "sign", "zero") or spike.famous else "filled_value",
        _severity(spike, share),
        told[spike.how] + means[spike.how],
        columns=(name,),
        where=where,
        places=places,
        n=len(places),
        estimate=share,
        advice=_CODE,
    )


def _severity(spike: Spike, share: float) -> Severity:
    if spike.how in ("edge", "zero"):
        return "medium" if spike.how == "zero" and spike.gap >= 0.5 else "low"
    if spike.how in ("inside", "grid"):
        return "medium"
    if spike.how == "sign" and spike.neighbour > spike.count / 2 and spike.value > -9:
        return "low"  # a small whole number among others
    if spike.how == "sign":
        return "high" if share >= 0.01 and spike.value <= -9 else "medium"
    return "high" if share >= 0.01 and spike.famous else "medium"


def _written(value: float, time: bool) -> str:
    if not time:
        return say(value) if abs(value) < 1000 else f"{value:,.15g}"
    return str(np.datetime64(round(value), "s")).replace("T00:00:00", "")
