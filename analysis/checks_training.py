"""Do these rows hold what the training rows did? Values and levels that the model never met, other gaps, another unit."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special, stats

from modelglass.analysis.checked_data import CheckedData, Hit, as_numbers, hit
from modelglass.analysis.checks_units import logs, shift
from modelglass.analysis.errors import InputError, NotApplicable, listed
from modelglass.analysis.estimated import agree, rows_text
from modelglass.analysis.finding import Severity
from modelglass.analysis.plain import plain
from modelglass.analysis.row_hashes import run_lengths
from modelglass.analysis.selecting import between
from modelglass.analysis.sql_text import literal, quote_name
from modelglass.analysis.wording import part, say

P_MOST = 1e-4
LEAST_SHARE = 0.002
MOSTLY = 0.5
"""Share of the rows outside the training range from which on that is of high severity."""
FEW_TRAINED, COMMON, TIMES = 30, 0.01, 5.0
"""A level of fewer training rows than the first has hardly been learnt; told where it is this common here and this many times as common as there."""


def check_training(data: CheckedData) -> list[Hit]:
    """Columns whose values here are not those of the training data."""
    train = data.training()
    names = [c for c in data.inputs if c in train.columns and data.columns[c].kind not in ("text", "id", "datetime")]
    if not names:
        raise NotApplicable("the training data hold none of the columns")
    hits: list[Hit] = []
    looks = len(names)
    for name in names:
        try:
            if data.columns[name].kind == "numeric":
                here, there = data.numbers(name), as_numbers(train[name])
                hits += _unit(data, name, here, there, looks) or _outside(data, name, here, there, looks)
            else:
                hits += _new_levels(data, name, looks) + _scarce_levels(data, name, looks)
        except (NotApplicable, InputError):
            continue  # another type there, which a note of the Evaluation says
        hits += _gaps(data, name, looks)
    return hits


def _unit(data: CheckedData, name: str, here: np.ndarray, there: np.ndarray, looks: int) -> list[Hit]:
    """Another unit than in training: all values larger or smaller by a power of ten."""
    a, b = (z[np.isfinite(z)] for z in (logs(here), logs(there)))
    if min(len(a), len(b)) < 30 or abs(np.median(a) - np.median(b)) < 0.8 or len(np.unique(b)) < 10:
        return []
    moved = shift(a, b)
    power = moved.power()
    p = float(2 * stats.norm.sf(abs(moved.size) / max(moved.error, 1e-9))) * looks
    if power is None or p > P_MOST:
        return []
    times = f"{10 ** abs(power):,} times {'as large' if power > 0 else 'smaller'}"
    return [
        hit(
            data,
            "unit_change",
            "high",
            f"{name} is about {times} than in training: its median size is {say(float(10 ** np.median(a)))} on {rows_text(len(a))}, and "
            f"{say(float(10 ** np.median(b)))} there",
            columns=(name,),
            n=len(a),
            estimate=moved.ratio,
            p_adjusted=min(p, 1.0),
            harm=1.0,
            advice=f"Bring {name} to the unit of the training data before it reaches the model.",
        )
    ]


def _outside(data: CheckedData, name: str, here: np.ndarray, there: np.ndarray, looks: int) -> list[Hit]:
    """Values beyond all training values.

    Of n new and m old values of one source, k or more new ones lie above all old ones with probability
    C(n + m - k, m) / C(n + m, m): exact, whatever the distribution; ties make it rarer.
    """
    known = there[np.isfinite(there)]
    if len(known) < 20:
        return []
    low, high = float(known.min()), float(known.max())
    below, above = here < low, here > high
    mine, m = int(np.isfinite(here).sum()), len(known)
    p = min(2 * min(_beyond(int(k), mine, m) for k in (below.sum(), above.sum())) * looks, 1.0)
    places = np.flatnonzero(below | above)
    share = len(places) / data.n
    if p > P_MOST or share < LEAST_SHARE:
        return []
    where = f"NOT ({between(data, name, low, high).where})"
    severity: Severity = "high" if share >= MOSTLY else "medium" if share >= 0.01 else "low"
    return [
        hit(
            data,
            "outside_training",
            severity,
            f"{rows_text(len(places))} ({part(share)} of {data.n:,}) {agree(len(places), 'has', 'have')} a {name} outside the training range, which is {say(low)} to "
            f"{say(high)}; of rows like those of training {2 * mine / (m + 1):.1g} would",
            columns=(name,),
            where=where,
            places=places,
            n=len(places),
            estimate=share,
            p_adjusted=p,
            advice="The model was never shown such values and extends what it learnt elsewhere: check them, and its errors there.",
        )
    ]


def _beyond(k: int, n: int, m: int) -> float:
    """Give the probability that k or more of n new values lie above all m old ones."""
    if k <= 0:
        return 1.0
    return float(
        np.exp(
            special.gammaln(n + m - k + 1)
            - special.gammaln(n - k + 1)
            - special.gammaln(n + m + 1)
            + special.gammaln(n + 1)
        )
    )


def _new_levels(data: CheckedData, name: str, looks: int) -> list[Hit]:
    """Levels that training never held, beside how often a training row holds a level of its own (Good and Turing)."""
    here, there = data.hashes(name), data.train_hashes(name)
    counts = run_lengths(np.sort(there))
    new = data.frame[name].notna().to_numpy() & ~pd.Series(here).isin(there).to_numpy()
    places = np.flatnonzero(new)
    share = len(places) / data.n
    chance = float((counts == 1).sum()) / max(len(there), 1)
    p = (
        min(float(stats.binom.sf(len(places) - 1, data.n, min(chance + 1 / len(there), 1.0))) * looks, 1.0)
        if len(places)
        else 1.0
    )
    if p > P_MOST or share < LEAST_SHARE:
        return []
    levels = list(plain(data.frame[name])[new].astype(object).value_counts().index)  # type: ignore[index]
    written = [literal(v) for v in sorted(levels[:20], key=str)]
    return [
        hit(
            data,
            "new_levels",
            "high" if share >= 0.05 else "medium",
            f"{rows_text(len(places))} ({part(share)} of {data.n:,}) {agree(len(places), 'has', 'have')} a {name} that the training data never hold: {listed(levels, 4)}; chance "
            f"would give {f'{chance:.2%}' if chance >= 0.0005 else 'next to none'}",
            columns=(name,),
            where=f"{quote_name(name)} IN ({', '.join(written)})" if len(levels) <= 20 else None,
            places=places,
            n=len(places),
            estimate=share,
            p_adjusted=p,
            advice="The model knows nothing of these levels and treats them as unknown or as another: check its errors there, and train with them.",
        )
    ]


def _scarce_levels(data: CheckedData, name: str, looks: int) -> list[Hit]:
    """Levels that are common here and that training held on a few rows only (Fisher's exact test, one-sided)."""
    here = np.where(data.frame[name].notna().to_numpy(), data.hashes(name), np.uint64(0))
    there = np.sort(data.train_hashes(name))
    levels, first, count = np.unique(here, return_index=True, return_counts=True)
    known = np.searchsorted(there, levels, side="right") - np.searchsorted(there, levels)
    n, m = data.n, len(there)
    told = (levels != 0) & (known > 0) & (known < FEW_TRAINED) & (count >= COMMON * n) & (count / n > TIMES * known / m)
    hits = []
    for at in np.flatnonzero(told):
        p = float(stats.hypergeom.sf(count[at] - 1, n + m, count[at] + known[at], n)) * looks * len(levels)
        if p > P_MOST:
            continue
        value = plain(data.frame[name]).iloc[int(first[at])]  # type: ignore[union-attr]
        places = np.flatnonzero(here == levels[at])
        share = len(places) / n
        hits.append(
            hit(
                data,
                "scarce_in_training",
                "medium",
                f"{name} is {value} on {rows_text(len(places))} ({part(share)} of {n:,}), and on {int(known[at]):,} of {m:,} training rows "
                f"only: the model has hardly seen it",
                columns=(name,),
                where=f"{quote_name(name)} = {literal(value)}",
                places=places,
                n=len(places),
                estimate=share,
                p_adjusted=min(p, 1.0),
                advice="Check its errors there by themselves, and train with more such rows.",
            )
        )
    return hits


def _gaps(data: CheckedData, name: str, looks: int) -> list[Hit]:
    """Missing far more or less often than in training."""
    gone = data.frame[name].isna().to_numpy()
    train = data.training()[name]
    here, there = float(gone.mean()), float(train.isna().mean())
    if abs(here - there) < 0.05 or here == 1.0:
        return []
    n, m = data.n, len(train)
    pooled = (here * n + there * m) / (n + m)
    p = float(2 * stats.norm.sf(abs(here - there) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m)))) * looks
    if p > P_MOST:
        return []
    return [
        hit(
            data,
            "gap",
            "high" if abs(here - there) >= 0.3 else "medium",
            f"{name} is missing on {here:.1%} of these {rows_text(n)}, and on {there:.1%} of the training rows",
            columns=(name,),
            where=f"{quote_name(name)} IS NULL" if here > there else None,
            places=np.flatnonzero(gone) if here > there else None,
            n=int(gone.sum()),
            estimate=here,
            p_adjusted=min(p, 1.0),
            advice=f"Look where {name} is lost on the way (or filled), and repair it before the model.",
        )
    ]
