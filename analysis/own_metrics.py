"""Metrics of the user's own: a function f(y_true, y_pred_or_score, sample_weight), called with care, interval by bootstrap."""

from __future__ import annotations

import functools
import inspect
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import special

from modelglass.analysis.budget import checked_seconds
from modelglass.analysis.errors import InputError
from modelglass.analysis.estimated import Estimates, rows_text
from modelglass.analysis.groups import Groups, Rows
from modelglass.analysis.intervals import critical
from modelglass.analysis.metric_records import METRICS, Function, Metric, Needs
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.weighted import equal_rows

DRAWS = 400
SECONDS = 10.0
FEWEST_UNITS = 20
"""Rows (or clusters) below which no interval is given: a bootstrap of fewer does not hold its level."""

_TASKS: dict[str, frozenset[str]] = {
    "label": frozenset({"binary", "multiclass", "regression"}),
    "value": frozenset({"regression"}),
    "score": frozenset({"binary", "multiclass"}),
    "probability": frozenset({"binary", "multiclass"}),
}
_WEIGHT_NAMES = ("sample_weight", "weight", "weights", "w")
_MAY_LACK_MEANING = (ValueError, ArithmeticError)


def own_metric(
    function: Function,
    *,
    needs: Needs = "label",
    greater_is_better: bool | None = None,
    name: str | None = None,
    label: str | None = None,
) -> Metric:
    """Declare a metric of your own.

    Parameters
    ----------
    function : callable f(y_true, y_pred_or_score, sample_weight) -> float
        Arrays of n rows: classes as codes (binary: 1 is the positive class; several: places in the order of the model's
        classes), values in regression; weights of 1 where there are none. Without a parameter for weights it is refused on
        weighted rows. It gets copies.
    needs : {"label", "score", "probability", "value"}
        What it gets second: decisions (or the predicted values in regression), scores, scores that must be probabilities, or
        values (regression only). Scores are (n,) of the positive class, or (n, classes).
    greater_is_better : bool or None
        None: neither, then nothing can be called worst by it.
    name, label : str, optional
        How results name it (without it the function's own name), and the words for people.

    Examples
    --------
    >>> def cost(y_true, y_pred, sample_weight):
    ...     return float(np.average(5 * (y_true > y_pred) + (y_true < y_pred), weights=sample_weight))
    >>> own_metric(cost, greater_is_better=False).name
    'cost'

    Raises
    ------
    InputError
        Not a function, an unknown ``needs``, or the name of another metric.
    """
    if not callable(function):
        raise InputError("Expected a function f(y_true, y_pred_or_score, sample_weight).", f"Got {function!r:.80}.")
    if needs not in _TASKS:
        raise InputError(f"Expected needs to be one of {', '.join(_TASKS)}.", f"Got {needs!r}.")
    name = name or _name(function)
    if name in METRICS:
        raise InputError(
            "Expected a metric of your own to have a name of its own.",
            f"{name!r} is a metric that modelglass knows.",
            f"Name it: own_metric(function, name='my_{name}'), or ask for {name!r} in quotes.",
        )
    return Metric(
        name=name,
        label=label or name,
        needs=needs,
        tasks=_TASKS[needs],
        greater_is_better=greater_is_better,
        range=(float("-inf"), float("inf")),
        rests_on="all rows",
        describe="Your own function.",
        function=function,
    )


def _name(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__name__", None) or type(function).__name__


def takes_weights(function: Function) -> str:
    """Say how a function takes weights: "keyword", "third" (by position), or "" where it takes none."""
    try:
        return _weights_of(function)
    except TypeError:  # an object without a hash: looked into anew each time
        return _weights_of.__wrapped__(function)


@functools.lru_cache(maxsize=64)
def _weights_of(function: Function) -> str:
    try:
        known = inspect.signature(function).parameters
    except (ValueError, TypeError):  # written in C: nothing is known, so it is taken at its word
        return "third"
    if "sample_weight" in known or any(p.kind is p.VAR_KEYWORD for p in known.values()):
        return "keyword"
    if any(p.kind is p.VAR_POSITIONAL for p in known.values()):
        return "third"
    placed = [p for p in known.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(placed) < 3:
        return ""
    third = placed[2]
    return "third" if third.default is third.empty or third.name in _WEIGHT_NAMES else ""


@dataclass(eq=False, slots=True)
class Bootstrap:
    """How intervals of own functions are drawn: seed, draws, and the seconds for all of them together (clock: first use)."""

    seed: int = 0
    draws: int = DRAWS
    seconds: float = SECONDS
    progress: Progress | None = None
    ends: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        """Refuse a budget that is none."""
        checked_seconds(self.seconds, or_none=True)

    def left(self) -> float:
        """Give the seconds that are left."""
        if not self.ends:
            self.ends = time.perf_counter() + self.seconds
        return self.ends - time.perf_counter()


def own_estimates(metric: Metric, groups: Groups, level: float, how: Bootstrap | None = None) -> Estimates:
    """Call an own function on every group; with ``how`` an interval from draws of the group's rows (or clusters)."""
    rows = groups.rows
    nothing = np.full(groups.count, np.nan)
    found = Estimates(nothing, nothing, nothing, groups.n, "none")
    if rows.weight is not None and not takes_weights(metric.function):  # type: ignore[arg-type]
        return found.cannot(
            groups.n >= 0, lambda g: f"{metric.name} takes no sample_weight, and these rows have weights"
        )
    order = np.argsort(groups.codes, kind="stable")
    parts = np.split(order, np.cumsum(groups.n)[:-1])
    for g, part in enumerate(parts):
        answer = "no rows" if not len(part) else own_answer(metric, rows, part)
        if isinstance(answer, str):
            found.cannot(np.arange(groups.count) == g, lambda _, why=answer: why)  # type: ignore[misc]
        else:
            found.estimate[g] = answer
    known = ~np.isnan(found.estimate)
    if how is None:
        return found.no_interval(known, lambda g: "the metric is a function of your own")
    found.method = f"bootstrap, {how.draws} draws"
    for g in map(int, np.flatnonzero(known)):
        ends = _interval(metric, rows, parts[g], level, how)
        if isinstance(ends, str):
            found.no_interval(np.arange(groups.count) == g, lambda _, why=ends: why)  # type: ignore[misc]
        else:
            found.low[g], found.high[g] = ends
    return found


def own_answer(metric: Metric, rows: Rows, part: np.ndarray) -> float | str:
    """Call the function on some rows, by their places: its number, or why it gave none.

    Raises
    ------
    InputError
        It changed what it was given, returned what is no number, or failed in a way that says it is wrong in itself.
    """
    given = rows.predicted if metric.needs in ("label", "value") or rows.score is None else rows.score
    arrays = [rows.y[part], given[part], np.ones(len(part)) if rows.weight is None else rows.weight[part]]
    before = [(a.shape, a.tobytes()) for a in arrays]
    value, why = _called(metric, arrays)
    if before != [(a.shape, a.tobytes()) for a in arrays]:
        raise InputError(
            f"Expected the metric {metric.name} to leave the arrays it gets as they are.",
            "It changed one of them in place.",
            "Work on a copy inside the function, such as y_true = y_true.copy().",
        )
    return why or value


def _called(metric: Metric, arrays: list[np.ndarray]) -> tuple[float, str]:
    """Give (number, "") or (NaN, why there is none)."""
    size, how = rows_text(len(arrays[0])), takes_weights(metric.function)  # type: ignore[arg-type]
    try:
        if how == "keyword":
            value = metric.function(*arrays[:2], sample_weight=arrays[2])  # type: ignore[misc]
        else:
            value = metric.function(*arrays[: 3 if how else 2])  # type: ignore[misc]
    except _MAY_LACK_MEANING as error:  # one class only, say: the other slices stand
        return np.nan, f"{metric.name} raised {type(error).__name__} on {size}: {str(error)[:160] or 'no message'}"
    except Exception as error:
        raise InputError(
            f"Expected the metric {metric.name} to give a number.",
            f"On {size} it raised {type(error).__name__}: {str(error)[:300]}",
            "It is called as f(y_true, y_pred_or_score, sample_weight) with arrays; see modelglass.analysis.own_metric.",
        ) from error
    try:
        if value is None or isinstance(value, str) or np.ndim(value):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        what = f"an array of shape {np.shape(value)}" if np.ndim(value) else f"{value!r:.80}"
        raise InputError(
            f"Expected the metric {metric.name} to return one number.",
            f"It returned {what}.",
            "Return a float, such as float(np.average(errors, weights=sample_weight)).",
        ) from None
    return (number, "") if np.isfinite(number) else (np.nan, f"{metric.name} gave {number} on {size}")


def _interval(metric: Metric, rows: Rows, part: np.ndarray, level: float, how: Bootstrap) -> tuple[float, float] | str:
    """Percentile bootstrap (Efron 1979), its quantiles moved outward as Student's t asks for (Hesterberg 2015)."""
    cluster = None if rows.cluster is None else np.unique(rows.cluster[part], return_inverse=True)[1]
    units = len(part) if cluster is None else int(cluster.max()) + 1
    what = "rows" if cluster is None else "clusters"
    if units < FEWEST_UNITS:
        return f"only {units} {what}, at least {FEWEST_UNITS} are needed"
    members = None
    if cluster is not None:
        members = np.split(np.argsort(cluster, kind="stable"), np.cumsum(np.bincount(cluster))[:-1])
    rng = np.random.default_rng((how.seed, 20_011, len(part)))
    values, began = [], how.left()
    for d in range(how.draws):
        left = how.left()
        if left <= 0 or (d == 8 and (began - left) * how.draws / d > began):
            return (
                f"{how.draws} draws do not fit into the {how.seconds:g} seconds given to own functions ({d} were made)"
            )
        tell(how.progress, 1 - max(left, 0) / max(how.seconds, 1e-9), f"drawing rows for {metric.name}")
        drawn = rng.integers(0, units, units)
        at = drawn if members is None else np.concatenate([members[i] for i in drawn])
        answer = own_answer(metric, rows, part[at])
        values.append(np.nan if isinstance(answer, str) else answer)
    return _ends(np.array(values), metric, _effective(rows, part, cluster), level)


def _effective(rows: Rows, part: np.ndarray, cluster: np.ndarray | None) -> float:
    """Kish's number of units."""
    weight = np.ones(len(part)) if rows.weight is None else rows.weight[part]
    if cluster is not None:
        weight = np.bincount(cluster, weights=weight)
    return equal_rows(weight, len(weight))


def _ends(values: np.ndarray, metric: Metric, units: float, level: float) -> tuple[float, float] | str:
    usable = values[np.isfinite(values)]
    if len(usable) < 0.9 * len(values):
        return f"{metric.name} gave no number in {len(values) - len(usable)} of {len(values)} draws"
    if usable.min() == usable.max():
        return f"{metric.name} gave the same number in all draws, so its spread is unknown"
    if units <= 2:
        return f"weights leave {units:.1f} effective rows"
    tail = float(special.ndtr(-critical(level, units - 1) * np.sqrt(units / (units - 1))))
    low, high = np.quantile(usable, [tail, 1 - tail])
    return float(low), float(high)
