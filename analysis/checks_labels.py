"""Are there outcomes enough, of each class and in each level? Do they lack where it matters, and are they shared out as in training?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from modelglass.analysis.checked_data import CheckedData, Hit, hit
from modelglass.analysis.coding import MISSING, OTHER, Coding, code_column
from modelglass.analysis.difference import adjusted
from modelglass.analysis.errors import NotApplicable, listed
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.finding import Severity
from modelglass.analysis.selecting import level_of
from modelglass.analysis.sql_text import literal, quote_name
from modelglass.analysis.wording import say

P_MOST = 1e-4
FEW, SCARCE = 30, 100
"""Rows on which a metric cannot be stated, and can only roughly."""
_MORE = "Gather more of them before you state a metric there, or give it with its interval only."


# classes -------------------------------------------------------------------------------------------------------------


def check_classes(data: CheckedData) -> list[Hit]:
    """Classes with few rows."""
    if data.task == "regression":
        raise NotApplicable("the outcome is a number")
    counts = np.bincount(data.y, minlength=len(data.classes))
    hits = []
    for k, count in enumerate(counts.tolist()):
        if count >= SCARCE or not data.classes or (count >= FEW and count > 0.1 * data.n):
            continue
        hits.append(
            hit(
                data,
                "rare_class",
                "medium" if count < FEW else "low",
                f"{rows_text(count)} of {data.n:,} ({count / data.n:.2%}) {'has' if count == 1 else 'have'} {data.target or 'the outcome'} "
                f"= {data.classes[k]}: recall and precision of it rest on them",
                where=f"{quote_name(data.target)} = {literal(data.classes[k])}"
                if count and data.target in data.frame
                else None,
                places=np.flatnonzero(data.y == k),
                n=count,
                harm=1 - count / data.n,
                advice=_MORE,
            )
        )
    return hits


# levels --------------------------------------------------------------------------------------------------------------


def check_levels(data: CheckedData) -> list[Hit]:
    """Levels with far fewer rows than the others, here (and in training where given)."""
    names = [c for c in data.of_kind("categorical", "boolean") if data.columns[c].unique <= 50]
    if not names:
        raise NotApplicable("there are no columns of categories")
    alone, few = [], []
    for name in names:
        coding = data.levels(name)
        counts = np.bincount(coding.codes, minlength=len(coding.labels))
        used = [i for i, label in enumerate(coding.labels) if counts[i] and label not in (MISSING, OTHER)]
        if len(used) < 2:
            continue
        there = _counts_there(data, name, coding)
        found = _outlier(counts, used, there)
        if found is not None:
            alone.append(_alone(data, name, coding, counts, found, there))
        few += [(name, coding.labels[i], int(counts[i])) for i in used if counts[i] < FEW and i != found]
    return alone + ([_few(data, few)] if few else [])


def _counts_there(data: CheckedData, name: str, coding: Coding) -> np.ndarray | None:
    """Count the rows of each level in the training data; None where they are not given."""
    if data.train is None or name not in data.train.columns:
        return None
    other = code_column(data.train[name], data.columns[name], max_levels=1_000)
    counts = dict(zip(other.labels, np.bincount(other.codes, minlength=len(other.labels)).tolist()))
    return np.array([counts.get(label, 0) for label in coding.labels])


def _outlier(counts: np.ndarray, used: list[int], there: np.ndarray | None) -> int | None:
    """Give the one level that has far fewer rows than the next: under a fifth of it, and under 2 % of all; so in training too."""
    order = sorted(used, key=lambda i: counts[i])
    first, second = order[0], order[1]
    if counts[first] * 5 > counts[second] or counts[first] > 0.02 * counts.sum():
        return None
    if there is not None and there[first] * 3 > there[second]:
        return None
    return first


def _alone(
    data: CheckedData, name: str, coding: Coding, counts: np.ndarray, level: int, there: np.ndarray | None
) -> Hit:
    others = np.delete(counts, level)
    count = int(counts[level])
    beside = "" if there is None else f", and on {int(there[level]):,} of {int(there.sum()):,} training rows"
    return hit(
        data,
        "rare_level",
        "medium" if count < SCARCE else "low",
        f"{name} is {coding.labels[level]} on {rows_text(count)} only ({count / data.n:.2%}){beside}; the next level has "
        f"{int(others[others > 0].min()):,}: no metric can be stated surely for it",
        columns=(name,),
        where=coding.conditions[level],
        places=np.flatnonzero(coding.codes == level),
        n=count,
        harm=0.0,
        advice=_MORE + ("" if there is None else " The model has hardly seen it either: train it with more such rows."),
    )


def _few(data: CheckedData, few: list[tuple[str, str, int]]) -> Hit:
    few = sorted(few, key=lambda f: (f[2], f[0], f[1]))
    columns = tuple(dict.fromkeys(name for name, _, _ in few))
    shown = listed([f"{name} = {label} ({count:,})" for name, label, count in few], 4)
    return hit(
        data,
        "few_rows",
        "low",
        f"{len(few):,} {'level has' if len(few) == 1 else 'levels have'} fewer than {FEW} rows: {shown}",
        columns=columns,
        n=sum(count for _, _, count in few),
        harm=0.0,
        advice="Metrics by these levels cannot be stated; look at them together with others.",
    )


# outcomes that lack --------------------------------------------------------------------------------------------------


def check_missing_outcomes(data: CheckedData) -> list[Hit]:
    """Rows without an outcome, which were left out: do they differ from those that stayed?"""
    gone = data.unlabelled
    if gone is None or not len(gone):
        raise NotApplicable(
            "no row was left out for want of an outcome" if data.whole else "all rows are checked, not a cohort"
        )
    tested = []
    for name in [*data.inputs, *data.times]:
        if data.columns[name].kind in ("text", "id") or name not in gone:
            continue
        both = pd.concat([data.frame[name], gone[name]])
        try:
            coding = code_column(both, data.columns[name], bins=8, max_levels=20)
        except Exception:  # noqa: BLE001  a value that only the rows left out hold
            continue
        parts = coding.codes[: data.n], coding.codes[data.n :]
        p = alike(np.stack([np.bincount(codes, minlength=len(coding.labels)) for codes in parts]))
        tested.append((name, coding, p))
    p_adjusted = adjusted([p for _, _, p in tested]) if tested else np.array([])
    hits = []
    lost, total = len(gone), len(gone) + data.n
    for (name, coding, _), p in zip(tested, p_adjusted):
        found = _most_lost(coding, data.n)
        if p < P_MOST and found is not None:
            hits.append(_lost_told(data, name, coding, found, float(p), lost / total))
    hits.sort(key=lambda h: -h.finding.estimate)
    return hits[:3]


def alike(table: np.ndarray) -> float:
    """Give the p-value of Pearson's chi-square test that the rows of a table, (groups, levels), are shared out alike.

    Levels of fewer than 10 rows are left out; NaN where fewer than two are left, or none of a group.

    >>> round(alike(np.array([[30, 70, 1], [50, 50, 0]])), 4)
    0.0039
    """
    table = table[:, table.sum(axis=0) >= 10]
    if table.shape[1] < 2 or (table.sum(axis=1) == 0).any():
        return np.nan
    return float(stats.chi2_contingency(table, correction=False).pvalue)


def _most_lost(coding: Coding, n: int) -> int | None:
    """Give the level that lost the largest share, where that is twice that of the others, or 10 points more."""
    gone = np.bincount(coding.codes[n:], minlength=len(coding.labels))
    all_ = np.bincount(coding.codes, minlength=len(coding.labels))
    share = gone / np.maximum(all_, 1)
    level = int(np.where(all_ >= 20, share, -1).argmax())
    rest = (gone.sum() - gone[level]) / max(all_.sum() - all_[level], 1)
    return level if share[level] > 2 * rest or share[level] > rest + 0.1 else None


def _lost_told(data: CheckedData, name: str, coding: Coding, level: int, p: float, share: float) -> Hit:
    inside = coding.codes == level
    gone = int(inside[data.n :].sum())
    here = gone / max(int(inside.sum()), 1)
    rest = (len(inside) - data.n - gone) / max(int((~inside).sum()), 1)
    severity: Severity = "medium" if share >= 0.01 else "low"
    return hit(
        data,
        "missing_outcomes",
        severity,
        f"The outcome is missing on {here:.0%} of {rows_text(int(inside.sum()))} where {level_of(coding, level).words}, and on {rest:.0%} of the "
        "others; all rows without one were left out",
        columns=(name,),
        where=coding.conditions[level],
        n=int(inside.sum()),
        estimate=here,
        p_adjusted=p,
        harm=gone / len(inside),
        advice="What is measured here speaks of the rows whose outcome is known. Find out why it lacks there, and weigh or gather accordingly.",
    )


# beside the training data --------------------------------------------------------------------------------------------


def check_shares(data: CheckedData) -> list[Hit]:
    """Outcomes shared out otherwise than in the training data."""
    there = data.train_y
    if there is None:
        raise NotApplicable("no training data with outcomes were given")
    if data.task == "regression":
        return _values_moved(data, there)
    k = len(data.classes)
    p = alike(np.stack([np.bincount(y, minlength=k) for y in (data.y, there)]))
    if np.isnan(p):
        raise NotApplicable("there is hardly more than one class")
    here, was = (np.bincount(y, minlength=k) / len(y) for y in (data.y, there))
    most = int(np.abs(here - was).argmax())
    moved = abs(here[most] - was[most])
    if p > P_MOST or moved < 0.02:
        return []
    if data.task == "binary" and data.positive_index is not None:
        most = data.positive_index
    return [
        hit(
            data,
            "outcome_shift",
            "high" if moved >= 0.1 else "medium",
            f"{here[most]:.1%} of these {rows_text(data.n)} have {data.target or 'the outcome'} = {data.classes[most]}, and {was[most]:.1%} of "
            f"the {len(there):,} training rows",
            estimate=float(here[most] - was[most]),
            p_adjusted=p,
            harm=float(moved),
            advice="Probabilities learnt at the other share are off by it: recalibrate, or weigh, unless rows were chosen by their outcome.",
        )
    ]


def _values_moved(data: CheckedData, there: np.ndarray) -> list[Hit]:
    found = stats.ks_2samp(data.y, there, method="asymp")
    if found.pvalue > P_MOST or found.statistic < 0.1:
        return []
    here, was = float(np.median(data.y)), float(np.median(there))
    return [
        hit(
            data,
            "outcome_shift",
            "high" if found.statistic >= 0.3 else "medium",
            f"{data.target or 'The outcome'} has another distribution than in training: its median is {say(here)} on these {rows_text(data.n)}, "
            f"and {say(was)} on the {len(there):,} training rows; {found.statistic:.0%} of the values would have to move",
            estimate=float(found.statistic),
            p_adjusted=float(found.pvalue),
            harm=float(found.statistic),
            advice="Find out whether the world changed or the rows were chosen otherwise; the model was fitted to the other distribution.",
        )
    ]
