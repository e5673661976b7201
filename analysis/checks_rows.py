"""Do rows stand there more than once, with other outcomes, or in the training data too? Each beside what chance would give."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from modelglass.analysis.checked_data import OUTCOME, CheckedData, Hit, hit
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import agree, rows_text
from modelglass.analysis.finding import Severity
from modelglass.analysis.row_hashes import Hashes, column_hashes, equal_pairs, row_hashes, run_lengths, times_seen
from modelglass.analysis.selecting import selecting
from modelglass.analysis.sql_text import quote_name
from modelglass.analysis.unseen import more_than, share_by_chance
from modelglass.analysis.wording import part

TIMES_CHANCE, CONFLICT_TIMES = 2.0, 3.0
"""Repeats, and repeats with other outcomes, are told where there are more than so many times what chance gives."""
P_MOST = 1e-4
FREQUENT = 0.2
"""A value that this share of the rows holds is frequent."""
_LEFT_OUT = 6
"""Columns that are left out in turn to estimate chance."""


def check_duplicates(data: CheckedData) -> list[Hit]:
    """Rows that repeat another in every column, beside what the columns give by chance."""
    names = [c for c in data.columns if c != data.target]
    if not names:
        raise NotApplicable("there are no columns beside the outcome")
    outcome = data.outcome_hashes()
    compared = {tuple(sorted(names)): "in every column"}
    compared.setdefault(tuple(sorted(data.features)), "in the outcome and all columns that the model reads")
    for columns, said in compared.items():
        if not columns:
            continue
        hashes = np.stack([data.hashes(c) for c in columns])
        # without the outcome too: where it follows from the columns, rows that are equal by chance are equal in it as well
        alone, _, _ = surplus(hashes, _telling(data))
        more, chance, found = surplus(np.vstack([hashes, outcome]), _telling(data)) if alone else (False, 0.0, 0)
        if more:
            return [_duplicates(data, times_seen(hashes.sum(axis=0, dtype=np.uint64) + outcome), said, chance, found)]
    return []


def _telling(data: CheckedData) -> np.ndarray:
    """Tell which rows say something when they repeat, (n,): they hold a value that few others have, or few rows are like them.

    A row of frequent values only that stands very often is a usual row (all zeros, of customers who do nothing), no copy.
    """

    def make() -> np.ndarray:
        rare = np.zeros(data.n, dtype=bool)
        total = np.zeros(data.n, np.uint64)
        for name in data.features:
            ordered = np.sort(data.hashes(name))
            counts = run_lengths(ordered)
            frequent = ordered[np.cumsum(counts)[counts >= FREQUENT * data.n] - 1]
            if not len(frequent):
                return np.ones(data.n, dtype=bool)
            rare |= ~np.isin(data.hashes(name), frequent)
            total += data.hashes(name)
        return rare | (times_seen(total) <= max(5, 0.005 * data.n))

    return data.keep("telling", make)


def surplus(hashes: np.ndarray, telling: np.ndarray) -> tuple[bool, float, int]:
    """Say whether more pairs of rows are equal in all columns than chance gives; ``hashes`` (columns, n), of which ``telling`` rows count.

    Returns
    -------
    more : bool
    chance, found : float, int
        Pairs that chance gives, and that there are.
    """
    kept = hashes[:, telling]
    total = kept.sum(axis=0, dtype=np.uint64)
    found = equal_pairs(total)
    if found < 3:
        return False, 0.0, found
    chance = pairs_by_chance(kept, total, found)
    return _beyond(found, chance), chance, found


def _beyond(found: float, chance: float, times: float = TIMES_CHANCE) -> bool:
    return found > times * chance + 2 and float(stats.poisson.sf(found - 1, 1.5 * chance)) < P_MOST


def pairs_by_chance(hashes: np.ndarray, total: Hashes, found: int) -> float:
    """Estimate how many pairs of rows would be equal by chance.

    Parameters
    ----------
    hashes : uint64 array, shape (columns, n)
    total : uint64 array, shape (n,)
        Their sum.
    found : int
        Pairs that are equal.

    Notes
    -----
    Let a pair differ in column j alone F_j times, in k alone F_k times, in both and nothing else F_jk times. Where, among rows equal in
    all else, j and k agree independently, F_j F_k / F_jk pairs agree in everything: the odds ratio of a two by two table whose fourth
    cell is wanted, as when animals are counted by two captures (Petersen; Lincoln). Pairs equal in everything do not enter, so rows that
    were loaded twice do not raise their own expectation. Pairs of columns are pooled as strata are (Mantel and Haenszel 1959): the sum of
    F_j F_k over the sum of F_jk; half a pair is added to each count.
    """
    without = np.array([equal_pairs(total - h) for h in hashes])
    alone = without - found
    used = np.argsort(-alone, kind="stable")[:_LEFT_OUT]
    above = below = 0.0
    for a, j in enumerate(used):
        for k in used[a + 1 :]:
            both = equal_pairs(total - hashes[j] - hashes[k]) - without[j] - without[k] + found
            above += (alone[j] + 0.5) * (alone[k] + 0.5)
            below += max(both, 0) + 0.5
    return above / below if below else 0.0


def _duplicates(data: CheckedData, seen: np.ndarray, compared: str, chance: float, found: int) -> Hit:
    places = np.flatnonzero(seen > 1)
    groups = round(float((1.0 / seen[places]).sum()))
    extra = len(places) - groups
    share = extra / data.n
    beyond = share * (1 - min(chance / max(found, 1), 1.0))
    severity: Severity = "high" if beyond >= 0.02 else "medium" if beyond >= 0.002 else "low"
    beside = (
        f"of {found:,} such pairs chance would give about {chance:,.0f}" if chance >= 1 else "chance would give none"
    )
    where, said = selecting(data, places)
    return hit(
        data,
        "duplicates",
        severity,
        f"{rows_text(extra)} ({part(share)} of {data.n:,}) {agree(extra, 'repeats', 'repeat')} another row {compared}, in {groups:,} group{'' if groups == 1 else 's'}; {beside}{said}",
        where=where,
        places=places,
        n=len(places),
        estimate=share,
        advice="Find out whether a file was loaded twice or rows were joined with several matches, and keep one of each: repeats make "
        "intervals too narrow, and any metric lean to them.",
    )


# same inputs, other outcomes -----------------------------------------------------------------------------------------


def check_conflicts(data: CheckedData) -> list[Hit]:
    """Rows with equal inputs and other outcomes, beside what chance gives."""
    if not data.features:
        raise NotApplicable("there are no columns beside the outcome")
    hashes = np.stack([data.hashes(c) for c in data.features])
    outcome, telling = data.outcome_hashes(), _telling(data)
    total = hashes.sum(axis=0, dtype=np.uint64)
    kept, kept_total = hashes[:, telling], total[telling]
    found = equal_pairs(kept_total)
    clashing = found - equal_pairs(kept_total + outcome[telling])
    if clashing < 5:
        return []
    chance = pairs_by_chance(kept, kept_total, found) * _other_outcomes(data)
    if not _beyond(clashing, chance, CONFLICT_TIMES):
        return []
    seen, same = times_seen(total), times_seen(total + outcome)
    places = np.flatnonzero((seen > same) & telling)
    share = len(places) / data.n
    severity: Severity = "high" if share >= 0.1 else "medium" if share >= 0.01 else "low"
    if data.task == "regression":  # values measured twice seldom agree
        severity = "medium" if share >= 0.05 else "low"
    where, said = selecting(data, places)
    beside = f"{chance:,.0f} such pairs" if chance >= 1 else "none"
    return [
        hit(
            data,
            "conflicting_rows",
            severity,
            f"{rows_text(len(places))} ({part(share)} of {data.n:,}) are equal to another in all columns "
            f"{'that the model reads' if data.reads is not None else 'but the outcome'}, and have another outcome; "
            f"chance would give {beside}, and there are {clashing:,}{said}",
            where=where,
            places=places,
            n=len(places),
            estimate=share,
            advice="No model can be right on both rows of such a pair. Look for outcomes entered twice or changed later, or for a column "
            "that tells these rows apart and is not given to the model.",
        )
    ]


def _other_outcomes(data: CheckedData) -> float:
    """Give the share of pairs of rows that have other outcomes."""
    pairs = data.n * (data.n - 1) / 2
    return 1.0 - equal_pairs(data.outcome_hashes()) / max(pairs, 1.0)


# rows of the training data -------------------------------------------------------------------------------------------


def check_overlap(data: CheckedData) -> list[Hit]:
    """Rows that also stand in the training data, beside how often training rows repeat one another."""
    train = data.training()
    names = [c for c in data.features if c in train.columns]
    if not names:
        raise NotApplicable("the training data hold none of the columns")
    there = [data.train_hashes(c) for c in names]
    here = [data.hashes(c) for c in names]
    if data.train_y is not None and len(data.train_y) == len(train):
        there.append(column_hashes(pd.Series(data.train_y), OUTCOME))
        here.append(data.outcome_hashes())
    hits = _same(data, np.stack(here), np.stack(there)) or _almost(data, np.stack(here), np.stack(there), names)
    return hits + _shared_names(data, [data.cluster_name, data.id_name])


def _same(data: CheckedData, here: np.ndarray, there: np.ndarray) -> list[Hit]:
    mine, theirs = here.sum(axis=0, dtype=np.uint64), there.sum(axis=0, dtype=np.uint64)
    places = np.flatnonzero(pd.Series(mine).isin(theirs).to_numpy())
    if len(places) < 3:
        return []
    chance = share_by_chance(theirs)
    p = more_than(len(places), data.n, chance, len(theirs))
    surplus = len(places) / data.n - chance
    if p > P_MOST or surplus * data.n < 3:
        return []
    severity: Severity = "high" if surplus >= 0.01 else "medium" if surplus >= 0.001 else "low"
    where, said = selecting(data, places)
    beside = f"{chance:.1%}" if chance >= 0.0005 else "next to none"
    return [
        hit(
            data,
            "train_overlap",
            severity,
            f"{rows_text(len(places))} ({part(len(places) / data.n)} of {data.n:,}) also {agree(len(places), 'stands', 'stand')} in the training data, equal in the outcome and "
            f"every column that the model reads; chance would give {beside}{said}",
            where=where,
            places=places,
            n=len(places),
            estimate=len(places) / data.n,
            p_adjusted=p,
            advice="Leave these rows out of the evaluation: the model has seen their outcomes, so every metric looks better than it is.",
        )
    ]


def _almost(data: CheckedData, here: np.ndarray, there: np.ndarray, names: list[str]) -> list[Hit]:
    """Rows of the training data that were changed in one column, where no whole rows were found."""
    if len(here) < 4:
        return []
    mine, theirs = here.sum(axis=0, dtype=np.uint64), there.sum(axis=0, dtype=np.uint64)
    labels = [*names, data.target][: len(here)]
    for j in range(len(here)):
        a, b = mine - here[j], theirs - there[j]
        places = np.flatnonzero(pd.Series(a).isin(b).to_numpy())
        if len(places) < 0.01 * data.n or len(places) < 5:
            continue
        chance = share_by_chance(b)
        p = min(more_than(len(places), data.n, chance, len(b)) * len(here), 1.0)
        surplus = len(places) / data.n - chance
        if p > P_MOST or surplus < 0.01:
            continue
        return [
            hit(
                data,
                "train_overlap",
                "high" if surplus >= 0.05 else "medium",
                f"{rows_text(len(places))} ({part(len(places) / data.n)} of {data.n:,}) also {agree(len(places), 'stands', 'stand')} in the training data but for "
                f"{labels[j]}; chance would give {chance:.1%}",
                columns=() if labels[j] == data.target else (labels[j],),
                places=places,
                n=len(places),
                estimate=len(places) / data.n,
                p_adjusted=p,
                advice=f"Compare these rows with the training data: they look like the same cases with {labels[j]} changed, and then the "
                "model has seen them.",
            )
        ]
    return []


def _shared_names(data: CheckedData, names: list[str | None]) -> list[Hit]:
    """Clusters and names of rows that stand in both data sets."""
    train = data.train
    hits = []
    for name in dict.fromkeys(n for n in names if n and train is not None and n in train.columns and n in data.frame):
        places = np.flatnonzero(np.isin(row_hashes(data.frame, [name]), row_hashes(train, [name])))
        if not len(places):
            continue
        hits.append(
            hit(
                data,
                "shared_names",
                "medium" if len(places) >= 0.01 * data.n else "low",
                f"{rows_text(len(places))} ({part(len(places) / data.n)} of {data.n:,}) {agree(len(places), 'has', 'have')} a {name} that also stands in the training data",
                places=places,
                n=len(places),
                estimate=len(places) / data.n,
                advice=f"If {quote_name(name)[1:-1]} names people or things, the model has met them before; split by it, or say that results "
                "hold for known ones only.",
            )
        )
    return hits
