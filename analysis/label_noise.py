"""How many labels are wrong at random: by likely class the share contradicted where a model is surest, carried to all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from modelglass.analysis.difference import adjusted
from modelglass.analysis.flatness import FOLDS, Flatness, different_rows, flatness, risks
from modelglass.analysis.groups import Rows
from modelglass.analysis.halves import content_of, parts
from modelglass.analysis.joining import rows_in
from modelglass.analysis.progress import Progress
from modelglass.analysis.sql_text import LONGEST
from modelglass.analysis.weighted import as_equal_rows, equal_rows

ALPHA = 0.05
FEWEST_ROWS = 100
ALL = "(all classes)"
PAIRS = ["given", "likely", "where", "found", "joint", "doubt", "estimate", "low", "high", "n", "note"]
SIDES = ["likely", "n", "found", "share", "safest", "others", "noise", "low", "high", "p", "p_adjusted", "note"]
Noise = tuple[float, float, float]


def sides_of(
    rows: Rows,
    p: np.ndarray,
    likely: np.ndarray,
    codes: np.ndarray | None,
    k: int,
    level: float,
    seed: int,
    progress: Progress | None,
    no_columns: str,
) -> dict[int, Flatness]:
    """Look at the rows the model is sure of, all (-1) and by likely class.

    Rows of one cluster are ranked by fits that none of them had a part in, and count together; without clusters rows of one score and
    one level in every column are one: a copy of a row would vouch for its label.
    """
    sure = np.flatnonzero(likely >= 0)
    few = rows.weight is not None and equal_rows(rows.weight, len(rows.y)) < FEWEST_ROWS
    if codes is None or not len(sure) or few:
        hits = int((likely[sure] != rows.y[sure]).sum())
        if not len(sure):
            why = "no rows"
        elif codes is None:
            why = f"{no_columns}, so nobody can see whether surer rows are contradicted less"
        else:  # how frequent classes are would be unknown
            why = f"there are {as_equal_rows(rows.weight, len(rows.y))}; at least {FEWEST_ROWS} are needed"
        return {-1: Flatness(n=len(sure), contradicted=hits, note=f"cannot be said: {why}")}
    content = content_of(rows.cut(sure), codes[sure])
    sure = sure[np.argsort(content, kind="stable")]
    cut, own = rows.cut(sure), p[sure, likely[sure]]
    contradicted = likely[sure] != cut.y
    confidence = np.log(np.maximum(own, 1e-12) / np.maximum(1 - own, 1e-12))
    features = np.column_stack([np.round(confidence, 9), likely[sure], codes[sure]])
    distinct = np.unique(features, axis=0, return_inverse=True)[1].reshape(-1)
    cut = cut if cut.cluster is not None else replace(cut, cluster=distinct)
    fold = parts(cut, seed, FOLDS, codes[sure])
    risk = risks(features, contradicted, cut.weight, fold, progress)
    w = np.ones(len(rows.y)) if rows.weight is None else rows.weight
    share = np.bincount(rows.y, weights=w, minlength=k) / max(w.sum(), 1e-300)
    out = {}
    for side in range(-1, k):
        mine = np.flatnonzero((likely[sure] == side) | (side < 0))
        other = 1 - share[likely[sure][mine]]
        prior = float(np.average(other, weights=w[sure][mine])) if w[sure][mine].sum() > 0 else 0.0
        out[side] = flatness(
            risk[mine],
            contradicted[mine],
            fold[mine],
            prior,
            weight=None if cut.weight is None else cut.weight[mine],
            cluster=None if cut.cluster is None else cut.cluster[mine],
            different=different_rows(distinct[mine]),
            level=level,
        )
    return out


def side_table(sides: Mapping[int, Flatness], names: Sequence[str]) -> pd.DataFrame:
    """Give one row per likely class, after one of all."""
    records = [
        {
            "likely": ALL if side < 0 else names[side],
            "n": f.n,
            "found": f.contradicted,
            "share": f.contradicted / f.n if f.n else np.nan,
            "safest": f.safest,
            "others": f.others,
            "noise": f.noise,
            "low": f.low,
            "high": f.high,
            "p": f.p,
            "note": f.note,
        }
        for side, f in sides.items()
    ]
    table = pd.DataFrame(records)
    known = table["p"].notna()
    table["p_adjusted"] = np.nan
    table.loc[known, "p_adjusted"] = adjusted(table.loc[known, "p"].to_numpy(float))
    return table[SIDES]


def pairs_of(
    rows: Rows,
    likely: np.ndarray,
    joint: tuple[np.ndarray, np.ndarray],
    sides: Mapping[int, Flatness],
    table: pd.DataFrame,
    names: Sequence[str],
    numbers: np.ndarray,
) -> tuple[pd.DataFrame, Noise, list[str]]:
    """Carry the noise of each likely class to all rows: by pair of classes in rows (weight), in all as a share, and the classes told.

    A class of too few contradictions takes the noise of all classes together; where that is not known either nothing is told of it.
    """
    k, w = len(names), np.ones(len(rows.y)) if rows.weight is None else rows.weight
    expected = np.bincount(rows.predicted, weights=w, minlength=k)  # rows of each class, as the model sees them
    chosen = [sides[c] if c in sides and np.isfinite(sides[c].noise) else sides[-1] for c in range(k)]
    sure = bool((table["p_adjusted"] <= ALPHA).any())
    found, calibrated = joint
    records = []
    for given, other in ((g, o) for o in range(k) for g in range(k) if g != o and found[g, o]):
        side = chosen[other]
        own = sides.get(other, side)
        part = found[given, other] / max(own.contradicted, 1)
        whole = part * expected[other]
        here = np.flatnonzero((rows.y == given) & (likely == other))
        records.append(
            {
                "given": names[given],
                "likely": names[other],
                "where": where_of(numbers[here]),
                "found": int(found[given, other]),
                "joint": float(calibrated[given, other]),
                "doubt": max(found[given, other] - part * side.noise * own.n, 0.0 * side.noise),
                "estimate": whole * side.noise,
                "low": whole * side.low * sure,
                "high": whole * side.high,
                "n": own.n,
                "note": side.note,
            }
        )
    pairs = pd.DataFrame(records, columns=PAIRS).sort_values("found", ascending=False, kind="stable")
    told = [c for c in range(k) if np.isfinite(chosen[c].noise)]
    return pairs.reset_index(drop=True), _noise(chosen, told, expected, sure), [names[c] for c in told]


def _noise(chosen: Sequence[Flatness], told: Sequence[int], expected: np.ndarray, sure: bool) -> Noise:
    """Share of all rows whose label is wrong and of a class that is told; ends are added up, because all lean on the same assumption."""
    if not told:
        return np.nan, np.nan, np.nan
    share = expected / expected.sum()
    parts = np.array([[chosen[c].noise, chosen[c].low * sure, chosen[c].high] for c in told])
    estimate, low, high = (float(v) for v in share[list(told)] @ parts)
    return estimate, low, high


def where_of(numbers: np.ndarray) -> str | None:
    """Write the condition of rows by their numbers; None where it would be too long."""
    sql = rows_in(numbers.tolist())
    return sql if len(sql) <= LONGEST // 2 else None
