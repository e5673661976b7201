"""A model that is one decision tree, read in raw columns: which values go which way at each node, in words and in SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import NotApplicable, listed
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.joining import conjoined
from modelglass.analysis.models.ensemble import Ensemble
from modelglass.analysis.plain import is_number
from modelglass.analysis.sql_text import literal, quote_name
from modelglass.explainers import rows as shared
from modelglass.explainers.shapley_exact import ExactWay, exact_way, fed

MOST_VALUES = 5_000
"""Different values of a number looked at; between two of them a split is placed by the straight line through both."""
ALL = "all rows"


def tree_of(ev: Evaluation) -> ExactWay | str:
    """Give the way into a model that is one tree, or say why it is none (completing "because ...")."""
    if not hasattr(ev.estimator, "predict"):
        return "the model is no object that can be read"
    way = exact_way(ev, ("tree",))
    if isinstance(way, str):
        no_tree = way.startswith(("the model is of kind", "there is no exact method"))
        return "the model is no decision tree" if no_tree else way
    if way.trees is None:
        return f"the trees of {type(way.made.estimator).__name__} cannot be read"
    count = len(way.trees.trees.starts) - 1
    return way if count == 1 else f"the model is made of {count:,} trees, which nobody reads"


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Values:
    """A raw column as the tree meets it.

    raw     its different values, rising where it is a number, without missing, as objects
    missing whether some are missing; number: whether values have an order
    seen    what the final estimator sees for each of them (missing last), (m + missing, p) codes; numbers: the same before coding
    """

    name: str
    raw: np.ndarray
    missing: bool
    number: bool
    seen: np.ndarray
    numbers: np.ndarray

    def words(self, allowed: np.ndarray, edges: dict[int, tuple[Any, bool]]) -> tuple[str, str]:
        """Say which values are allowed (bool, (m + missing,)): in words, and in SQL.

        ``edges`` holds for place i of a number the split between values i and i + 1 and whether the split itself belongs below.
        """
        m, column = len(self.raw), quote_name(self.name)
        kept, gone = allowed[:m], self.missing and bool(allowed[-1])
        null = f"{column} IS NULL"
        if not kept.any():
            return (f"{self.name} is missing", null) if gone else (f"{self.name} is nothing seen", "FALSE")
        if kept.all():
            return (f"{self.name} is known", f"{column} IS NOT NULL")
        said, sql = self._spans(kept, edges) if self.number else self._levels(kept)
        if gone:
            return f"{said} or missing", f"({sql}) OR {null}"
        return said, sql

    def _levels(self, kept: np.ndarray) -> tuple[str, str]:
        column = quote_name(self.name)
        inside, outside = (self.raw[kept], self.raw[~kept])
        chosen, word, sql = (inside, "is", "IN") if len(inside) <= len(outside) else (outside, "is not", "NOT IN")
        texts = [shared.text(v) for v in chosen]
        names = texts[0] if len(texts) == 1 else f"{listed(texts[:-1], 12)} or {texts[-1]}"
        return f"{self.name} {word} {names}", f"{column} {sql} ({', '.join(literal(_plain(v)) for v in chosen)})"

    def _spans(self, kept: np.ndarray, edges: dict[int, tuple[Any, bool]]) -> tuple[str, str]:
        column = quote_name(self.name)
        flips = np.flatnonzero(np.diff(np.r_[False, kept, False].astype(int)))
        words, sql = [], []
        for first, stop in zip(flips[::2], flips[1::2], strict=True):
            low = edges.get(int(first) - 1) if first else None
            high = edges.get(int(stop) - 1) if stop < len(kept) else None
            parts = [f"{column} {'>' if low[1] else '>='} {literal(low[0])}"] if low else []
            parts += [f"{column} {'<=' if high[1] else '<'} {literal(high[0])}"] if high else []
            left = f"{shared.text(low[0])} {'<' if low[1] else '<='} " if low and high else ""
            right = f" {'<=' if high[1] else '<'} {shared.text(high[0])}" if high else (
                f" {'>' if low and low[1] else '>='} {shared.text(low[0])}" if low else "")  # fmt: skip
            words.append(f"{left}{self.name}{right}")
            sql.append(" AND ".join(parts))
        return " or ".join(words), " OR ".join(sql)


class OwnTree:
    """The tree's nodes in preorder, with what each holds in raw columns, and which rows reach it.

    Raises
    ------
    NotApplicable
        The model is no single tree, or its columns cannot be followed.
    """

    def __init__(self, ev: Evaluation):
        shared.need_model(ev)
        way = tree_of(ev)
        if isinstance(way, str):
            raise NotApplicable(way)
        assert way.trees is not None  # tree_of has looked
        self.ev, self.way, self.encode = ev, way, way.trees.encode
        self.tree: Ensemble = way.trees.trees
        self.raw_index = way.made.raw_index
        names = list(fed(ev, ev.inputs().iloc[:1]).columns)
        asked = sorted({int(self.raw_index[f]) for f in self.tree.feature[self.tree.right >= 0]})
        self.values = {j: self._values(names[j]) for j in asked if j >= 0}
        self.edges: dict[int, dict[int, tuple[Any, bool]]] = {j: {} for j in self.values}
        self.lefts = {i: self._left(i) for i in np.flatnonzero(self.tree.right >= 0).tolist()}
        self.allowed = self._allowed()

    def _values(self, name: str) -> Values:
        column = self.ev.whole.inputs()[name]
        number = is_number(column) or pd.api.types.is_datetime64_any_dtype(column.dtype)
        first = ~column.duplicated().to_numpy() & column.notna().to_numpy()
        donors = np.flatnonzero(first)
        if number:
            donors = donors[np.argsort(column.iloc[donors].to_numpy(), kind="stable")]
            if len(donors) > MOST_VALUES:
                donors = donors[np.unique(np.linspace(0, len(donors) - 1, MOST_VALUES).round().astype(int))]
        raw = column.iloc[donors].to_numpy(dtype=object)
        missing = bool(column.isna().any())
        if missing:
            donors = np.r_[donors, np.flatnonzero(column.isna().to_numpy())[0]]
        inputs = self.ev.whole.inputs()
        choice = np.zeros((len(donors), inputs.shape[1]), dtype=np.int64)
        choice[:, list(inputs.columns).index(name)] = donors
        numbers = self._numbers(shared.Stack(inputs).rows(choice))
        return Values(
            name=name, raw=raw, missing=missing, number=number, seen=self.tree.codes(numbers).T, numbers=numbers
        )

    def _numbers(self, frame: pd.DataFrame) -> np.ndarray:
        return self.encode(self.way.made.transform(fed(self.ev, frame)))

    def _goes_left(self, node: int, codes: np.ndarray) -> np.ndarray:
        """Tell which rows (n, p codes) go left at a node."""
        t = self.tree
        x = codes[:, t.feature[node]]
        if t.listed[node] >= 0:
            return t.goes_left[t.listed[node] + x.astype(np.int64)] == 1
        return (x + t.shift[node]).astype(x.dtype) <= t.cut[node]

    def _left(self, node: int) -> np.ndarray:
        """Tell which values of the asked raw column go left, and place the splits between numbers."""
        j = int(self.raw_index[self.tree.feature[node]])
        if j < 0:
            return np.ones(1, dtype=bool)
        values = self.values[j]
        left = self._goes_left(node, values.seen)
        if values.number and self.tree.listed[node] < 0:
            m = len(values.raw)
            for i in np.flatnonzero(left[: m - 1] != left[1:m]):
                self.edges[j].setdefault(int(i), self._edge(node, values, int(i), bool(left[i])))
        return left

    def _edge(self, node: int, values: Values, i: int, below: bool) -> tuple[Any, bool]:
        """Give the split between two neighbouring raw values, and whether it belongs to the values below it."""
        t, f = self.tree, self.tree.feature[node]
        threshold = float(np.asarray(t.tables[f])[int(t.cut[node]) - int(t.shift[node])])
        a, b = (_as_float(values.raw[k]) for k in (i, i + 1))
        x, y = (float(values.numbers[k, f]) for k in (i, i + 1))
        share = (threshold - x) / (y - x) if np.isfinite(x) and np.isfinite(y) and x != y else 0.5
        found = a + min(max(share, 0.0), 1.0) * (b - a)
        inclusive = below != t.strict  # the threshold itself goes left, or right where strict
        if (inclusive and found >= b) or (not inclusive and found <= a):  # by rounding
            found = a + (b - a) / 2
        return (pd.Timestamp(int(found)) if isinstance(values.raw[i], pd.Timestamp) else _short(found, a, b)), inclusive

    def _allowed(self) -> list[dict[int, np.ndarray]]:
        """For each node: raw column -> which of its values are in it."""
        t = self.tree
        out: list[dict[int, np.ndarray]] = [{} for _ in t.right]
        for node in np.flatnonzero(t.right >= 0).tolist():
            j, left = int(self.raw_index[t.feature[node]]), self.lefts[node]
            for child, side in ((node + 1, left), (t.right[node], ~left)):
                above = out[node]
                if j < 0:
                    out[child] = dict(above)
                    continue
                out[child] = {**above, j: side & above[j] if j in above else side}
        return out

    def rule(self, node: int) -> tuple[str, str]:
        """Say the condition that leads from the parent to a node, in words and SQL."""
        parent = int(self.tree.parent[node])
        if parent < 0:
            return ALL, "TRUE"
        j = int(self.raw_index[self.tree.feature[parent]])
        if j < 0:
            return "whatever its columns", "TRUE"
        left = self.lefts[parent]
        return self.values[j].words(left if node == parent + 1 else ~left, self.edges[j])

    def region(self, node: int) -> tuple[str, str]:
        """Say all that holds in a node, each column once."""
        said = [self.values[j].words(a, self.edges[j]) for j, a in self.allowed[node].items() if not a.all()]
        if not said:
            return ALL, "TRUE"
        sql = conjoined(*(part for _, part in said))
        assert sql is not None  # no part is
        return " and ".join(w for w, _ in said), sql

    def reached(self, frame: pd.DataFrame) -> np.ndarray:
        """Tell which raw rows reach which node, bool (n, nodes)."""
        codes, t = self.tree.codes(self._numbers(frame)).T, self.tree
        out = np.zeros((len(frame), len(t.right)), dtype=bool)
        out[:, 0] = True
        for node in np.flatnonzero(t.right >= 0).tolist():
            left = self._goes_left(node, codes)
            out[:, node + 1], out[:, t.right[node]] = out[:, node] & left, out[:, node] & ~left
        return out

    def table(self, answers: np.ndarray, reached: np.ndarray) -> pd.DataFrame:
        """Give one row a node as ``draw_nodes`` takes it; answers (n,) of the model for the rows, reached (n, nodes)."""
        weight = np.ones(len(answers)) if self.ev.weight is None else self.ev.weight
        records: list[dict[str, Any]] = []
        for node in range(len(self.tree.right)):
            inside = reached[:, node]
            mass = weight[inside].sum()
            (rule, _), (words, where) = self.rule(node), self.region(node)
            records.append(
                {
                    "node": node,
                    "parent": int(self.tree.parent[node]),
                    "depth": int(self.tree.depth[node]),
                    "leaf": bool(self.tree.right[node] < 0),
                    "rule": rule,
                    "slice": words,
                    "where": where,
                    "estimate": float(weight[inside] @ answers[inside] / mass) if mass > 0 else np.nan,
                    "low": np.nan,
                    "high": np.nan,
                    "n": int(inside.sum()),
                    "rows": int(inside.sum()),
                }
            )
        return pd.DataFrame(records)


def _short(found: float, a: float, b: float) -> float:
    """Give the shortest number next to a split between two values: splits kept in 32 bits have long tails."""
    for digits in range(1, 16):
        short = float(f"{found:.{digits}g}")
        if a < short < b and abs(short - found) <= 1e-5 * (b - a):
            return short
    return float(found)


def _as_float(value: Any) -> float:
    return float(pd.Timestamp(value).value) if isinstance(value, (pd.Timestamp, np.datetime64)) else float(value)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
