"""Which few conditions part the rows where the model errs from those where it does not? A small tree, its leaves judged on other rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.coding import Coding
from modelglass.analysis.curves import chosen_class
from modelglass.analysis.date_parts import column_of
from modelglass.analysis.difference import Difference, adjusted, difference
from modelglass.analysis.discovery import codings_of, needs_rows, needs_value, searched_metric
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.estimates import estimate
from modelglass.analysis.given import whole
from modelglass.analysis.groups import Groups, Rows, rows_of
from modelglass.analysis.growing import Node, grow, members
from modelglass.analysis.halves import halves
from modelglass.analysis.joining import conjoined
from modelglass.analysis.losses import losses_of
from modelglass.analysis.metrics import METRICS, Function, Metric
from modelglass.analysis.own_metrics import Bootstrap
from modelglass.analysis.paired import value_of
from modelglass.analysis.performance import check_level, in_sentence, metric_label, shown
from modelglass.analysis.progress import Progress, span, tell
from modelglass.analysis.regions import region
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

BINS = 16
ALPHA = 0.05
FEWEST_JUDGED = 20
"""Rows of the judging half below which a node gets no number."""
ALL = "all rows"
COLUMNS = [
    "node",
    "parent",
    "depth",
    "leaf",
    "rule",
    "slice",
    "where",
    "metric",
    "estimate",
    "low",
    "high",
    "n",
    "support",
]
COLUMNS += ["rest", "effect", "effect_low", "effect_high", "p", "p_adjusted", "rows", "note"]
_OF_LEAF = ("rest", "effect", "effect_low", "effect_high", "p")


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ErrorTree(Result):
    """A tree of conditions, its nodes measured on rows that did not grow it.

    nodes   one row per node, the root first, children after their parent: node, parent (-1 of the root), depth, leaf, rule (its condition
            given its parent's), slice (all conditions, in words), where (the same in SQL), metric, estimate, low, high,
            n (rows of the judging half), support (rows the metric rests on); of leaves also rest (the metric on all other rows), effect
            (leaf less rest), effect_low, effect_high, p, p_adjusted (Holm over the leaves); rows (in all the data, with those that grew
            it), note (why a number is NaN)
    """

    nodes: pd.DataFrame
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row per node."""
        return self.nodes

    @property
    def leaves(self) -> pd.DataFrame:
        """Give the leaves."""
        return self.nodes[self.nodes["leaf"]]

    def sure(self) -> pd.DataFrame:
        """Give the leaves that are surely worse than the rest, the surest first (where neither way is worse: that surely differ)."""
        s = self.settings
        better = s["better"]
        effect = self.leaves["effect"].to_numpy(float)
        worse = np.isfinite(effect) if better is None else (effect < 0) == better
        kept = self.leaves[worse & (self.leaves["p_adjusted"].to_numpy(float) <= ALPHA)]
        size = kept["effect"].abs() / (kept["effect_high"] - kept["effect_low"])
        return kept.loc[size.sort_values(ascending=False, kind="stable").index]

    def sentence(self) -> str:
        """Say the leaf that is most surely worse, or that none is."""
        s = self.settings
        label = metric_label(s["metric"], self.source.task, s.get("class_"))
        grown = f"grown on {rows_text(s['rows_growing'])} and judged on {s['rows_judging']:,} others"
        if len(self.nodes) == 1:
            return f"No condition on one of {len(s['columns'])} columns surely parts rows of worse {in_sentence(label)} from the others; the tree has no branch ({grown})."
        sure = self.sure()
        if sure.empty:
            return f"None of {len(self.leaves)} leaves has a surely worse {in_sentence(label)} than the rest ({grown})."
        row = sure.iloc[0]
        how = "most surely worse" if s["better"] is not None else "most surely different"
        return (
            f"{label} is {how} where {row['slice']}: {shown(row['estimate'])} ({100 * s['level']:.4g} % interval {shown(row['low'])} to "
            f"{shown(row['high'])}, {rows_text(row['n'])}) against {shown(row['rest'])} on the rest; "
            f"so are {len(sure)} of {len(self.leaves)} leaves of a tree {grown}."
        )


def error_tree(
    ev: Evaluation,
    *,
    metric: str | Function | None = None,
    max_leaves: int = 8,
    depth: int = 3,
    support: int | None = None,
    columns: Sequence[str] | None = None,
    class_: Any = None,
    level: float = 0.95,
    progress: Progress | None = None,
) -> ErrorTree:
    """Grow a small tree on the loss of a metric, and measure the metric in its leaves on other rows.

    Parameters
    ----------
    ev : Evaluation
    metric : name or function f(y_true, y_pred_or_score, sample_weight), optional
        Accuracy, or MAE in regression, without it.
    max_leaves, depth : int
        Leaves, and conditions above a leaf, at most.
    support : int, optional
        Fewest rows of a leaf in the half that grows; without it 2 % of them, at least 30.
    columns : sequence of str, optional
        Columns to split by; without it all that can be sliced, but for weights, clusters and names of rows that the model does not read.
    class_ : label of a class, optional
        Measure this class against the rest, as if there were only the two.
    level : float
        Level of the intervals.

    Notes
    -----
    Half of the rows (whole clusters) grows the tree, best split first: the one that explains most of the loss, where chance does not give
    as much. All numbers come from the other half (honest estimates; Athey and Imbens 2016, PNAS 113, 7353-7360).

    Raises
    ------
    InputError
        Unknown metric or column, a depth or number of leaves out of range.
    NotApplicable
        Too few rows, or no column to split by.
    """
    rows = rows_of(ev, class_)
    chosen = searched_metric(rows, metric)
    how = {"max_leaves": max_leaves, "depth": depth, "support": support, "level": level, "seed": ev.seed}
    found = measure(rows, codings_of(ev, columns, (BINS,)), chosen, **how, progress=progress, source=ev.source)  # type: ignore[arg-type]
    return replace(found, settings={**found.settings, "class_": chosen_class(class_)})


def measure(
    rows: Rows,
    codings: Sequence[Coding],
    metric: Metric | str,
    *,
    max_leaves: int = 8,
    depth: int = 3,
    support: int | None = None,
    level: float = 0.95,
    seed: int = 0,
    progress: Progress | None = None,
    source: Source = UNNAMED,
) -> ErrorTree:
    """The same from rows and codings; parameters as above."""
    metric = METRICS[metric] if isinstance(metric, str) else metric
    whole(depth, "depth", 1, 6), whole(max_leaves, "max_leaves", 2, 64)
    least = None if support in (None, 0) else whole(support, "support", 1)
    level = check_level(level)
    codes = np.column_stack([c.codes for c in codings])
    first, second = halves(rows, seed, codes)
    needs_rows(rows, first, second, "a tree", "to grow it and half to judge it")
    if metric.function is None:
        needs_value(metric, value_of(metric, rows))
    least = least or max(30, len(first) // 50)
    nodes = _grown(rows.cut(first), codes[first], codings, metric, depth, max_leaves, least, span(progress, 0.0, 0.4))
    judged = rows.cut(second)
    own = Bootstrap(seed=seed, progress=span(progress, 0.4, 1.0))
    table = _table(metric, codings, nodes, codes, codes[second], judged, level, own, progress)
    settings = {
        "metric": metric.name,
        "max_leaves": max_leaves,
        "depth": depth,
        "support": least,
        "level": level,
        "columns": list(dict.fromkeys(column_of(c) for c in codings)),
        "rows_growing": len(first),
        "rows_judging": len(second),
        "better": metric.greater_is_better,
    }
    return ErrorTree(nodes=table, source=source, settings=settings)


def _grown(
    rows: Rows,
    codes: np.ndarray,
    codings: Sequence[Coding],
    metric: Metric,
    depth: int,
    max_leaves: int,
    support: int,
    progress: Progress | None,
) -> list[Node]:
    """Grow on the loss; where neither way is worse on the signed one, whose splits are the same both ways."""
    loss = losses_of(metric, rows)[0]
    part = np.arange(len(rows.y)) if loss.rows is None else loss.rows
    if len(part) < 2 * support:
        raise NotApplicable(
            f"{metric.name} rests on {rows_text(len(part))} of the half that grows the tree, too few for two leaves of {support}"
        )
    return grow(
        codes[part],
        codings,
        loss.values,
        None if rows.weight is None else rows.weight[part],
        cluster=None if rows.cluster is None else rows.cluster[part],
        depth=depth,
        max_leaves=max_leaves,
        support=support,
        progress=progress,
    )


def _table(
    metric: Metric,
    codings: Sequence[Coding],
    nodes: Sequence[Node],
    codes: np.ndarray,
    codes_judged: np.ndarray,
    judged: Rows,
    level: float,
    own: Bootstrap,
    progress: Progress | None,
) -> pd.DataFrame:
    records = []
    for i, node in enumerate(nodes):
        tell(progress, 0.4 + 0.6 * i / len(nodes), "measuring the nodes on the other half")
        inside = members(node, codes_judged)
        records.append(
            {
                "node": i,
                "parent": node.parent,
                "depth": node.depth,
                "leaf": node.split < 0,
                **_words(codings, node),
                "metric": metric.name,
                **_measured(metric, judged, inside, level, own, compared=node.split < 0 < i),
                "rows": int(members(node, codes).sum()),
            }
        )
    table = pd.DataFrame(records)
    leaf = table["leaf"].to_numpy(bool)
    table["p_adjusted"] = np.nan
    table.loc[leaf, "p_adjusted"] = adjusted(table.loc[leaf, "p"].to_numpy(float))
    return table[COLUMNS]


def _words(codings: Sequence[Coding], node: Node) -> dict[str, Any]:
    if node.parent < 0:
        return {"rule": ALL, "slice": ALL, "where": "TRUE"}
    said = {column: region(codings[column], allowed) for column, allowed in node.allowed.items()}
    return {
        "rule": said[node.column][0],
        "slice": " and ".join(words for words, _ in said.values()),
        "where": conjoined(*(sql for _, sql in said.values())),
    }


def _measured(
    metric: Metric, judged: Rows, inside: np.ndarray, level: float, own: Bootstrap, *, compared: bool
) -> dict[str, Any]:
    """Measure a node on the judging half, and a leaf against the rest."""
    n = int(inside.sum())
    blank = {**dict.fromkeys(("estimate", "low", "high", *_OF_LEAF), np.nan), "n": n, "support": 0}
    if n < FEWEST_JUDGED:
        return {**blank, "note": f"cannot say: only {rows_text(n)} of the half that judges"}
    if compared:
        found: Difference = difference(metric, judged, inside, level, own=own)
        names = ("estimate", "low", "high", "n", "support", *_OF_LEAF, "note")
        return {name: getattr(found, name) for name in names}
    alone = judged.cut(np.flatnonzero(inside))
    one = estimate(metric, Groups(alone, np.zeros(n, np.int64), 1), level, own)
    values = {name: float(getattr(one, name)[0]) for name in ("estimate", "low", "high")}
    return {**blank, **values, "support": int(one.support[0]), "note": str(one.note[0])}
