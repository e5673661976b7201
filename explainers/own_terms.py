"""Models that can be read, in their own terms and in raw columns: coefficients, the rules of one tree, or a term for each column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.curves import chosen_class
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.analysis.wording import say, signed
from modelglass.explainers import rows as shared
from modelglass.explainers.own_parts import parts_of, terms_of
from modelglass.explainers.own_tree import OwnTree, tree_of

KINDS = {"tree": "one tree", "linear": "a linear model", "additive": "a sum of one term for each column"}
COLUMNS = ["group", "feature", "term", "estimate", "per_spread", "odds_ratio", "spread", "n", "where"]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class OwnTerms(Result):
    """What a readable model is made of. Nothing here is estimated: it is what the model does.

    kind        "linear", "tree" or "additive"
    terms       group (class or target), feature ('' for a leaf), term (in words), estimate (in ``scale``), per_spread, odds_ratio, spread, n,
                where. Numbers that a linear model follows straight: term "one more", estimate the coefficient of the raw column,
                per_spread that of one standard deviation. Levels: estimate beside the most frequent level. Curves: estimate at a value
                beside the column's mean. Leaves: the rule, estimate the answer there, where its SQL. odds_ratio: exp(estimate) where the
                scale is log-odds, else NaN. spread: standard deviation of the column's part over the rows, by which columns are ordered.
                n: rows that hold the level, or reach the leaf; of numbers those that are known
    nodes       of a tree all nodes as ``surrogate_tree`` gives them; else empty
    intercept   group -> the answer in ``scale`` where every column stands at its mean part; {} of a tree
    apart       parts of several columns together, which are not among the terms: names
    """

    kind: str
    terms: pd.DataFrame
    nodes: pd.DataFrame
    intercept: Mapping[str, float]
    scale: str
    groups: tuple[str, ...]
    model: str
    apart: tuple[str, ...]
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give group, feature, term, estimate, per_spread, odds_ratio, spread, n, where."""
        return self.terms

    def shown_group(self) -> str:
        """Give the last group: the positive class, the last of several classes, or the target."""
        return self.groups[-1]

    def order(self) -> pd.Series:
        """Give the spread of each feature's part for the shown group, largest first."""
        part = self.terms[(self.terms.group == self.shown_group()) & (self.terms.feature != "")]
        return part.groupby("feature", sort=False).spread.first().sort_values(ascending=False, kind="stable")

    def sentence(self) -> str:
        """Say what kind of model it is and what counts most in it."""
        group = self.shown_group()
        of = "" if self.scale in (group, f"log of {group}", f"log-odds of {group}") else f" for {group}"
        if self.kind == "tree":
            leaves = self.terms[self.terms.group == group].sort_values("n", ascending=False, kind="stable")
            top = leaves.iloc[0]
            count = len(self.nodes[self.nodes.leaf])
            return (
                f"The model is one tree of {count} {'leaf' if count == 1 else 'leaves'} ({self.model}), so its rules are all there is. The "
                f"leaf that most rows reach ({int(top.n):,} of {rows_text(int(self.nodes.n.iloc[0]))}): {top.term}; there its answer in "
                f"{self.scale}{of} is {say(top.estimate)}."
            )
        said = []
        for name in self.order().index[:3]:
            part = self.terms[(self.terms.group == group) & (self.terms.feature == name)]
            most = part.iloc[int(np.nanargmax(np.abs(part.estimate)))]
            if (part.term == "one more").any():
                most = part[part.term == "one more"].iloc[0]
                said.append(f"{name} ({signed(most.estimate)} for one more, {signed(most.per_spread)} for one spread)")
            else:
                said.append(f"{name} ({most.term}: {signed(most.estimate)})")
        left = f" Terms of several columns are not shown: {', '.join(self.apart)}." if self.apart else ""
        return (
            f"The model is {KINDS[self.kind]} ({self.model}): its answer in {self.scale}{of} is {say(self.intercept[group])} at the mean, plus a "
            f"part for each column. Most go with {', '.join(said)}.{left}"
        )


def own_terms(
    ev: Evaluation, *, points: int = 20, class_: Any = None, progress: Progress | None = None
) -> OwnTerms:  # fmt: skip
    """Show a model that can be read in its own terms, in raw columns.

    Linear models: the coefficient of each raw column, through a Pipeline whose transformed columns each come from one raw column
    (scalers, imputers, encoders, bins, splines ...). A single decision tree: its leaves as rules. Generalised additive models such as
    interpret's explainable boosting machine (any estimator with ``eval_terms``, ``term_features_`` and ``intercept_``) and pyGAM's (with
    ``terms``, ``coef_`` and ``partial_dependence``): a curve or level values for each column.

    Parameters
    ----------
    points : int
        Values of a curve, at most.
    class_ : label of a class, optional
        Of several classes only this one.

    Raises
    ------
    NotApplicable
        Any other model, and why.
    """
    shared.need_model(ev)
    only = shared.group_of(ev, class_)
    tell(progress, 0.1, "reading the model")
    way = tree_of(ev)
    names = shared.groups(ev) if only is None else (shared.groups(ev)[only],)
    settings = {"points": points, "class_": chosen_class(class_)}
    if not isinstance(way, str):
        return _tree(ev, only, names, settings)
    parts = parts_of(ev)
    if isinstance(parts, str):
        raise NotApplicable(
            f"the model cannot be read as it is: {way}, and {parts}; “A tree that imitates the model” shows one that can be read"
        )
    table, middle = terms_of(ev, parts, points, progress)
    table = table[table.group.isin(names)].reset_index(drop=True)
    return OwnTerms(
        kind=parts.kind,
        terms=table[COLUMNS],
        nodes=pd.DataFrame(),
        intercept={g: v for g, v in zip(shared.groups(ev), map(float, middle), strict=True) if g in names},
        scale=parts.scale,
        groups=names,
        model=parts.model,
        apart=parts.apart,
        source=ev.source,
        settings=settings,
    )


def _tree(ev: Evaluation, only: int | None, names: tuple[str, ...], settings: dict[str, Any]) -> OwnTerms:
    own = OwnTree(ev)
    answers, reached = shared.output(ev, ev.inputs()), own.reached(ev.inputs())
    groups = range(len(shared.groups(ev))) if only is None else [only]
    terms = []
    for g, name in zip(groups, names, strict=True):
        nodes = own.table(answers[:, g], reached)
        leaves = nodes[nodes.leaf]
        terms.append(
            pd.DataFrame(
                {
                    "group": name,
                    "feature": "",
                    "term": leaves["slice"],
                    "estimate": leaves.estimate,
                    "per_spread": np.nan,
                    "odds_ratio": np.nan,
                    "spread": np.nan,
                    "n": leaves.n,
                    "where": leaves["where"],
                }
            )
        )
    return OwnTerms(
        kind="tree",
        terms=pd.concat(terms, ignore_index=True)[COLUMNS],
        nodes=nodes,
        intercept={},
        scale=shared.scale(ev),
        groups=names,
        model=type(own.way.made.estimator).__name__,
        apart=(),
        source=ev.source,
        settings=settings,
    )
