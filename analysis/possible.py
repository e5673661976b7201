"""Rows as numbers that a search can move, kept possible."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.constraints import FAR, ColumnRule, Constraints, Together, numbers

OPERATIONS = {"sum": np.add, "difference": np.subtract, "product": np.multiply, "ratio": np.divide}


class Space:
    """Raw rows as float64 of shape (n, p): numbers as they are (dates as seconds), levels as places in ``levels[j]``, NaN missing.

    Attributes
    ----------
    free : int array
        Columns that a search may move: neither immutable nor derived.
    number : bool array, shape (p,)
    smooth : bool array, shape (p,)
        Numbers that a search may move by any amount.
    per : float array, shape (p,)
        Cost of a change by 1 of a number, or of another level; infinite where the column stays, 0 where it follows from others.
    """

    def __init__(self, rules: Constraints, frame: pd.DataFrame):
        self.rules, self.frame = rules, frame
        self.names = list(frame.columns)
        self.of = [rules.columns[n] for n in self.names]
        self._place = {n: j for j, n in enumerate(self.names)}
        derived = [t for t in rules.together if t.kind == "derived"]
        self.derived = _in_order(derived)
        after = {self._place[t.columns[-1]] for t in derived}
        self.number = np.array([r.kind == "number" for r in self.of])
        self.levels: dict[int, list[Any]] = {}
        self.X = np.column_stack([self._coded(j, frame) for j in range(len(self.names))]).astype(float)
        self.free = np.array([j for j, r in enumerate(self.of) if r.free and j not in after], dtype=np.int64)
        self.per = np.full(len(self.names), np.inf)
        for j in self.free:
            self.per[j] = self.of[j].cost / (self.of[j].spread if self.number[j] else 1.0)
        self.per[list(after)] = 0.0
        self._tables = {t.columns[-1]: self._codes_of(t) for t in self.derived if t.by == "table"}
        self.apart = [t for t in rules.together if t.kind == "apart"]
        self._never = {t.columns: self._never_of(t.columns) for t in self.apart}
        self._stays = self._staying()
        self._low, self._high = np.array([r.low for r in self.of]), np.array([r.high for r in self.of])
        self._up = np.array([r.direction == "up" for r in self.of])
        self._down = np.array([r.direction == "down" for r in self.of])
        free = np.isin(np.arange(len(self.names)), self.free)
        self.smooth = free & self.number & np.array([r.step == 0 for r in self.of])
        self._stepped = [int(j) for j in np.flatnonzero(free & ~self.smooth)]
        self._plain = {j: d for j, t in enumerate(frame.dtypes) if (d := self._plain_dtype(j, t)) is not None}

    def code(self, frame: pd.DataFrame) -> np.ndarray:
        """Give other rows as numbers, shape (m, p); a level that is not known here is NaN."""
        return np.column_stack([self._coded(j, frame, add=False) for j in range(len(self.names))]).astype(float)

    def _coded(self, j: int, frame: pd.DataFrame, add: bool = True) -> np.ndarray:
        column, rule = frame[self.names[j]], self.of[j]
        if rule.kind == "number":
            return numbers(column)
        if rule.kind == "fixed":
            return np.zeros(len(column))
        values = column.astype(object)
        if add:
            known = list(rule.levels)
            self.levels[j] = known + [v for v in pd.unique(values.dropna()) if v not in set(known)]
        codes = pd.Index(self.levels[j], dtype=object).get_indexer(values)
        return np.where(codes < 0, np.nan, codes)

    def reaches(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the lowest and highest value to which each number of rows may move, (m, p) each; its own where it stays."""
        before = self.X[places]
        stays = self._stays[places] | ~np.isin(np.arange(len(self.names)), self.free)
        low, high = self._bounds(before)
        return np.where(stays, before, low), np.where(stays, before, high)

    def stays(self, places: np.ndarray) -> np.ndarray:
        """Tell which cells of rows never move, shape (m, p): missing or infinite ones, and codes that stand for something else."""
        return self._stays[places]

    def keep(self, cells: np.ndarray) -> None:
        """Let more cells stay as they are, bool (n, p)."""
        self._stays = self._stays | cells

    def _staying(self) -> np.ndarray:
        """Cells that never move: missing or infinite ones, and codes that stand for something else."""
        out = ~np.isfinite(self.X)
        for j, rule in enumerate(self.of):
            if rule.codes:
                out[:, j] |= np.isin(self.X[:, j], rule.codes)
        return out

    def _codes_of(self, link: Together) -> dict[float, float]:
        """Give a table of values as a table of the numbers used here."""
        i, j = (self._place[c] for c in link.columns)
        got = {}
        for a, b in link.table.items():
            got[self._number_of(i, a)] = self._number_of(j, b)
        return got

    def _never_of(self, columns: tuple[str, ...]) -> np.ndarray:
        """Give which places of levels never stand beside each other, (of the one + 1, of the other + 1) bool; the last ones: missing."""
        i, j = (self._place[c] for c in columns)
        never = np.zeros((len(self.levels[i]) + 1, len(self.levels[j]) + 1), dtype=bool)
        for a, b in (pair for t in self.apart if t.columns == columns for pair in t.pairs()):
            if a in self.levels[i] and b in self.levels[j]:
                never[self.levels[i].index(a), self.levels[j].index(b)] = True
        return never

    def clash(self, link: Together, places: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Tell which changed rows hold levels that never stand beside each other, (m,), where they did not do so before."""
        at = [self._place[c] for c in link.columns]
        never, part = self._never[link.columns], X[:, at]
        codes = np.where(np.isnan(part), -1, part).astype(np.int64)
        return never[codes[:, 0], codes[:, 1]] & (part != self.X[places][:, at]).any(axis=1)

    def _number_of(self, j: int, value: Any) -> float:
        if j not in self.levels:
            return float(value)
        return float(self.levels[j].index(value)) if value in self.levels[j] else np.nan

    def cost(self, places: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Cost of changed rows, shape (m,): over their changed columns cost * |change| / spread, or cost for another level."""
        return self.costs(places, X).sum(axis=1)

    def costs(self, places: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Cost of each column of changed rows, shape (m, p)."""
        with np.errstate(invalid="ignore"):  # an infinite value that stays costs nothing
            off = np.abs(X - self.X[places])
            off[:, ~self.number] = off[:, ~self.number] > 0
            cost = off * np.where(np.isfinite(self.per), self.per, 0.0)
        return np.where(np.isnan(cost), 0.0, cost)

    def project(self, places: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Move rows to the nearest possible values: cells that stay, ranges, steps, directions, derived columns, sums. A copy."""
        before, stays = self.X[places], self._stays[places]
        going = ~stays & (before != X) & ~np.isnan(X)
        out = self._clipped(before, X, going)
        for j in self._stepped:
            moved = going[:, j]
            if moved.any():
                out[moved, j] = self._nearest(j, self.of[j], before[moved, j], X[moved, j])
        for link in self.rules.together:
            if link.kind == "sum":
                self._resum(link, before, out, stays)
        self._follow(before, out, stays)
        return out

    def _clipped(self, before: np.ndarray, X: np.ndarray, going: np.ndarray) -> np.ndarray:
        """Move the numbers without steps of all columns at once; where no value is allowed they stay."""
        low, high = self._bounds(before)
        got = np.clip(X, low, high)
        return np.where(going & self.smooth & (got >= low), got, before)

    def _bounds(self, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the ranges of numbers as the directions narrow them, (m, p), or (p,) where none does."""
        low = np.where(self._up, np.maximum(self._low, before), self._low) if self._up.any() else self._low
        high = np.where(self._down, np.minimum(self._high, before), self._high) if self._down.any() else self._high
        return low, high

    def _nearest(self, j: int, rule: ColumnRule, before: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        if not self.number[j]:
            allowed = np.rint(wanted)
            return np.where((allowed >= 0) & (allowed < len(rule.levels)), allowed, before)
        low = np.maximum(rule.low, before if rule.direction == "up" else -np.inf)
        high = np.minimum(rule.high, before if rule.direction == "down" else np.inf)
        got = np.clip(wanted, low, high)
        if rule.step:
            got = on_step(rule, got)
            got = np.where(got < low - FAR * rule.step, on_step(rule, got + rule.step), got)
            got = np.where(got > high + FAR * rule.step, on_step(rule, got - rule.step), got)
        return np.where(
            (got < low - FAR * rule.step) | (got > high + FAR * rule.step) | (wanted == before), before, got
        )

    def _resum(self, link: Together, before: np.ndarray, out: np.ndarray, stays: np.ndarray) -> None:
        """Let the members that were not moved take up what the moved ones added."""
        at = np.array([self._place[c] for c in link.columns])
        ends = [abs(v) for j in at for v in (self.of[j].low, self.of[j].high) if np.isfinite(v)]
        dust = 1e-12 * max(abs(link.value), *ends, 0.0)  # a rest of binary fractions, no change
        excess = out[:, at].sum(axis=1) - before[:, at].sum(axis=1)
        mobile = np.isin(at, self.free) & ~stays[:, at] & (out[:, at] == before[:, at])
        for i, j in enumerate(at):
            rule = self.of[j]
            low = np.maximum(rule.low, before[:, j] if rule.direction == "up" else -np.inf)
            high = np.minimum(rule.high, before[:, j] if rule.direction == "down" else np.inf)
            takes = np.where(
                mobile[:, i] & ~(np.abs(excess) <= dust), np.clip(out[:, j] - excess, low, high) - out[:, j], 0.0
            )
            value = out[:, j] + takes
            if rule.step:  # 0.357 - 0.001 is 0.356, as data would hold it
                near = on_step(rule, value)
                value = np.where((takes != 0) & (np.abs(near - value) <= dust), near, value)
            out[:, j] = value
            excess = excess + takes

    def _follow(self, before: np.ndarray, out: np.ndarray, stays: np.ndarray) -> None:
        for link in self.derived:
            *sources, last = (self._place[c] for c in link.columns)
            moved = (
                (out[:, sources] != before[:, sources]).any(axis=1) & ~stays[:, last] & ~stays[:, sources].any(axis=1)
            )
            if not moved.any():
                continue
            out[moved, last] = self.followed(link, out[moved])

    def followed(self, link: Together, X: np.ndarray, *, rounded: bool = True) -> np.ndarray:
        """Give what follows from the other columns of rows, shape (m,), on its steps if ``rounded``; NaN where the data show nothing."""
        *sources, last = (self._place[c] for c in link.columns)
        if link.by == "table":
            table = self._tables[link.columns[-1]]
            return np.array([table.get(v, np.nan) for v in X[:, sources[0]]])
        if link.by == "line":
            got = link.value * X[:, sources[0]] + link.shift
        else:
            with np.errstate(all="ignore"):
                got = OPERATIONS[link.by](X[:, sources[0]], X[:, sources[1]])
        rule = self.of[last]
        return on_step(rule, got) if rule.step and rounded else got

    def possible(self, places: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Tell which projected rows are possible, shape (m,): what projecting cannot mend."""
        before, good = self.X[places], np.ones(len(X), dtype=bool)
        good &= (np.isfinite(X) | self._stays[places]).all(axis=1)
        for link in self.rules.together:
            at = [self._place[c] for c in link.columns]
            part = X[:, at]
            if link.kind == "order":
                good &= ~(part[:, :-1] > part[:, 1:]).any(axis=1) | (part == before[:, at]).all(axis=1)
            elif link.kind == "sum":
                good &= (np.abs(part.sum(axis=1) - before[:, at].sum(axis=1)) <= FAR * abs(link.value)) | np.isnan(
                    part
                ).any(axis=1)
            elif link.kind == "apart":
                good &= ~self.clash(link, places, X)
            elif link.kind == "derived":
                last, rule = at[-1], self.of[at[-1]]
                changed = X[:, last] != before[:, last]
                if rule.immutable:
                    good &= ~changed
                if rule.kind == "levels":
                    good &= ~changed | (X[:, last] < len(rule.levels))
                if self.number[last]:
                    edge = (
                        FAR * max(abs(rule.low), abs(rule.high), rule.step)
                        if np.isfinite([rule.low, rule.high]).all()
                        else 0.0
                    )
                    good &= ~changed | ((X[:, last] >= rule.low - edge) & (X[:, last] <= rule.high + edge))
                    good &= ~((rule.direction == "up") & (X[:, last] < before[:, last]))
                    good &= ~((rule.direction == "down") & (X[:, last] > before[:, last]))
                sources = at[:-1]
                moved = (X[:, sources] != before[:, sources]).any(axis=1)
                good &= ~(moved & self._stays[places][:, [*sources, last]].any(axis=1))
        return good

    def rows(self, places: np.ndarray, X: np.ndarray) -> pd.DataFrame:
        """Give raw rows with every dtype kept; cells that did not move are the raw ones."""
        before = self.X[places]
        if len(self._plain) == len(self.names) and len(set(self._plain.values())) == 1:
            return pd.DataFrame(self._plainly(before, X, self._plain[0]), columns=self.frame.columns)
        made: dict[str, Any] = {}
        for j, name in enumerate(self.names):
            if j in self._plain:
                made[name] = self._plainly(before[:, j], X[:, j], self._plain[j])
                continue
            column = self.frame[name].take(places).reset_index(drop=True)
            moved = (X[:, j] != before[:, j]) & ~np.isnan(X[:, j])
            if moved.any():
                column = self._set(j, column, moved, X[moved, j])
            made[name] = column
        return pd.DataFrame(made, copy=False)

    def _plain_dtype(self, j: int, dtype: Any) -> np.dtype[Any] | None:
        """Give the type of a column whose raw values are exactly the numbers used here; None for all others."""
        if (
            not self.number[j]
            or self.of[j].dates
            or not isinstance(dtype, np.dtype)
            or dtype.kind not in "iuf"
            or dtype.itemsize > 8
        ):
            return None
        return dtype if dtype.kind == "f" or np.abs(self.X[:, j]).max(initial=0) < 2**53 else None

    @staticmethod
    def _plainly(before: np.ndarray, X: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
        """Give numbers as raw values; NaN stands for what did not move."""
        values = np.where(np.isnan(X), before, X)
        return (values if dtype.kind == "f" else np.rint(values)).astype(dtype)

    def code_column(self, name: str, column: pd.Series) -> np.ndarray:
        """Give other values of one column as numbers, shape (n,); a level that is not known here is NaN."""
        return self._coded(self._place[name], pd.DataFrame({name: column}), add=False).astype(float)

    def place(self, name: str) -> int:
        """Give the place of a column."""
        return self._place[name]

    def moved_columns(self, X: np.ndarray) -> dict[str, pd.Series]:
        """Give the raw columns in which all rows as numbers, shape (n, p), differ from what they were; the index is the frame's."""
        made = {}
        for j in np.flatnonzero(((self.X != X) & ~np.isnan(X)).any(axis=0)):
            moved = (self.X[:, j] != X[:, j]) & ~np.isnan(X[:, j])
            name = self.names[j]
            made[name] = self._set(int(j), self.frame[name].reset_index(drop=True), moved, X[moved, j]).set_axis(
                self.frame.index
            )
        return made

    def _set(self, j: int, column: pd.Series, moved: np.ndarray, values: np.ndarray) -> pd.Series:
        dtype = column.dtype
        if j in self.levels:
            whole = column.astype(object).to_numpy(copy=True)
            known = np.empty(len(self.levels[j]), dtype=object)
            known[:] = self.levels[j]
            whole[moved] = known[values.astype(np.int64)]
            return pd.Series(whole, dtype=object).astype(dtype)
        if self.of[j].dates:
            stamps = pd.to_datetime(np.rint(values * 1e6).astype("int64"), unit="us")
            if getattr(dtype, "tz", None) is not None:
                stamps = stamps.tz_localize("UTC").tz_convert(dtype.tz)
            column = column.copy()
            column[moved] = stamps.astype(dtype)
            return column.astype(dtype)
        if pd.api.types.is_integer_dtype(dtype):
            values = np.rint(values).astype("int64")
        column = column.copy()
        column[moved] = (
            values.astype(getattr(dtype, "numpy_dtype", dtype))
            if not isinstance(dtype, np.dtype)
            else values.astype(dtype)
        )
        return column.astype(dtype)


def on_step(rule: ColumnRule, values: np.ndarray) -> np.ndarray:
    """Round to the nearest step; decimal steps give the decimal number that data would hold."""
    got = rule.origin + np.rint((values - rule.origin) / rule.step) * rule.step
    if rule.step >= 1:
        return got
    decimals = int(np.ceil(-np.log10(rule.step))) + 1
    return np.round(got, min(decimals, 12))


def _in_order(links: list[Together]) -> list[Together]:
    """Put what follows from others after what those follow from."""
    done: list[Together] = []
    waiting = list(links)
    while waiting:
        later = {t.columns[-1] for t in waiting}
        ready = [t for t in waiting if not set(t.columns[:-1]) & later]
        if not ready:
            return [*done, *waiting]
        done += ready
        waiting = [t for t in waiting if t not in ready]
    return done
