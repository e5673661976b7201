"""A small readable tree that imitates the model: how well it does, and where it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.coding import Coding
from modelglass.analysis.curves import chosen_class
from modelglass.analysis.discovery import codings_of
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.estimates import estimate
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.groups import Groups, Rows
from modelglass.analysis.growing import Node, grow, members
from modelglass.analysis.halves import halves
from modelglass.analysis.joining import conjoined
from modelglass.analysis.known_features import known_features
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.performance import check_level, shown
from modelglass.analysis.progress import Progress, span, tell
from modelglass.analysis.regions import region
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.explainers import rows as shared

BINS, FEWEST_ROWS, FEWEST_JUDGED = 32, 100, 20
ALL = "all rows"
Floats = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class SurrogateTree(Result):
    """A tree of conditions grown on the model's answers by half of the rows; every number from the other half.

    nodes     one row per node, the root first: node, parent (-1 of the root), depth, leaf, rule (its condition given its parent's), slice (all
              conditions, in words), where (the same in SQL), estimate (mean answer of the model), low, high (interval of that mean; NaN below 200
              effective rows), n (rows of the judging half), rows (in all), and of leaves: says (the tree's answer there), off (mean |tree - model|), missed
              (share of all squared differences), otherwise (share of decisions that differ; NaN in regression)
    fidelity  measure ("share of the answers' variance" (R2), "same decision"), estimate, low, high, n
    group     whose score, or the target; scale: its unit
    """

    nodes: pd.DataFrame
    fidelity: pd.DataFrame
    group: str
    scale: str
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row per node."""
        return self.nodes

    @property
    def leaves(self) -> pd.DataFrame:
        """Give the leaves."""
        return self.nodes[self.nodes["leaf"]]

    def sentence(self) -> str:
        """Say how well the tree imitates the model, and where it does worst."""
        if len(self.nodes) == 1:
            return f"No condition parts the model's answers for {self.group}; a tree has no branch."
        told = []
        for row in self.fidelity.itertuples():
            ends = (
                f" ({100 * self.settings['level']:.4g} % interval {row.low:.1%} to {row.high:.1%})"
                if row.low == row.low
                else ""
            )
            told.append(
                f"decides as the model does in {row.estimate:.1%} of rows{ends}"
                if row.measure == "same decision"
                else f"explains {row.estimate:.1%} of the variance of its answers{ends}"
            )
        leaves = self.leaves
        worst = leaves.loc[leaves["missed"].idxmax()]
        first = self.nodes.iloc[1]
        return (
            f"A tree of {len(leaves)} leaves {' and '.join(told)}, on {rows_text(int(self.fidelity.n.iloc[0]))} it was not grown on; its first "
            f"condition is {first['rule']}. It differs most where {worst['slice']}: off by {shown(worst['off'])} on average there, "
            f"{worst['missed']:.0%} of all squared differences."
        )


def surrogate_tree(
    ev: Evaluation,
    *,
    max_leaves: int = 12,
    depth: int = 4,
    rows: int | None = 20_000,
    features: Any = None,
    class_: Any = None,
    level: float = 0.95,
    progress: Progress | None = None,
) -> SurrogateTree:
    """Grow a small tree that imitates the model's answers (Craven and Shavlik 1996, NeurIPS 8, 24-30).

    Half of the rows (whole clusters) grows it, best split first; the other half says how well it imitates the model. It imitates the model
    and need not be right where the model is.

    Parameters
    ----------
    max_leaves, depth : int
        Leaves, and conditions above a leaf, at most.
    rows : int or None
        Rows used, a stratified sample; None: all.
    features : sequence of str, optional
        Columns to split by; all that the model reads without it.
    class_ : label of a class, optional
        Of several classes the one whose score is imitated; without it the most frequent decision.
    level : float
        Level of the intervals.

    Raises
    ------
    InputError
        Unknown column or class, depth or leaves out of range.
    NotApplicable
        Without a model, with too few rows, or without a column that can be split by.
    """
    shared.need_model(ev)
    if not 1 <= depth <= 6 or not 2 <= max_leaves <= 64:
        raise InputError(
            "Expected a depth of 1 to 6 and 2 to 64 leaves.", f"Got depth={depth!r}, max_leaves={max_leaves!r}."
        )
    level, chosen = check_level(level), ev.sample(rows)
    if chosen.n < FEWEST_ROWS:
        raise NotApplicable(
            f"a tree needs at least {FEWEST_ROWS} rows, half of them to judge it; there are {chosen.n:,}"
        )
    group = _group(chosen, class_)
    names = known_features(ev, features)
    codings = codings_of(chosen, names, (BINS,), recurring=False) if features else _able(chosen, names)
    work = _Imitating(chosen, codings, group, level, one=class_ not in (None, "") and ev.task == "multiclass")
    work.grown(depth, max_leaves, span(progress, 0.0, 0.7))
    tell(progress, 0.7, "judging on the other half")
    return SurrogateTree(
        nodes=work.table(),
        fidelity=work.fidelity(),
        group=shared.groups(ev)[group],
        scale=shared.scale(ev),
        source=chosen.source,
        settings={
            "max_leaves": max_leaves,
            "depth": depth,
            "rows": chosen.n,
            "rows_growing": len(work.first),
            "rows_judging": len(work.second),
            "features": names,
            "class_": chosen_class(class_),
            "level": level,
        },
    )


def _group(ev: Evaluation, class_: Any) -> int:
    found = shared.group_of(ev, class_)
    if found is not None:
        return found
    return int(np.bincount(ev.predicted).argmax()) if ev.task == "multiclass" else 0


def _able(ev: Evaluation, names: Sequence[str]) -> list[Coding]:
    """Give the codings of the columns that can be split by."""
    found: list[Coding] = []
    for name in names:
        try:
            found += codings_of(ev, [name], (BINS,), recurring=False)
        except NotApplicable:
            continue
    if not found:
        raise NotApplicable("no column that the model reads can be split by")
    return found


@dataclass(eq=False, slots=True)
class _Imitating:
    """The tree being grown and judged: the model's answers and decisions (n,), the levels of the rows, and its nodes.

    ``one``: a decision is the chosen class or not.
    """

    ev: Evaluation
    codings: Sequence[Coding]
    group: int
    level: float
    one: bool
    answers: Floats = field(init=False)
    decisions: np.ndarray = field(init=False)
    codes: np.ndarray = field(init=False)
    first: np.ndarray = field(init=False)
    second: np.ndarray = field(init=False)
    nodes: list[Node] = field(init=False)

    def __post_init__(self) -> None:
        ev = self.ev
        if ev.task == "regression":
            self.answers = np.asarray(ev.predicted, dtype=float)
        elif ev.score is None:
            self.answers = (ev.predicted == self._code()).astype(float)
        else:
            self.answers = ev.score if ev.score.ndim == 1 else ev.score[:, self.group]
        self.decisions = (ev.predicted == self.group).astype(np.int64) if self.one else ev.predicted
        self.codes = np.column_stack([c.codes for c in self.codings])
        self.first, self.second = halves(self._rows(np.zeros(ev.n)), ev.seed, self.codes)

    def _code(self) -> int:
        return int(self.ev.positive_index or 0) if self.ev.task == "binary" else self.group

    def _rows(self, predicted: Floats) -> Rows:
        return Rows(
            task="regression", y=self.answers, predicted=predicted, weight=self.ev.weight, cluster=self.ev.cluster
        )

    def grown(self, depth: int, max_leaves: int, progress: Progress | None) -> None:
        """Grow the tree on the first half."""
        own = self.first
        self.nodes = grow(
            self.codes[own],
            self.codings,
            self.answers[own],
            None if self.ev.weight is None else self.ev.weight[own],
            cluster=None if self.ev.cluster is None else self.ev.cluster[own],
            depth=depth,
            max_leaves=max_leaves,
            support=max(20, len(own) // 200),
            progress=progress,
        )

    def _weight(self, places: np.ndarray) -> Floats:
        return np.ones(len(places)) if self.ev.weight is None else self.ev.weight[places]

    def _leaves(self) -> list[tuple[int, np.ndarray, float, int]]:
        """Give of each leaf its number, its rows (bool, n), the tree's answer and decision, both from the first half."""
        out = []
        for i, node in enumerate(self.nodes):
            if node.split >= 0:
                continue
            inside = members(node, self.codes)
            own = self.first[inside[self.first]]
            weight = self._weight(own)
            says = float(weight @ self.answers[own] / weight.sum()) if weight.sum() > 0 else float("nan")
            decided = -1
            if self.ev.task != "regression" and len(own):
                decided = int(np.bincount(self.decisions[own], weights=weight).argmax())
            out.append((i, inside, says, decided))
        return out

    def imitated(self) -> tuple[Floats, np.ndarray]:
        """Give the tree's answer and decision for every row."""
        says, decided = np.full(self.ev.n, np.nan), np.zeros(self.ev.n, dtype=np.int64)
        for _, inside, value, code in self._leaves():
            says[inside], decided[inside] = value, code
        return says, decided

    def fidelity(self) -> pd.DataFrame:
        """Measure how well the tree imitates the model on the second half."""
        says, decided = self.imitated()
        found = [("share of the answers' variance", "r2", self._rows(says).cut(self.second))]
        if self.ev.task != "regression":
            same = Rows(
                task="binary",
                y=np.ones(self.ev.n, dtype=np.int64),
                predicted=(decided == self.decisions).astype(np.int64),
                weight=self.ev.weight,
                cluster=self.ev.cluster,
            )
            found.append(("same decision", "accuracy", same.cut(self.second)))
        records = []
        for measure, metric, rows in found:
            one = estimate(METRICS[metric], Groups(rows, np.zeros(len(rows.y), np.int64), 1), self.level)
            records.append((measure, float(one.estimate[0]), float(one.low[0]), float(one.high[0]), len(rows.y)))
        return pd.DataFrame(records, columns=["measure", "estimate", "low", "high", "n"])

    def table(self) -> pd.DataFrame:
        """Give the nodes with their numbers on the second half."""
        says, decided = self.imitated()
        leaf = {i: value for i, _, value, _ in self._leaves()}
        weight = self._weight(self.second)
        squared = weight * (says - self.answers)[self.second] ** 2
        records = []
        for i, node in enumerate(self.nodes):
            inside = members(node, self.codes)
            here = inside[self.second]
            record = {
                "node": i,
                "parent": node.parent,
                "depth": node.depth,
                "leaf": node.split < 0,
                **_words(self.codings, node),
                **self._mean(self.second[here]),
                "rows": int(inside.sum()),
                **dict.fromkeys(("says", "off", "missed", "otherwise"), np.nan),
            }
            if i in leaf and here.any():
                own, w = self.second[here], weight[here]
                record["says"] = leaf[i]
                record["off"] = float(w @ np.abs(says - self.answers)[own] / w.sum())
                record["missed"] = float(squared[here].sum() / max(squared.sum(), 1e-300))
                if self.ev.task != "regression":
                    record["otherwise"] = float(w @ (decided != self.decisions)[own] / w.sum())
            records.append(record)
        return pd.DataFrame(records)

    def _mean(self, places: np.ndarray) -> dict[str, Any]:
        """Mean answer of the model on some rows, with its interval where there are rows enough."""
        n = len(places)
        weight = self._weight(places)
        middle = float(weight @ self.answers[places] / weight.sum()) if weight.sum() > 0 else np.nan
        low = high = np.nan
        if n >= FEWEST_JUDGED:
            _, lows, highs = shared.mean_interval(self.ev.take(places), self.answers[places][:, None], self.level)
            low, high = float(lows[0]), float(highs[0])
        return {"estimate": middle, "low": low, "high": high, "n": n}


def _words(codings: Sequence[Coding], node: Node) -> dict[str, Any]:
    if node.parent < 0:
        return {"rule": ALL, "slice": ALL, "where": "TRUE"}
    said = {column: region(codings[column], allowed) for column, allowed in node.allowed.items()}
    return {
        "rule": said[node.column][0],
        "slice": " and ".join(words for words, _ in said.values()),
        "where": conjoined(*(sql for _, sql in said.values())),
    }
