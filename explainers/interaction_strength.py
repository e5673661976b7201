"""Friedman's H: how much of what columns do together is more than the sum of what each does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.curves import chosen_class
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.known_features import known_features
from modelglass.analysis.performance import shown
from modelglass.analysis.progress import Progress, span
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.explainers import rows as shared
from modelglass.explainers.effect_answers import Answers
from modelglass.explainers.effect_grid import Grid, floats

ROWS, TOP = 150, 4
OTHERS = "all other columns"
FLAT = 1e-9
"""An effect smaller than this share of the answer's spread is none."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class InteractionStrength(Result):
    """How much of a joint effect is interaction (Friedman and Popescu 2008, Annals of Applied Statistics 2, 916-954).

    table       feature, other (a column, or "all other columns"), group (class or target), estimate (H: 0 where the two only add up, 1
                where neither does anything alone; NaN where they do nothing), low, high (NaN: see below), share (H squared: of the
                variance of the joint effect), size (root mean square of the interaction, in ``scale``), n. Strongest size first,
                columns with all others before pairs.
    scale       unit of size
    way         whether the model was asked, or its answers worked out from its trees or coefficients

    No interval is given: H is a ratio of two variances over the same few rows, never below 0, and no interval was found to hold its
    level near 0.
    """

    table: pd.DataFrame
    groups: tuple[str, ...]
    scale: str
    way: str
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give feature, other, group, estimate, low, high, share, size, n."""
        return self.table

    def sentence(self) -> str:
        """Say which columns work together most."""
        known = self.table[self.table.estimate.notna()]
        alone, pairs = known[known.other == OTHERS], known[known.other != OTHERS]
        n = rows_text(int(self.table.n.iloc[0]))
        if not len(alone) or alone["size"].max() <= 0:
            return f"No column works together with others: their effects only add up ({n})."
        top = alone.iloc[0]
        said = (
            f"{top.feature} works together with other columns most: {top.share:.0%} of what it does with them is more than the "
            f"sum of the two (H {top.estimate:.2f}; {shown(top['size'])} in {self.scale} for a typical row)"
        )
        if len(pairs) and pairs["size"].iloc[0] > 0:
            pair = pairs.iloc[0]
            said += f"; of pairs {pair.feature} and {pair.other} (H {pair.estimate:.2f}, {shown(pair['size'])})"
        return f"{said}. {n}; columns that go together in the data can look as if they worked together."


def interaction_strength(
    ev: Evaluation,
    *,
    features: Any = None,
    rows: int = ROWS,
    top: int = TOP,
    class_: Any = None,
    additive: bool = False,
    progress: Progress | None = None,
) -> InteractionStrength:
    """Measure how far the effect of columns together differs from the sum of their effects.

    Parameters
    ----------
    features : name or sequence of names, optional
        All that have two values without it.
    rows : int
        Rows used, a stratified sample; the model is asked about rows times rows cases for each column.
    top : int
        Pairs among so many columns that interact most are measured as well.
    class_ : label of a class, optional
        Of several classes only this one.
    additive : bool
        On the scale in which the model adds up: on that of probabilities even a model without interactions has some, because
        probabilities stay between 0 and 1.

    Raises
    ------
    NotApplicable
        Without a model, or with fewer than two columns of two values.
    """
    group, model = shared.group_of(ev, class_), Answers(ev, additive=additive)
    if rows < 10:
        raise InputError("Expected rows of at least ten.", f"Got {rows}.")
    names = [f for f in known_features(ev, features) if ev.columns[f].unique >= 2]
    if len(ev.features) < 2 or not names:
        raise NotApplicable("it takes two columns that have two values")
    chosen = ev.sample(rows)
    grids, places = _grids(chosen, names)
    model.check(chosen, grids)
    weight = np.ones(chosen.n) if chosen.weight is None else chosen.weight
    parts, effects = [], {}
    for i, name in enumerate(names):
        part = span(progress, 0.6 * i / len(names), 0.6 * (i + 1) / len(names))
        answers = model.rows(chosen, {name: grids[name]}, part)[name][places[name]]
        effects[name] = np.einsum("gik,i->gk", answers, weight / weight.sum())
        found = [measure(answers[:, :, g], weight) for g in range(answers.shape[2])]
        parts += [_line(name, OTHERS, g, chosen.n, *f) for g, f in zip(shared.groups(ev), found, strict=True)]
    groups = shared.groups(ev) if group is None else (shared.groups(ev)[group],)
    alone = _sorted(pd.DataFrame(parts), groups)
    most = list(dict.fromkeys(alone.feature))[: max(top, 0)]
    pairs = _pairs(chosen, model, most, effects, weight, span(progress, 0.6, 1.0))
    table = pd.concat([alone, _sorted(pd.DataFrame(pairs), groups)], ignore_index=True) if pairs else alone
    return InteractionStrength(
        table=table,
        groups=groups,
        scale=model.scale,
        way=model.how,
        source=chosen.source,
        settings={
            "features": names,
            "rows": chosen.n,
            "top": top,
            "class_": chosen_class(class_),
            "additive": bool(additive),
            "seed": chosen.seed,
        },
    )


def measure(answers: np.ndarray, weight: np.ndarray | None = None) -> tuple[float, float]:
    """Give H of one column with all others, and the size of the interaction.

    Parameters
    ----------
    answers : array, shape (n, n)
        Answer where row i (second place) takes the column's value of row g (first place).
    weight : array, shape (n,), optional

    >>> measure(np.add.outer([0.0, 1.0, 2.0], [5.0, 0.0, 1.0]))  # a sum: no interaction
    (0.0, 0.0)
    >>> measure(np.outer([-1.0, -1.0, 1.0, 1.0], [-1.0, 1.0, -1.0, 1.0]))  # a product of centred values: nothing else
    (1.0, 1.0)
    """
    weight = np.ones(len(answers)) if weight is None else np.asarray(weight, dtype=float)
    share = weight / weight.sum()
    whole = np.diagonal(answers)
    return _ratio(whole, answers @ share, share @ answers, share)


def _ratio(both: np.ndarray, one: np.ndarray, other: np.ndarray, share: np.ndarray) -> tuple[float, float]:
    """Give (H, size) from the joint effect and the two single ones at the same rows."""
    both, one, other = (a - share @ a for a in (both, one, other))
    rest, total = share @ (both - one - other) ** 2, share @ both**2
    spread = max(total, float(share @ one**2), float(share @ other**2))
    if not spread > 0 or total <= FLAT**2 * spread:
        return float("nan"), 0.0
    rest = 0.0 if rest <= FLAT**2 * spread else rest
    return float(np.sqrt(rest / total)), float(np.sqrt(rest))


def _line(name: str, other: str, group: str, n: int, h: float, size: float) -> dict[str, Any]:
    nothing = float("nan")
    return {
        "feature": name, "other": other, "group": group, "estimate": h, "low": nothing, "high": nothing, "share": h**2, "size": size, "n": n
    }  # fmt: skip


def _sorted(table: pd.DataFrame, groups: tuple[str, ...]) -> pd.DataFrame:
    return table[table.group.isin(groups)].sort_values("size", ascending=False, kind="stable", ignore_index=True)


def _grids(ev: Evaluation, names: Sequence[str]) -> tuple[dict[str, Grid], dict[str, np.ndarray]]:
    """Each column's distinct values among the rows as a grid, and the place of each row's own value in it."""
    inputs, grids, places = ev.inputs(), {}, {}
    for name in names:
        column = inputs[name]
        codes, levels = pd.factorize(column, use_na_sentinel=False)
        first = np.unique(codes, return_index=True)[1]
        ordered = pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_datetime64_any_dtype(column.dtype)
        order = np.argsort(floats(column.iloc[first]), kind="stable") if ordered else np.arange(len(levels))
        donors = inputs.iloc[first[order]]
        grids[name] = Grid(name=name, values=donors[name].reset_index(drop=True), donors=donors, kind="levels")
        places[name] = np.argsort(order)[codes]
    return grids, places


def _pairs(
    ev: Evaluation,
    model: Answers,
    names: Sequence[str],
    effects: Mapping[str, np.ndarray],
    weight: np.ndarray,
    progress: Progress | None,
) -> list[dict[str, Any]]:
    """Measure all pairs of some columns: the joint effect at each row's own two values."""
    pairs, out, share = list(combinations(sorted(names, key=list(effects).index), 2)), [], weight / weight.sum()
    for i, (a, b) in enumerate(pairs):
        joint = _joint(ev, model, a, b, share, span(progress, i / len(pairs), (i + 1) / len(pairs)))
        for g, group in enumerate(shared.groups(ev)):
            out.append(_line(a, b, group, ev.n, *_ratio(joint[:, g], effects[a][:, g], effects[b][:, g], share)))
    return out


def _joint(ev: Evaluation, model: Answers, a: str, b: str, share: np.ndarray, progress: Progress | None) -> np.ndarray:
    """Average answer over all rows that take two columns' values of each row in turn, shape (n, groups)."""
    inputs, n = ev.inputs(), ev.n
    columns = {c: inputs[c].array for c in inputs.columns}

    def some(cells: slice) -> np.ndarray:
        own, row = np.divmod(np.arange(cells.start, cells.stop), n)
        made = {c: held.take(own if c in (a, b) else row) for c, held in columns.items()}
        return model.said(ev, pd.DataFrame(made, copy=False))

    found = shared.in_blocks(n * n, some, f"{a} and {b} together", progress)
    return np.einsum("grk,r->gk", found.reshape(n, n, -1), share)
