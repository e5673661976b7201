"""What effects add to the findings: stretches of a column where the model moves one way and the outcome, among rows alike, the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.finding import Budget, Finding
from modelglass.analysis.performance import shown
from modelglass.analysis.weighted import as_equal_rows, equal_rows
from modelglass.analysis.wording import signed
from modelglass.explainers import rows as shared
from modelglass.explainers.accumulated_local_effects import accumulated_local_effects
from modelglass.explainers.effect_grid import floats
from modelglass.explainers.loops import asked_while_cold

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

STRETCHES, COLUMNS, ROWS, LEVELS = 6, 20, 5_000, 12
FEWEST = 80
"""Rows of a stretch (with weights Kish's number) below which it is not judged."""
LEVEL = 0.05
"""Chance that any stretch of any column of a set is told where nothing is wrong, at most (``benchmarks/turned.py``)."""
WORTH = 0.15
"""A move of the model is worth telling from this share of the standard deviation of its answers on; twice as much is of medium severity."""
ADVICE = (
    "Look at this stretch in the effect of the column: too few or wrongly labelled training rows there, a changed meaning of the values, "
    "or a model that bends more than the data tell. A monotone constraint or fewer steps keeps it straight."
)


def find(ev: Evaluation, budget: Budget) -> list[Finding]:
    """Give stretches where the learned effect turns against the outcome."""
    if ev.model is None:
        raise NotApplicable("there is no model to ask")
    if ev.task != "regression" and ev.score_kind != "probability":
        raise NotApplicable("the model gives no probabilities")
    if ev.cluster is not None:
        raise NotApplicable("rows hang together, and the test of a turned effect takes them one by one")
    numbers = _numbers(ev)
    names = [f for f in numbers if ev.columns[f].kind == "numeric" and ev.columns[f].unique >= LEVELS][:COLUMNS]
    if not names:
        raise NotApplicable("no column of numbers has enough different values")
    budget.used = min(ROWS, budget.rows, ev.n)
    with asked_while_cold():
        ale = accumulated_local_effects(
            ev, features=names, grid=STRETCHES + 1, rows=budget.used, progress=budget.progress
        ).curves
    errors, spread = _errors(ev)
    inputs, found = ev.inputs(), []
    for name in names:
        x = floats(inputs[name])
        others = np.column_stack([v for other, v in numbers.items() if other != name] or [np.empty((ev.n, 0))])
        for g, group in enumerate(shared.groups(ev)):
            curve = ale[(ale.feature == name) & (ale.group == group)]
            edges, effect = (curve[c].to_numpy(dtype=float) for c in ("value", "estimate"))
            judged = turned(x, errors[:, g], edges, effect, others, ev.weight)
            found += [{"feature": name, "group": group, "spread": spread[g]} | one for one in judged]
    if not found and ev.weight is not None:
        raise NotApplicable(f"no stretch of a column holds {FEWEST} rows: there are {as_equal_rows(ev.weight, ev.n)}")
    told = [f for f in found if f["p"] * len(found) <= LEVEL and abs(f["model"]) >= WORTH * f["spread"]]
    best: dict[str, dict[str, Any]] = {}
    for one in sorted(told, key=lambda f: -abs(f["model"]) / f["spread"]):
        best.setdefault(one["feature"], one)
    return [_told(ev, one, len(found)) for one in best.values()]


def turned(
    x: np.ndarray,
    error: np.ndarray,
    edges: np.ndarray,
    effect: np.ndarray,
    others: np.ndarray,
    weight: np.ndarray | None = None,
) -> list[dict[str, Any]]:
    """Judge each stretch between two edges: does the outcome, among rows alike in the others, move against the model?

    The outcome's own move is the model's plus what its errors (outcome minus answer) move along the stretch: their slope in a least
    squares fit on x and the other columns within the stretch. That it has the model's sign is tested one-sided, with a standard error
    that holds for unequal errors (HC3, MacKinnon and White 1985).

    Parameters
    ----------
    x, error : array, shape (n,)
    edges, effect : array, shape (m,)
        The column's accumulated local effect at the edges.
    others : array, shape (n, k)
    weight : array, shape (n,), optional

    Returns
    -------
    list of dict
        low, high (ends of the stretch), model, outcome (moves over it), se, p (of the outcome not moving against the model), n.
    """
    out = []
    weight = np.ones(len(x)) if weight is None else weight
    size = float(np.abs(error).max(initial=0.0)) or 1.0
    with np.errstate(invalid="ignore"):
        bins = np.searchsorted(edges, x, side="left")
    for s in range(1, len(edges)):
        here = np.flatnonzero(((bins == s) | ((s == 1) & (x == edges[0]))) & np.isfinite(x) & (weight > 0))
        half, move = edges[s] / 2 - edges[s - 1] / 2, effect[s] - effect[s - 1]
        many = equal_rows(weight[here], len(here)) * (1 + 1e-9)  # few rows of much weight say no more than themselves
        if many < max(FEWEST, 5 * (others.shape[1] + 2)) or not half > 0 or move == 0:
            continue
        # 0 to 1 whatever the unit: squares of the values may be no numbers
        along = (x[here] / 2 - edges[s - 1] / 2) / half
        if np.ptp(along) <= 0:
            continue
        slope, se, df = _slope(along, error[here] / size, others[here], weight[here])
        if not se > 0:
            continue
        outcome, error_of = move + slope * size, se * size
        p = stats.t.cdf(np.sign(move) * outcome / error_of, df)
        out.append({
            "low": edges[s - 1], "high": edges[s], "model": move, "outcome": outcome, "se": error_of, "p": float(p), "n": len(here), "df": df
        })  # fmt: skip
    return out


def _slope(x: np.ndarray, y: np.ndarray, others: np.ndarray, weight: np.ndarray) -> tuple[float, float, float]:
    """Give the slope of y on x beside the others, its HC3 standard error, and degrees of freedom."""
    w = np.sqrt(weight / weight.mean())
    Z = np.column_stack([np.ones(len(x)), others]) * w[:, None]
    # a hundredth of the work of taking the many rows apart; columns that say the same are left out
    size, turn = np.linalg.eigh(Z.T @ Z)
    kept = size > 1e-9 * size[-1]
    u = Z @ (turn[:, kept] / np.sqrt(size[kept]))
    v, e = (a * w - u @ (u.T @ (a * w)) for a in (x, y))
    total = float(v @ v)
    if total <= 1e-10 * float(((x - x.mean()) ** 2).sum()):
        return 0.0, 0.0, 1.0
    slope = float(v @ e) / total
    lever = np.minimum((u**2).sum(axis=1) + v**2 / total, 1 - 1e-6)
    residual = (e - slope * v) / (1 - lever)
    return slope, float(np.sqrt((v**2) @ residual**2)) / total, float(len(x) - u.shape[1] - 1)


def _errors(ev: Evaluation) -> tuple[np.ndarray, np.ndarray]:
    """Give outcome minus answer, shape (n, groups), and the standard deviation of the answers of each group."""
    answer, outcome = shared.given_answers(ev), np.asarray(ev.y, dtype=float)[:, None]
    if ev.task == "multiclass":
        outcome = (outcome == np.arange(answer.shape[1])).astype(float)
    return outcome - answer, shared.spread_of(answer)


def _numbers(ev: Evaluation) -> dict[str, np.ndarray]:
    """Give the columns of numbers, filled with their mean and scaled; at most so many as ``COLUMNS`` and those judged."""
    out: dict[str, np.ndarray] = {}
    inputs = ev.inputs()
    for name in ev.features:
        dtype = inputs[name].dtype
        if not pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype) or len(out) > COLUMNS:
            continue
        x = inputs[name].to_numpy(dtype="float64", na_value=np.nan)
        known = np.isfinite(x)
        if not known.any():
            continue
        x = x / (np.abs(x[known]).max() or 1.0)
        if np.ptp(x[known]) > 0:
            out[name] = np.where(known, (x - x[known].mean()) / x[known].std(), 0.0)
    return out


def _told(ev: Evaluation, one: dict[str, Any], looked: int) -> Finding:
    half = float(stats.t.isf(LEVEL / 2, one["df"])) * one["se"]
    of = "" if ev.task == "regression" else f" of {one['group']}"
    what = ev.target if ev.task == "regression" else "probability"
    size = abs(one["model"]) / one["spread"]
    return Finding(
        kind="turned_effect",
        severity="medium" if size >= 2 * WORTH else "low",
        sentence=(
            f"From {one['feature']} = {shared.text(one['low'])} to {shared.text(one['high'])} the model's {what}{of} "
            f"{'rises' if one['model'] > 0 else 'falls'} by {shown(abs(one['model']))}, while the outcome, among rows alike in the other columns, "
            f"{'falls' if one['outcome'] < 0 else 'rises'} by {shown(abs(one['outcome']))} "
            f"(95 % interval {signed(one['outcome'] - half)} to {signed(one['outcome'] + half)}; {rows_text(one['n'])})"
        ),
        features=(one["feature"],),
        estimate=float(one["outcome"]),
        low=float(one["outcome"] - half),
        high=float(one["outcome"] + half),
        n=int(one["n"]),
        p_adjusted=min(1.0, one["p"] * looked),
        evidence="accumulated_local_effects",
        settings={"features": [one["feature"]]} | ({"class_": one["group"]} if ev.task == "multiclass" else {}),
        advice=ADVICE,
        harm=size * one["n"] / ev.n,
    )
