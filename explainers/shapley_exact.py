"""Exact Shapley values of the final estimator, summed back to raw columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.kept import Kept
from modelglass.analysis.models.outputs import OneLabel
from modelglass.analysis.models.provenance import Provenance, dense, provenance
from modelglass.analysis.models.tree_models import TreeModel, tree_model
from modelglass.analysis.progress import Progress
from modelglass.explainers import boosters, rows, shap_adapter, tree_shapley

NANOSECONDS = 3.0
"""Of one of shap's steps."""
ISOLATED = "relative path length"
"""Of an isolation forest: comparisons that set a row apart, 1 for an ordinary row, less for a strange one; turned round where strange
rows are the positive class.
"""
FEW = 128
"""Rows of the whole data on which a way is checked."""
MATCH = 1e-5
"""The raw output, sent through its link, must give the model's own answer this closely."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Attribution:
    """Shapley values in raw columns, whichever way they were found.

    values      shape (n, n_features, n_groups), in the unit ``scale``
    base, prediction    shapes (n_groups,) and (n, n_groups), same unit; values sum to prediction minus base
    error       standard error of each value, shape of values; None where exact
    how         the way, for people; absent: what stands in for a feature that is left out
    background  rows of the background; 0 where none is used
    lent        standard error that the choice of background rows adds to each weighted mean |value|, (n_features, n_groups); None where exact
    done        places of the rows that are explained where the time ended a sampling; None: all
    """

    values: np.ndarray
    base: np.ndarray
    prediction: np.ndarray
    scale: str
    method: str
    how: str
    absent: str
    background: int
    error: np.ndarray | None = None
    lent: np.ndarray | None = None
    done: np.ndarray | None = None

    def of_group(self, group: int) -> Attribution:
        """Give the same of one group, by its place."""
        error = None if self.error is None else self.error[:, :, [group]]
        lent = None if self.lent is None else self.lent[:, [group]]
        values, prediction = self.values[:, :, [group]], self.prediction[:, [group]]
        return replace(self, values=values, base=self.base[[group]], prediction=prediction, error=error, lent=lent)


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ExactWay:
    """An exact way that fits a model: what its final estimator is and how its raw output becomes the model's answer.

    steps_a_row     about the nanoseconds that a row takes; 0 where it is not worth asking
    trees           the model's trees, where we can read them; else its library or shap explains it
    """

    made: Provenance
    kind: str
    scale: str
    steps_a_row: float = 0.0
    trees: TreeModel | None = None

    def work(self, background: int | None) -> float:
        """Say about how many nanoseconds a row takes, at most, against so many background rows (None: without)."""
        if self.trees is None or background is None:
            return self.steps_a_row
        return tree_shapley.steps_against(self.trees.trees, background)


def exact_way(ev: Evaluation, kinds: tuple[str, ...] = ("tree", "linear")) -> ExactWay | str:
    """Find the exact way for a model, or say why there is none (completing "because ..."); found once for all that explains it."""
    return _kept(ev)(kinds, lambda: _found(ev, kinds))


def _kept(ev: Evaluation) -> Kept:
    """Give what is kept of ways, apart from the scores: finding one takes a while, and who asks for scores need not wait."""
    kept: Kept = ev.whole.keep("exact ways", Kept)
    return kept


def _found(ev: Evaluation, kinds: tuple[str, ...]) -> ExactWay | str:
    if isinstance(ev.model, OneLabel):
        return "the model gives several labels a row, and this is one of them"
    made = provenance_of(ev)
    kind = _kind(made.estimator)
    if kind not in kinds:
        return (
            f"there is no exact method for {type(made.estimator).__name__}"
            if not kind
            else f"the model is of kind {kind}"
        )
    if not made.exact:
        return made.reason
    Z = made.transform(first_rows(ev))
    try:
        raw = margins_of(made.estimator, Z, kind)
    except (ValueError, TypeError, AttributeError) as error:
        return f"the raw output of {type(made.estimator).__name__} cannot be read ({error})"
    scale = _link(ev, made.estimator, raw, rows.output(ev, ev.whole.inputs().iloc[:FEW]))
    if scale is None:
        return f"the answer of {type(made.estimator).__name__} is not a known function of its raw output"
    if kind != "tree":
        return ExactWay(made=made, kind=kind, scale=scale)
    trees = tree_model(made.estimator, Z, raw, tree_shapley.output_of)
    if isinstance(trees, TreeModel):
        work = tree_shapley.steps_a_row(trees.trees)
        return ExactWay(made=made, kind=kind, scale=scale, steps_a_row=work, trees=trees)
    if _isolates(made.estimator):
        return trees
    if not shap_adapter.supports(made.estimator):
        return boosters.refusal(made.estimator) or ExactWay(made=made, kind=kind, scale=scale)
    refusal = shap_adapter.refusal(made.estimator)
    work = NANOSECONDS * shap_adapter.steps_a_row(made.estimator)
    return refusal or ExactWay(made=made, kind=kind, scale=scale, steps_a_row=work)


def exact_values(
    ev: Evaluation,
    way: ExactWay,
    *,
    background: int | None,
    seed: int,
    against: Evaluation | None = None,
    inputs: pd.DataFrame | None = None,
    progress: Progress | None = None,
) -> Attribution:
    """Explain the rows of ``ev``, or other ``inputs``, exactly; background rows come from the whole data of ``against`` (None: its own).

    Without ``background`` (rows) absent columns follow the training rows down each tree; linear models need one.

    Raises
    ------
    NotApplicable
        Where the library refuses the model, or its trees cannot be read and background rows are asked for.
    """
    Z, against = way.made.transform(fed(ev, ev.inputs() if inputs is None else inputs)), against or ev
    absent, used = "absent features follow the training rows down each tree", min(background or 0, against.whole.n)
    reference = way.made.transform(fed(against, rows.background_of(against, used, seed))) if used else None
    if way.kind == "linear":
        values, base = _linear_values(way.made.estimator, Z, reference)
        absent = f"absent features take their mean over {used:,} background rows"
    elif way.trees is not None:
        others = None if reference is None else way.trees.encode(reference)
        values, base = tree_shapley.tree_shapley(
            way.trees.trees, way.trees.encode(Z), background=others, progress=progress
        )
        absent = absent if others is None else f"absent features take the values of {used:,} background rows"
    elif used:
        raise NotApplicable(f"the trees of {type(way.made.estimator).__name__} cannot be set against background rows")
    elif boosters.library(way.made.estimator):
        values, base = _guest(boosters.booster_values, way.made.estimator, Z, progress)
    else:
        values, base = _guest(shap_adapter.tree_values, way.made.estimator, dense(Z), progress)
    raw = margins_of(way.made.estimator, Z, way.kind)
    values, base, raw = (oriented(ev, a) for a in (values, base, raw))
    n = len(values)
    return Attribution(
        values=way.made.summed(values, len(ev.features)) if way.made.steps else values.reshape(n, len(ev.features), -1),
        base=base,
        prediction=raw,
        scale=way.scale,
        method=way.kind,
        how=_how(way),
        absent=absent,
        background=used,
    )


def provenance_of(ev: Evaluation) -> Provenance:
    """Follow the raw columns of a model to its final estimator; found once for an Evaluation, whoever asks."""
    return _kept(ev)("provenance", lambda: provenance(ev.estimator, first_rows(ev)))


def first_rows(ev: Evaluation) -> pd.DataFrame:
    """Give the first rows of the whole data, as the model is handed them."""
    return fed(ev, ev.whole.inputs().iloc[:FEW])


def fed(ev: Evaluation, frame: pd.DataFrame) -> pd.DataFrame:
    """Give rows as the model is handed them."""
    return frame if ev.feed is None else ev.feed.apply(frame)


def _how(way: ExactWay) -> str:
    name = type(way.made.estimator).__name__
    summed = ", summed back to raw columns by where each transformed column comes from" if way.made.steps else ""
    return f"exact for {name}{summed}"


def _guest(
    explain: Callable[..., tuple[np.ndarray, np.ndarray]], estimator: Any, Z: Any, progress: Progress | None
) -> tuple[np.ndarray, np.ndarray]:
    """Let a library explain its model; what it refuses is an answer."""
    try:
        return explain(estimator, Z, progress)
    except (ValueError, TypeError, AttributeError, AssertionError, NotImplementedError) as error:
        raise NotApplicable(
            f"the exact method failed on {type(estimator).__name__}: {' '.join(str(error).split())[:200]}"
        ) from error


def _kind(estimator: Any) -> str:
    if boosters.library(estimator) and boosters.has_trees(estimator):
        return "tree"
    if shap_adapter.supports(estimator) or _isolates(estimator):
        return "tree"
    try:
        coefficients = np.asarray(getattr(estimator, "coef_", None), dtype="float64")
    except (TypeError, ValueError, AttributeError):
        return ""
    return "linear" if coefficients.ndim in (1, 2) and hasattr(estimator, "intercept_") else ""


def _isolates(estimator: Any) -> bool:
    return type(estimator).__name__ == "IsolationForest" and type(estimator).__module__.startswith("sklearn.")


def coefficients_of(estimator: Any) -> tuple[np.ndarray, np.ndarray]:
    """Give coefficients (outputs, columns) and intercepts (outputs,) of a linear model."""
    coefficients = np.atleast_2d(np.asarray(estimator.coef_, dtype="float64"))
    return coefficients, np.broadcast_to(np.asarray(estimator.intercept_, dtype="float64").ravel(), len(coefficients))


def _linear_values(estimator: Any, Z: Any, reference: Any) -> tuple[np.ndarray, np.ndarray]:
    """Values of a linear model: coefficient times distance from the background's mean; base is its raw output there."""
    coefficients, intercept = coefficients_of(estimator)
    mean = dense(reference).mean(axis=0, dtype="float64")
    values = (dense(Z) - mean)[:, :, None] * coefficients.T[None]
    return values, coefficients @ mean + intercept


def margins_of(estimator: Any, Z: Any, kind: str) -> np.ndarray:
    """Raw output that the values add up to, shape (n, k)."""
    if kind == "linear":
        coefficients, intercept = coefficients_of(estimator)
        return np.asarray(dense(Z) @ coefficients.T + intercept, dtype="float64")
    if boosters.library(estimator):
        return boosters.margins(estimator, Z)
    name = type(estimator).__name__
    if _isolates(estimator):
        return np.asarray(-np.log2(-estimator.score_samples(Z)), dtype="float64")[:, None]
    if name.startswith("HistGradient"):
        raw = estimator.decision_function(Z) if hasattr(estimator, "decision_function") else _before_log(estimator, Z)
    elif name == "GradientBoostingClassifier":
        raw = estimator.decision_function(Z)
    elif hasattr(estimator, "predict_proba"):
        raw = estimator.predict_proba(Z)
    else:
        raw = estimator.predict(Z)
    return np.asarray(raw, dtype="float64").reshape(Z.shape[0], -1)


def _before_log(estimator: Any, Z: Any) -> np.ndarray:
    value = estimator.predict(Z)
    return np.log(value) if estimator.loss in ("poisson", "gamma") else value


def oriented(ev: Evaluation, raw: np.ndarray) -> np.ndarray:
    """Turn the last axis from the estimator's outputs to our groups: the positive class, each class, or the target."""
    if ev.task != "binary":
        return raw
    index = ev.positive_index or 0
    if raw.shape[-1] == 2:
        return raw[..., [index]]
    return raw if index == 1 else -raw


Links = list[tuple[str, Callable[[np.ndarray], np.ndarray]]]


def _link(ev: Evaluation, estimator: Any, raw: np.ndarray, answer: np.ndarray) -> str | None:
    """Find the link that turns raw output into the model's answer, and name the raw output's unit; None where none fits."""
    candidates = _links(ev)
    if ev.task == "binary" and _isolates(estimator):
        sign = 1.0 if ev.positive_index == 1 else -1.0
        candidates.append((ISOLATED, lambda x: sign * (-(2.0 ** (-sign * x)) - estimator.offset_)))
    return _linked(oriented(ev, raw), answer, candidates)


def _links(ev: Evaluation) -> Links:
    same: Links = [(rows.scale(ev), lambda x: x)]
    if ev.task == "multiclass":
        return [*same, ("raw score", lambda x: special.softmax(x, axis=1)), ("log-odds", special.expit)]
    if ev.task == "binary":
        return [*same, ("log-odds", special.expit), ("half the log-odds", lambda x: special.expit(2.0 * x))]
    return [*same, (f"log of {ev.target}", np.exp), (f"log-odds of {ev.target}", special.expit)]


def _linked(raw: np.ndarray, answer: np.ndarray, candidates: Links) -> str | None:
    if raw.shape != answer.shape:
        return None
    size = max(1.0, float(np.abs(answer).max(initial=0.0)))
    with np.errstate(over="ignore"):
        for name, link in candidates:
            if np.abs(link(raw) - answer).max(initial=0.0) <= MATCH * size:
                return name
    return None


def link_of(ev: Evaluation, sums: np.ndarray, answer: np.ndarray) -> str | None:
    """Name the unit of sums (n, groups) that a known link turns into the model's answer; None where none does."""
    return _linked(sums, answer, _links(ev))


def check_method(method: str) -> None:
    """Refuse an unknown way."""
    if method not in ("auto", "tree", "linear", "sampling"):
        raise InputError(
            "Expected method to be one of auto, tree, linear, sampling.",
            f"Got {method!r}.",
            "Leave it out to let the model decide.",
        )
