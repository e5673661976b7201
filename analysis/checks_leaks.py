"""Does a column know the outcome? One that predicts it alone nearly perfectly, or is sure of it in some levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from modelglass.analysis.checked_data import CheckedData, Hit, hit
from modelglass.analysis.coding import Coding
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import agree, rows_text
from modelglass.analysis.estimates import estimate
from modelglass.analysis.finding import Severity
from modelglass.analysis.groups import Groups, Rows
from modelglass.analysis.intervals import wilson
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.selecting import between, either, level_of
from modelglass.analysis.single_features import Single, singles, together
from modelglass.analysis.sql_text import quote_name
from modelglass.analysis.stretches import runs
from modelglass.analysis.wording import say

FEWEST = 100
"""Rows below which nothing is said of leaks."""
NEARLY_ALL, MUCH = 0.9, 0.7
"""Share of the outcome's variance that one column explains: nearly perfect, and suspect where all others know far less."""
OF_CLASSES = 0.65
"""The same of classes, whose outcome keeps a chance of its own: with two as many it is a ROC AUC of about 0.93."""
TWINS = 0.95
"""A column that explains so much is compared with the others but its twins (copies leak together)."""
MOST_CLASSES = 10
TELLING, FEW_GAPS = 0.15, 30
"""Share of the outcome's variance that a column's gaps explain to be told, and rows with and without a value at least."""
ASK = "Ask when {name} is known: if only after the outcome, or made from it, the model must do without it, and these metrics are too good."


def check_leaks(data: CheckedData) -> list[Hit]:
    """Columns that predict the outcome alone nearly perfectly, beside what all other columns do together."""
    small = usable(data)
    names = [c for c in small.inputs if small.columns[c].kind != "text"]
    made = [s for s in singles(small, names) if np.isfinite(s.explained)]
    weight = small.weights()
    hits = []
    for one in made:
        if one.explained < (MUCH if small.task == "regression" else OF_CLASSES):
            continue
        twins = {s.name for s in made if one.explained >= TWINS and s.explained >= TWINS}
        _, others = together(small, [s for s in made if s.name != one.name and s.name not in twins], weight)
        severity = _severity(one.explained, others, small.task != "regression")
        if severity is not None:
            hits.append(_told(small, data, one, others, severity))
    return hits


def usable(data: CheckedData) -> CheckedData:
    """Give the rows that leaks are looked for in; NotApplicable where there are too few rows, no columns, or too many classes."""
    if not data.inputs:
        raise NotApplicable("there are no columns beside the outcome")
    if data.n < FEWEST:
        raise NotApplicable(f"{rows_text(data.n)} {agree(data.n, 'is', 'are')} too few; {FEWEST} are needed")
    if len(data.classes) > MOST_CLASSES:
        raise NotApplicable(f"there are more than {MOST_CLASSES} classes")
    return data.keep("small", lambda: data.part(data.rows))


def _severity(alone: float, others: float, classes: bool) -> Severity | None:
    """Weigh what a column leaves unexplained beside what all others leave; numbers may well follow from one column, classes seldom do."""
    left = (1 - alone) / max(1 - others, 1e-12)
    if alone >= NEARLY_ALL and left <= 0.3:
        return "high"
    if ((alone >= 0.8 or classes) and left <= 0.4) or left <= 0.25:
        return "medium"
    return None


def _told(small: CheckedData, data: CheckedData, one: Single, others: float, severity: Severity) -> Hit:
    alone = f"{one.name} alone explains {one.explained:.1%} of the differences in {data.target or 'the outcome'}"
    if data.task == "binary":
        alone = f"{one.name} alone tells the outcome with a ROC AUC of {auc(one.predicted[0], small.outcome_indicators()[0], small.weight):.3f}"
    beside = f"all other columns together explain {max(others, 0):.1%}"
    explained = f" ({one.explained:.1%} of the differences explained, cross-fitted over {rows_text(small.n)})"
    return hit(
        data,
        "leak",
        severity,
        f"{alone}{explained if data.task == 'binary' else f', cross-fitted over {rows_text(small.n)}'}; {beside}",
        columns=(one.name,),
        n=small.n,
        estimate=one.explained,
        harm=one.explained,
        advice=ASK.format(name=one.name),
    )


def auc(score: np.ndarray, positive: np.ndarray, weight: np.ndarray | None) -> float:
    """Give the weighted area under the ROC curve, ties counted half."""
    y = positive.astype(np.int64)
    rows = Rows(task="binary", y=y, predicted=y, score=score, probability=True, weight=weight)
    return float(estimate(METRICS["roc_auc"], Groups(rows, np.zeros(len(y), np.int64), 1)).estimate[0])


# known by its gaps ---------------------------------------------------------------------------------------------------


def check_telling_gaps(data: CheckedData) -> list[Hit]:
    """Columns whose being missing alone explains much of the outcome: as where a value is only entered, or dropped, after it."""
    small = usable(data)
    outcome = small.outcome_indicators()
    if small.task == "regression":  # a few large values would decide
        outcome = stats.rankdata(outcome[0])[None] / small.n
    weight = small.weights()
    counts = weight > 0
    hits = []
    names = [c for c in small.features if small.columns[c].kind not in ("text", "id")]
    for name in names:
        gone = small.frame[name].isna().to_numpy()
        if min((gone & counts).sum(), (~gone & counts).sum()) < FEW_GAPS:
            continue
        explained = [_explained(gone, y, weight) for y in outcome]
        k = int(np.argmax(explained))
        if explained[k] >= TELLING:
            hits.append(_gap_told(small, data, name, gone, explained[k], k))
    return hits


def _explained(group: np.ndarray, y: np.ndarray, weight: np.ndarray) -> float:
    """Give the share of the weighted variance of y, (n,), that lies between a group and the rest."""
    share = float(weight[group].sum() / weight.sum())
    apart = float(np.average(y[group], weights=weight[group]) - np.average(y[~group], weights=weight[~group]))
    mean = float(np.average(y, weights=weight))
    return share * (1 - share) * apart**2 / max(float(np.average((y - mean) ** 2, weights=weight)), 1e-300)


def _gap_told(small: CheckedData, data: CheckedData, name: str, gone: np.ndarray, explained: float, k: int) -> Hit:
    if small.task == "regression":
        middles = [say(float(np.median(small.y[part]))) for part in (gone, ~gone)]
        said = f"the median of {data.target or 'the outcome'} is {middles[0]} there, and {middles[1]} where it is known"
    else:
        code = k if data.task == "multiclass" else data.positive
        here, rest = (float((small.y[part] == code).mean()) for part in (gone, ~gone))
        label = data.classes[code] if data.classes else code
        said = f"{data.target or 'the outcome'} is {label} on {here:.1%} there, and on {rest:.1%} where it is known"
    return hit(
        data,
        "telling_gap",
        "medium",
        f"Whether {name} is missing alone explains {explained:.0%} of the differences in {data.target or 'the outcome'} "
        f"({rows_text(int(gone.sum()))} lack it): {said}",
        columns=(name,),
        where=f"{quote_name(name)} IS NULL",
        n=small.n,
        estimate=explained,
        harm=explained,
        advice=f"Ask when {name} is filled in: if only after the outcome, or never for some outcomes, the gap tells it, and these metrics "
        "are too good.",
    )


# sure in one level ---------------------------------------------------------------------------------------------------


def check_sure_levels(data: CheckedData) -> list[Hit]:
    """Levels of one column in which the outcome is (almost) certain, with a jump from the levels beside them."""
    if data.task == "regression":
        raise NotApplicable("the outcome is a number")
    small = usable(data)
    outcome = small.outcome_indicators()
    names = [c for c in small.features if small.columns[c].kind not in ("text", "id")]
    looks = len(names) * 12 * len(outcome)
    hits = []
    for name in names:
        coding = small.levels(name)
        ranked = small.columns[name].kind in ("numeric", "datetime")
        found = [
            _sure(coding, y, ranked, looks) for y in (outcome if len(outcome) > 1 else [outcome[0], 1 - outcome[0]])
        ]
        best = max((f for f in found if f is not None), key=lambda f: f.caught, default=None)
        if best is not None:
            hits.append(_sure_told(small, data, name, coding, best, found.index(best)))
    return hits


@dataclass(frozen=True, slots=True)
class Sure:
    """Levels and their outcome: share there, in all other rows, lower limit, rows, share of all such outcomes that they hold, p."""

    levels: tuple[int, ...]
    share: float
    rest: float
    low: float
    n: int
    caught: float
    p: float


def _sure(coding: Coding, y: np.ndarray, ranked: bool, looks: int) -> Sure | None:
    count = len(coding.labels)
    n = np.bincount(coding.codes, minlength=count)
    hits = np.bincount(coding.codes, weights=y, minlength=count)
    share = hits / np.maximum(n, 1)
    sure = (n > 0) & (share >= 0.95)
    groups = [np.arange(start, stop) for start, stop in runs(sure)] if ranked else [np.flatnonzero(sure)]
    best = None
    for levels in groups:
        rows, held = int(n[levels].sum()), float(hits[levels].sum())
        low = float(wilson(held / max(rows, 1), max(rows, 1), 0.99)[0])
        others = np.delete(np.arange(count), levels)
        beside = others[(others == levels[0] - 1) | (others == levels[-1] + 1)] if ranked and len(levels) else others
        beside = share[beside[n[beside] >= 10]]
        caught = held / max(float(hits.sum()), 1.0)
        rest = float((hits.sum() - held) / max(n.sum() - rows, 1))
        if rows < 30 or low < 0.85 or rest > 0.5 or caught < 0.1 or not len(beside) or beside.max() > held / rows - 0.3:
            continue
        p = min(float(stats.binom.sf(held - 1, rows, max(rest, beside.max()))) * looks, 1.0)
        if p < 1e-4 and (best is None or caught > best.caught):
            best = Sure(tuple(int(i) for i in levels), held / rows, rest, low, rows, caught, p)
    return best


def _sure_told(small: CheckedData, data: CheckedData, name: str, coding: Coding, found: Sure, k: int) -> Hit:
    if small.columns[name].kind in ("numeric", "datetime"):
        values = small.seconds(name)
        mine, known = values[np.isin(coding.codes, found.levels)], values[np.isfinite(values)]
        low, high = float(np.nanmin(mine)), float(np.nanmax(mine))
        place = between(small, name, low if low > known.min() else None, high if high < known.max() else None)
    else:
        place = either([level_of(coding, i) for i in found.levels])
    if data.task == "binary":
        k = data.positive if k == 0 else 1 - data.positive
    return hit(
        data,
        "sure_level",
        "medium",
        f"{data.target or 'The outcome'} is {data.classes[k]} on {found.share:.1%} of the {rows_text(found.n)} where {place.words}, and on "
        f"{found.rest:.1%} of the others; these rows hold {found.caught:.0%} of all {data.classes[k]}",
        columns=(name,),
        where=place.where,
        n=found.n,
        estimate=found.share,
        low=found.low,
        p_adjusted=found.p,
        harm=found.n / small.n,
        advice=ASK.format(name=name),
    )
