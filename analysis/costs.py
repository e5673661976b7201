"""What decisions cost, row by row, and at every threshold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from modelglass.analysis.errors import InputError, unknown_name
from modelglass.analysis.estimated import agree, rows_text
from modelglass.analysis.groups import Rows, plain_moments
from modelglass.analysis.intervals import skewed
from modelglass.analysis.ranking import Ranking, earlier, kish

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

CELLS = ("tp", "fp", "fn", "tn")
_WANTED = "Expected costs of tp, fp, fn and tn as numbers or columns, such as fp=1, fn=5 or fn=0.4*amount."

Said = dict[str, float | str]
Interval = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Costs:
    """What each row costs when it is flagged and when it is left, each of shape (n,); ``said`` is how a person wrote it."""

    said: Said
    flagged: np.ndarray
    left: np.ndarray

    def of(self, decided: np.ndarray) -> np.ndarray:
        """Give the cost of each row as decided, (n,)."""
        return np.where(decided, self.flagged, self.left)

    def cut(self, places: np.ndarray) -> Costs:
        """Give the same of some rows, in that order."""
        return Costs(said=self.said, flagged=self.flagged[places], left=self.left[places])


def read_costs(costs: Mapping[str, Any] | str | None) -> Said | None:
    """Read the cost of a row of each kind; what is not named costs 0, a gain is negative.

    A cost is a number, a column with an amount for each row, or a number times a column.

    >>> read_costs("fp=1, fn=5")
    {'tp': 0.0, 'fp': 1.0, 'fn': 5.0, 'tn': 0.0}
    >>> read_costs("tp=-0.2*amount, fn=amount")["tp"]
    '-0.2*amount'
    """
    if costs is None or costs == "":
        return None
    if isinstance(costs, str):
        pairs = [
            re.fullmatch(r"\s*(\w+)\s*[=:]\s*(\S.*?)\s*", part) for part in re.split(r"[,;]", costs) if part.strip()
        ]
        if None in pairs:
            raise InputError(_WANTED, f"Got {costs!r}.", "Write each as name=number, separated by commas.")
        names = [pair[1] for pair in pairs if pair]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InputError(_WANTED, f"Got two costs of {twice!r}.", "Give each once.")
        costs = {pair[1]: pair[2] for pair in pairs if pair}
    if not isinstance(costs, Mapping):
        raise InputError(_WANTED, f"Got {costs!r}.", "Write e.g. costs={'fp': 1, 'fn': 5}.")
    unknown = [str(name) for name in costs if name not in CELLS]
    if unknown:
        raise InputError(_WANTED, f"Got a cost of {unknown[0]!r}.", "Use the names tp, fp, fn and tn.")
    found = {name: _read_one(costs.get(name, 0.0)) for name in CELLS}
    if found["tp"] == found["fn"] and found["fp"] == found["tn"]:
        raise InputError(
            "Expected costs that depend on the decision.",
            "Got tp = fn and fp = tn, so every threshold costs the same.",
            "Give fp or fn a cost of its own.",
        )
    return found


def _read_one(value: Any) -> float | str:
    try:
        number = float(value)
    except (TypeError, ValueError):
        if isinstance(value, str) and value.strip():
            return value.strip()
        raise InputError(_WANTED, f"Got {value!r}.", "A gain is a negative cost.") from None
    if not np.isfinite(number):
        raise InputError(_WANTED, "Got a cost that is not finite.", "A gain is a negative cost.")
    return number


def factor_and_column(text: str) -> tuple[float, str]:
    """Read "amount", "-amount" or "0.4*amount".

    >>> factor_and_column("-0.4 * amount"), factor_and_column("-amount")
    ((-0.4, 'amount'), (-1.0, 'amount'))
    """
    left, times, right = text.partition("*")
    if times:
        try:
            return float(left), right.strip()
        except ValueError:
            pass
    return (-1.0, text[1:].strip()) if text.startswith("-") else (1.0, text)


def costs_of(ev: Evaluation, said: Said, y: np.ndarray) -> Costs:
    """Give the costs of the rows of an Evaluation; ``y`` (n,) is 1 for the positive class.

    Raises
    ------
    InputError
        A column that does not exist, holds no numbers, or lacks some.
    """
    return given_costs(said, {cell: _amounts(ev, value) for cell, value in said.items()}, y)


def _amounts(ev: Evaluation, value: float | str) -> float | np.ndarray:
    if not isinstance(value, str):
        return value
    known = [c for c in ev.columns if c != ev.target]
    factor, name = (1.0, value) if value in known else factor_and_column(value)
    if name not in known:
        raise unknown_name("column with amounts", name, known)
    if ev.columns[name].kind != "numeric":
        raise InputError(
            "Expected a column of numbers as a cost.",
            f"The column {name!r} is {ev.columns[name].kind}.",
            "Name another.",
        )
    amounts = ev.frame[name].to_numpy(dtype=float, na_value=np.nan)
    lacking = int((~np.isfinite(amounts)).sum())
    if lacking:
        raise InputError(
            f"Expected an amount in every row of {name!r}.",
            f"{rows_text(lacking)} of {len(amounts):,} {agree(lacking, 'has', 'have')} none.",
            "Keep the rows that have one with a condition, or fill the others in.",
        )
    return factor * amounts


def given_costs(said: Said, values: Mapping[str, Any], y: np.ndarray) -> Costs:
    """Give the costs of rows from a number or an array of shape (n,) for each cell."""
    positive = np.asarray(y) == 1
    return Costs(
        said=said,
        flagged=np.where(positive, values["tp"], values["fp"]).astype(float),
        left=np.where(positive, values["fn"], values["tn"]).astype(float),
    )


def said_of(costs: Mapping[str, Any]) -> Said:
    """Write costs given as numbers or arrays as a person would."""
    return {
        cell: "an amount a row" if np.ndim(costs.get(cell, 0.0)) else _read_one(costs.get(cell, 0.0)) for cell in CELLS
    }


# every threshold -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Costing:
    """Costs along a ranking. ``entry`` (n,): from which of its entries on each row is flagged, 1 to k."""

    entry: np.ndarray
    size: int
    costs: Costs
    weight: np.ndarray | None
    cluster: np.ndarray | None

    @property
    def moved(self) -> np.ndarray:
        """What flagging each row adds to the total, (n,)."""
        moved = self.costs.flagged - self.costs.left
        return moved if self.weight is None else moved * self.weight

    def total(self) -> np.ndarray:
        """Give the summed cost when the first 0, 1, ... k entries are flagged: (k + 1,)."""
        left = self.costs.left if self.weight is None else self.costs.left * self.weight
        return left.sum() + np.cumsum(np.bincount(self.entry, self.moved, minlength=self.size + 1))

    def mean(self, place: np.ndarray, level: float) -> Interval:
        """Give (estimate, low, high), each (t,), of the mean cost per unit of weight at some entries.

        t interval corrected for skewness (Hall 1992) as in ``estimates_values.mean_of``; with weights by Kish's n, and with
        clusters without the correction for skewness.
        """
        place = np.asarray(place)
        rising = np.argsort(place, kind="stable")
        column = np.searchsorted(place[rising], self.entry, side="left")
        size, n = len(place), len(self.entry)
        w = np.ones(n) if self.weight is None else self.weight
        centre = float(w @ (self.costs.flagged + self.costs.left)) / (2 * w.sum())
        flagged, left = self.costs.flagged - centre, self.costs.left - centre

        def summed(a: np.ndarray, b: np.ndarray | float) -> np.ndarray:
            """Sum a over the flagged rows and b over the others, at each place."""
            parts = np.bincount(column, a - b, minlength=size + 1)
            out = np.empty(size)
            out[rising] = np.cumsum(parts)[:size] + np.sum(b)
            return out

        whole = float(w.sum())
        mean = summed(w * flagged, w * left) / whole
        if self.cluster is None:
            square, third = self._moments(summed, w, flagged, left, mean)
            units = kish(whole, (w * w).sum())
            moments = plain_moments(square / whole**2, third / whole**3, np.full(size, units))
        else:
            square, count = self._clustered(summed, w, flagged, left, mean)
            moments = plain_moments(square / whole**2, np.zeros(size), np.full(size, float(count)))
        low, high = skewed(mean + centre, moments.variance, moments.skewness, level, moments.df)
        none = ~(moments.variance > 1e-24 * np.maximum(1.0, np.abs(mean + centre)) ** 2)
        return mean + centre, np.where(none, np.nan, low), np.where(none, np.nan, high)

    def _moments(self, summed, w, flagged, left, mean) -> tuple[np.ndarray, np.ndarray]:
        """Sum the second and third powers of weight times (cost - mean)."""
        w2, w3 = w * w, w**3
        one_, two = summed(w2 * flagged, w2 * left), summed(w2 * flagged**2, w2 * left**2)
        square = two - 2 * mean * one_ + mean**2 * w2.sum()
        by_power = [summed(w3 * flagged**p, w3 * left**p) for p in (1, 2, 3)]
        third = by_power[2] - 3 * mean * by_power[1] + 3 * mean**2 * by_power[0] - mean**3 * w3.sum()
        return np.maximum(square, 0.0), third

    def _clustered(self, summed, w, flagged, left, mean) -> tuple[np.ndarray, int]:
        """Sum over clusters the squared sum of weight times (cost - mean); and count the clusters."""
        _, code = np.unique(np.asarray(self.cluster), return_inverse=True)
        code = code.ravel()
        falling = np.argsort(self.entry, kind="stable")
        moved, before = w * (flagged - left), np.empty(len(w))
        before[falling] = earlier(code[falling], moved[falling])
        base, mass = np.bincount(code, w * left), np.bincount(code, w)
        nothing = np.zeros(len(w))
        squares = summed(2 * moved * base[code] + (2 * before + moved) * moved, nothing) + (base**2).sum()
        cross = summed(moved * mass[code], nothing) + (base * mass).sum()
        return np.maximum(squares - 2 * mean * cross + mean**2 * (mass**2).sum(), 0.0), len(base)


def costing(ranking: Ranking, rows: Rows, costs: Costs) -> Costing:
    """Give the costs of some rows along their ranking."""
    return Costing(
        entry=ranking.place(np.asarray(rows.score)),
        size=len(ranking.threshold),
        costs=costs,
        weight=rows.weight,
        cluster=rows.cluster,
    )
