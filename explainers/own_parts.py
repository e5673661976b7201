"""A model as a sum of parts, one for each raw column: linear models and generalised additive ones, through a Pipeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.models.provenance import dense
from modelglass.analysis.plain import is_number
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.sql_text import literal, quote_name
from modelglass.explainers import rows as shared
from modelglass.explainers.shapley_exact import FEW, coefficients_of, exact_way, fed, link_of, oriented, provenance_of

STRAIGHT = 1e-6
"""A column's part is a straight line where it is off by at most this share of its range."""
MOST_LEVELS, ROWS = 30, 20_000


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Parts:
    """A model whose raw output is a sum.

    of      raw rows (frame) -> parts of each raw column, (n, p, groups)
    base    (groups,): what stands beside the parts of the columns; parts of several columns at once are in neither
    kind    "linear" or "additive"; scale: unit of the sum; apart: names of parts of several columns
    """

    of: Callable[[pd.DataFrame], np.ndarray]
    base: np.ndarray
    kind: str
    scale: str
    model: str
    apart: tuple[str, ...] = ()


def parts_of(ev: Evaluation) -> Parts | str:
    """Read a model as a sum of parts, or say why it is none (completing "because ...")."""
    if not hasattr(ev.estimator, "predict"):
        return "it is no object that can be read"
    X = ev.whole.inputs().iloc[:FEW]
    made = provenance_of(ev)
    sums = _sum_of(made.estimator)
    if sums is not None:
        return _additive(ev, made, X, sums)
    way = exact_way(ev, ("linear",))
    if isinstance(way, str):
        return way
    coefficients, intercept = (oriented(ev, a.T) for a in coefficients_of(way.made.estimator))
    p = len(ev.features)

    def of(frame: pd.DataFrame) -> np.ndarray:
        seen = np.asarray(dense(way.made.transform(fed(ev, frame))), dtype=float)
        return way.made.summed(seen[:, :, None] * coefficients[None], p)

    constant = _constant(way.made, coefficients, ev)
    return Parts(
        of=of, base=np.atleast_1d(intercept).ravel() + constant, kind="linear", scale=way.scale,
        model=type(way.made.estimator).__name__,
    )  # fmt: skip


def _constant(made: Any, coefficients: np.ndarray, ev: Evaluation) -> np.ndarray:
    """Part of transformed columns that depend on no raw column."""
    alone = made.raw_index < 0
    seen = np.asarray(dense(made.transform(fed(ev, ev.whole.inputs().iloc[:1]))), dtype=float)
    return seen[0, alone] @ coefficients[alone]


class _Sum(NamedTuple):
    """An additive model's own terms: the columns (by place) that each reads, rows -> values (n, terms) or (n, terms, outputs), and what stands beside them."""

    columns: list[tuple[int, ...]]
    values: Callable[[Any], Any]
    intercept: Any


def _sum_of(model: Any) -> _Sum | None:
    """Find the terms of an additive model: interpret's explainable boosting machines, and models with pyGAM's list of terms; None: it has none."""
    if all(hasattr(model, a) for a in ("eval_terms", "term_features_", "intercept_")):
        columns = [tuple(int(i) for i in features) for features in model.term_features_]
        return _Sum(columns, model.eval_terms, model.intercept_)
    if not all(hasattr(model, a) for a in ("terms", "coef_", "partial_dependence")):
        return None
    terms = list(enumerate(model.terms))
    shown = [(i, t) for i, t in terms if not t.isintercept]
    by = [[] if getattr(t, "by", None) is None else [t.by] for _, t in shown]  # the term's curve, times this column
    columns = [tuple(int(c) for c in (*np.atleast_1d(t.feature), *b)) for (_, t), b in zip(shown, by, strict=True)]

    def values(seen: Any) -> np.ndarray:
        rows = np.asarray(dense(seen), dtype=float)
        return np.column_stack([model.partial_dependence(term=i, X=rows) for i, _ in shown])

    alone = [model.coef_[model.terms.get_coef_indices(i)].sum() for i, t in terms if t.isintercept]
    return _Sum(columns, values, sum(alone))


def _additive(ev: Evaluation, made: Any, X: pd.DataFrame, own: _Sum) -> Parts | str:
    model = made.estimator
    if not made.exact:
        return made.reason
    raw = [tuple(sorted({int(made.raw_index[c]) for c in cs})) for cs in own.columns]
    single = np.array([len(r) == 1 for r in raw])
    names = list(ev.features)
    p = len(names)

    def terms(frame: pd.DataFrame) -> np.ndarray:
        found = np.asarray(own.values(made.transform(fed(ev, frame))), dtype=float)
        return oriented(ev, found if found.ndim == 3 else found[:, :, None])

    intercept = oriented(ev, np.asarray(own.intercept, dtype=float).reshape(1, -1))[0]
    sums = terms(X).sum(axis=1) + intercept
    scale = link_of(ev, sums, shared.output(ev, X))
    if scale is None:
        return f"the terms of {type(model).__name__} do not add up to its answer"

    def of(frame: pd.DataFrame) -> np.ndarray:
        found = terms(frame)
        out = np.zeros((len(frame), p, found.shape[2]))
        for t in np.flatnonzero(single):
            out[:, raw[t][0]] += found[:, t]
        return out

    apart = tuple(" with ".join(names[i] for i in r) for r, one in zip(raw, single, strict=True) if not one)
    return Parts(of=of, base=intercept, kind="additive", scale=scale, model=type(model).__name__, apart=apart)


def terms_of(
    ev: Evaluation, parts: Parts, points: int, progress: Progress | None
) -> tuple[pd.DataFrame, np.ndarray]:  # fmt: skip
    """Give a table of terms (as in ``OwnTerms``, for all groups) and the sum at the mean of every part, (groups,)."""
    chosen = ev.sample(ROWS)
    inputs, groups = chosen.inputs(), shared.groups(ev)
    weight = np.ones(chosen.n) if chosen.weight is None else chosen.weight
    found = parts.of(inputs)
    mean = np.einsum("i,ijk->jk", weight, found) / weight.sum()
    spread = np.sqrt(np.einsum("i,ijk->jk", weight, (found - mean) ** 2) / weight.sum())
    odds = parts.scale == "log-odds"
    records: list[dict[str, Any]] = []
    for j, name in enumerate(ev.features):
        tell(progress, 0.2 + 0.8 * j / len(ev.features), "reading the model")
        column = inputs[name]
        number = is_number(column) or pd.api.types.is_datetime64_any_dtype(column.dtype)
        rows = _number_terms if number else _level_terms
        for term in rows(parts, inputs, j, points, mean, weight):
            values = term.pop("estimate")
            per = term.pop("per_spread", np.full(len(values), np.nan))
            for g, group in enumerate(groups):
                records.append(
                    {
                        "group": group,
                        "feature": name,
                        **term,
                        "estimate": float(values[g]),
                        "per_spread": float(per[g]),
                        "odds_ratio": float(np.exp(values[g])) if odds else np.nan,
                        "spread": float(spread[j, g]),
                    }
                )
    if not records:
        raise NotApplicable("the model reads no column that holds anything")
    return pd.DataFrame(records), parts.base + mean.sum(axis=0)


def _at(parts: Parts, inputs: pd.DataFrame, j: int, donors: np.ndarray) -> np.ndarray:
    """Give the part of column j for its values in some rows, (len(donors), groups)."""
    choice = np.zeros((len(donors), inputs.shape[1]), dtype=np.int64)
    choice[:, j] = donors
    return parts.of(shared.Stack(inputs).rows(choice))[:, j]


def _slope(values: np.ndarray, found: np.ndarray) -> tuple[bool, np.ndarray]:
    """Tell whether what is found (values, groups) lies on a straight line, and its slope (groups,); no line leads to infinite values."""
    if not np.isfinite(values).all():
        return False, np.full(found.shape[1], np.nan)
    run = values[-1] - values[0]
    slope = (found[-1] - found[0]) / run if run > 0 else np.zeros(found.shape[1])
    off = np.abs(found - found[0] - (values - values[0])[:, None] * slope).max(axis=0)
    return bool((off <= STRAIGHT * np.maximum(np.ptp(found, axis=0), 1e-12)).all()), slope


def _spread(numbers: np.ndarray, weight: np.ndarray) -> float:
    """Give the standard deviation of numbers; NaN where all weigh 0."""
    if not weight.any():
        return float("nan")
    middle = np.average(numbers, weights=weight)
    return float(np.sqrt(np.average((numbers - middle) ** 2, weights=weight)))


def _number_terms(
    parts: Parts, inputs: pd.DataFrame, j: int, points: int, mean: np.ndarray, weight: np.ndarray
) -> list[dict[str, Any]]:  # fmt: skip
    """Say how a number counts: its slope where straight, else its curve; and what a missing one counts."""
    column, name = inputs.iloc[:, j], quote_name(str(inputs.columns[j]))
    known = np.flatnonzero(column.notna().to_numpy())
    out: list[dict[str, Any]] = []
    if len(known):
        order = known[np.argsort(column.iloc[known].to_numpy(), kind="stable")]
        places = order[np.unique(np.linspace(0, len(order) - 1, max(points, 3)).round().astype(int))]
        places = places[~column.iloc[places].duplicated().to_numpy()]
        values = _floats(column.iloc[places])
        found = _at(parts, inputs, j, places)
        straight, slope = _slope(values, found)
        if straight and not pd.api.types.is_datetime64_any_dtype(column.dtype):
            numbers = _floats(column.iloc[known])
            spread = _spread(numbers, weight[known])
            about = {"term": "one more", "n": len(known), "where": f"{name} IS NOT NULL"}
            out.append({**about, "estimate": slope, "per_spread": slope * spread})
        else:
            for place, value in zip(places, found, strict=True):
                raw = column.iloc[place]
                n = int((column == raw).sum())
                about = {"term": f"at {shared.text(raw)}", "n": n, "where": f"{name} = {literal(_plain(raw))}"}
                out.append({**about, "estimate": value - mean[j]})
    gone = np.flatnonzero(column.isna().to_numpy())
    if len(gone):
        value = _at(parts, inputs, j, gone[:1])[0] - mean[j]
        out.append({"term": "missing", "n": len(gone), "where": f"{name} IS NULL", "estimate": value})
    return out


def _level_terms(
    parts: Parts, inputs: pd.DataFrame, j: int, points: int, mean: np.ndarray, weight: np.ndarray
) -> list[dict[str, Any]]:  # fmt: skip
    """Say what each level counts beside the most frequent one; the rarest of many are left out."""
    column, name = inputs.iloc[:, j], quote_name(str(inputs.columns[j]))
    codes, levels = pd.factorize(column, use_na_sentinel=False)
    counts = np.bincount(codes, minlength=len(levels))
    order = np.argsort(-counts, kind="stable")[:MOST_LEVELS]
    donors = np.array([np.flatnonzero(codes == c)[0] for c in order])
    found = _at(parts, inputs, j, donors)
    base = shared.text(levels[order[0]])
    out = []
    for c, value in zip(order[1:], found[1:], strict=True):
        gone = bool(pd.isna(levels[c]))
        where = f"{name} IS NULL" if gone else f"{name} = {literal(_plain(levels[c]))}"
        term = f"{shared.text(levels[c])} rather than {base}"
        out.append({"term": term, "n": int(counts[c]), "where": where, "estimate": value - found[0]})
    return out


def _floats(column: pd.Series) -> np.ndarray:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column.to_numpy(dtype="datetime64[ns]").astype("int64").astype(float)
    return column.to_numpy(dtype=float, na_value=np.nan)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
