"""Calibration: does the promised probability come true?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.curves import WHOLE, Part, parts
from modelglass.analysis.errors import InputError
from modelglass.analysis.estimated import FEWEST_CLUSTERS, rows_text
from modelglass.analysis.estimates_labels import binary_proportion
from modelglass.analysis.groups import Groups
from modelglass.analysis.joining import conjoined, in_bins
from modelglass.analysis.performance import check_level
from modelglass.analysis.ranking import kish, one, one_group, share, weights
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source
from modelglass.analysis.wording import percent

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

STRATEGIES = ("uniform", "quantile")
_DRAWS = 2_000
_NORMAL_FROM = 25.0  # expected variance of the count in a bin from which it is drawn as normal
_MOST_DRAWN = 4_000_000  # Bernoulli draws at most, over the small bins of one class


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Calibration(Result):
    """Promised probability beside the share that came true, bin by bin.

    bins    one row per class (or slice) and used bin: group, left, right (edges; a bin holds left < p <=
            right, the first also its left edge), promised (mean probability), estimate (share that came
            true), low, high (Wilson 1927 at settings["level"], each share with its own variance when weighted), n (rows),
            weight, where (SQL condition of the rows, None where it cannot be written). Empty bins are absent.
    summary one row per class (or slice, after one of all rows): group, n, gap (weighted mean |promised - came true|: expected calibration
            error, Naeini et al. 2015; 0 is perfect), gap_if_perfect and gap_if_perfect_high (mean and upper
            quantile at the level of the gap if every outcome were drawn from its own probability: what chance
            alone gives with these rows and bins), promised, estimate, low, high (over all rows), brier, and
            its exact parts: brier = reliability - resolution + uncertainty + within_bins (Murphy 1973; the
            last is what binning hides, Stephenson et al. 2008).
    """

    bins: pd.DataFrame
    summary: pd.DataFrame
    source: Source
    settings: Mapping[str, Any]
    note: str = ""

    @property
    def gap(self) -> float:
        """Give the expected calibration error; of several classes the mean; by slice that of all rows."""
        return float(self._overall.gap.mean())

    @property
    def gap_if_perfect(self) -> float:
        """Give what chance alone would give; of several classes the mean; by slice that of all rows."""
        return float(self._overall.gap_if_perfect.mean())

    @property
    def _overall(self) -> pd.DataFrame:
        return self.summary if self.settings.get("by") is None else self.summary[:1]

    def frame(self) -> pd.DataFrame:
        """Give one row per class and used bin."""
        return self.bins

    def sentence(self) -> str:
        """Say how far promise and outcome are apart, and whether chance explains it."""
        level = self.settings["level"]
        by = self.settings.get("by")
        among = self.summary if by is None else self.summary[self.summary.group != WHOLE]
        beyond = among.gap - among.gap_if_perfect_high
        row = among.loc[beyond.idxmax() if beyond.notna().any() else among.gap.idxmax()]
        of = "classes" if by is None else f"slices by {by}"
        several = f", the worst calibrated of {len(among)} {of}," if len(among) > 1 else ""
        if row.n == 1:
            came = "it came true" if row.estimate > 0.5 else "it did not come true"
            return f"One row was promised {row.group} with {row.promised:.1%}, and {came}; one row cannot show whether probabilities hold."
        chance = row.gap <= row.gap_if_perfect_high
        beside = (
            "too few clusters to say what chance alone would give"
            if np.isnan(row.gap_if_perfect_high)
            else f"{'which chance alone can explain' if chance else 'more than chance explains'}: perfect ones would show "
            f"{row.gap_if_perfect:.1%} on average and stay below {row.gap_if_perfect_high:.1%} in {level:.0%} of cases"
        )
        return (
            f"Probabilities of {row.group}{several} are off by {row.gap:.1%} on average over {rows_text(row.n)}, {beside}. "
            f"They promise {row.promised:.1%} overall; {percent(row.estimate, row.low, row.high)} came true."
            + (f" {self.note[:1].upper()}{self.note[1:]}." if self.note else "")
        )


def calibration(
    ev: Evaluation,
    *,
    by: str | None = None,
    class_: Any = None,
    n_bins: int = 10,
    strategy: str = "uniform",
    level: float = 0.95,
) -> Calibration:
    """Compare outcome and predicted probability, of the positive class, of each class against the rest, or by slice.

    Parameters
    ----------
    ev : Evaluation with probabilities
    by : str, optional
        A column: all rows, and each of its levels (the 8 with the most rows).
    class_ : label, optional
        One class against the rest; without it the positive one, or each of several.
    n_bins : int, number of bins
    strategy : {"uniform", "quantile"}
        Bins of equal width, or of equal weight.
    level : float, level of the intervals

    Raises
    ------
    NotApplicable
        Without probabilities, and in regression.
    """
    level = check_level(level)
    of, note = parts(ev, by=by, class_=class_, probability=True)
    measured = [
        measure(
            part.y,
            part.score,
            part.weight,
            cluster=part.cluster,
            n_bins=n_bins,
            strategy=strategy,
            level=level,
            seed=ev.seed,
            group=part.group,
            source=ev.source,
        )
        for part in of
    ]
    return Calibration(
        bins=pd.concat([_placed(p.bins, part) for p, part in zip(measured, of)], ignore_index=True),
        summary=pd.concat([p.summary for p in measured], ignore_index=True),
        note=note,
        source=ev.source,
        settings={**measured[0].settings, "by": by or None, "class_": None if class_ in (None, "") else str(class_)},
    )


def _placed(bins: pd.DataFrame, part: Part) -> pd.DataFrame:
    conditions = in_bins(part.sql, bins.left, bins.right, closed="right", outer=(0.0, 1.0))
    return bins.assign(where=[conjoined(part.where, c) for c in conditions])


def measure(
    y_true: Any,
    proba: Any,
    weight: Any = None,
    *,
    cluster: Any = None,
    n_bins: int = 10,
    strategy: str = "uniform",
    level: float = 0.95,
    seed: int = 0,
    group: str = "positive",
    source: Source = UNNAMED,
) -> Calibration:
    """Compare the same from arrays of shape (n_rows,): y_true 0/1, proba in [0, 1], weight >= 0.

    >>> round(measure([0, 0, 1, 1], [0.1, 0.1, 0.9, 0.9], n_bins=2).gap, 3)
    0.1
    """
    if strategy not in STRATEGIES or not isinstance(n_bins, (int, np.integer)) or n_bins < 1:
        raise InputError(
            "Expected one bin or more, by strategy 'uniform' or 'quantile'.",
            f"Got {n_bins!r} bins, strategy {strategy!r}.",
        )
    y, p = np.asarray(y_true, dtype=float), np.asarray(proba, dtype=float)
    w = weights(weight, len(y))
    edges = np.linspace(0.0, 1.0, n_bins + 1) if strategy == "uniform" else _quantile_edges(p, w, n_bins)
    code = np.searchsorted(edges[1:-1], p, side="left")
    size = len(edges) - 1

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(code, values, minlength=size)

    everyone = one_group(y, score=p, weight=weight, cluster=cluster)
    came = binary_proportion(
        "selection_rate", Groups(everyone.rows, code, size), level
    )  # "decision" is the outcome itself here
    mass, used = total(w), total(w) > 0
    bins = pd.DataFrame(
        {
            "group": group,
            "left": edges[:-1],
            "right": edges[1:],
            "promised": share(total(w * p), mass),
            "estimate": came.estimate,
            "low": came.low,
            "high": came.high,
            "n": np.bincount(code, minlength=size),
            "weight": mass,
            "where": None,
        }
    )[used].reset_index(drop=True)
    settings = {"n_bins": n_bins, "strategy": strategy, "level": level, "seed": seed}
    summary = _summary(y, p, w, code, bins, used, settings, cluster) | dict(
        zip(("estimate", "low", "high"), one(binary_proportion("selection_rate", everyone, level)))
    )
    return Calibration(bins=bins, summary=pd.DataFrame([{"group": group, **summary}]), source=source, settings=settings)


def _quantile_edges(p: np.ndarray, w: np.ndarray, n_bins: int) -> np.ndarray:
    """Edges at the weighted quantiles (inverted distribution function), each once, from 0 to 1."""
    order = np.argsort(p, kind="stable")
    reached = np.cumsum(w[order])
    at = np.searchsorted(reached, np.arange(1, n_bins) / n_bins * reached[-1] * (1 - 1e-12), side="left")
    return np.unique(np.concatenate([[0.0], p[order][at], [1.0]]))


def _summary(
    y: np.ndarray,
    p: np.ndarray,
    w: np.ndarray,
    code: np.ndarray,
    bins: pd.DataFrame,
    used: np.ndarray,
    settings: Mapping[str, Any],
    cluster: Any = None,
) -> dict[str, Any]:
    """Errors over all bins of one class."""
    whole = float(w.sum())
    part = bins.weight.to_numpy() / whole
    rate = float(w @ y) / whole
    off = (bins.promised - bins.estimate).to_numpy()
    brier = float(w @ (p - y) ** 2) / whole
    reliability, resolution = float(part @ off**2), float(part @ (bins.estimate.to_numpy() - rate) ** 2)
    uncertainty = rate * (1 - rate)
    places = np.maximum(np.cumsum(used) - 1, 0)[code]  # rows of no weight may be in no used bin: they add nothing
    if cluster is None:
        perfect = _gaps_if_perfect(p, w, places, len(bins), settings["seed"]) / whole
    else:
        perfect = _gaps_by_cluster(w * (p - y), cluster, places, len(bins), settings["seed"]) / whole
    return {
        "n": len(y),
        "gap": float(part @ np.abs(off)),
        "gap_if_perfect": float(perfect.mean()),
        "gap_if_perfect_high": float(np.quantile(perfect, settings["level"])),
        "promised": float(w @ p) / whole,
        "estimate": rate,
        "low": np.nan,
        "high": np.nan,
        "brier": brier,
        "reliability": reliability,
        "resolution": resolution,
        "uncertainty": uncertainty,
        "within_bins": brier - reliability + resolution - uncertainty,
    }


def _gaps_by_cluster(error: np.ndarray, cluster: Any, code: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Draw sum over bins of |error| for a promise that is right on average, where outcomes of one cluster go together: (draws,).

    How they go together is unknown, so it is taken from the errors that were seen, as if their mean were 0: sums over clusters,
    drawn as normal with the covariance that these have over the bins. NaN for fewer than ``FEWEST_CLUSTERS`` clusters.
    """
    from scipy.sparse import csr_array

    found, unit = np.unique(np.asarray(cluster), return_inverse=True)
    count = len(found)
    if count < FEWEST_CLUSTERS:
        return np.full(1, np.nan)
    key, place = np.unique(unit.ravel() * size + code, return_inverse=True)
    sums = csr_array((np.bincount(place.ravel(), error), (key // size, key % size)), shape=(count, size))
    covariance = (sums.T @ sums).toarray() * count / (count - 1)
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.abs(np.random.default_rng(seed).standard_normal((_DRAWS, size)) @ root.T).sum(axis=1)


def _gaps_if_perfect(p: np.ndarray, w: np.ndarray, code: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Draw sum over bins of |sum w (p - y)| with y drawn from p: shape (draws,).

    The error of a bin with much variance is drawn as normal; in a small bin every outcome is drawn, in the
    order of p and w, so that the order of the rows does not matter.
    """
    rng = np.random.default_rng(seed)
    spread = np.bincount(code, w * w * p * (1 - p), minlength=size)
    mass, squares = np.bincount(code, w, minlength=size), np.bincount(code, w * w, minlength=size)
    normal = share(spread, squares) * kish(mass, squares) >= _NORMAL_FROM
    small = np.flatnonzero(~normal[code])
    draws = int(min(_DRAWS, max(200, _MOST_DRAWN // max(len(small), 1))))
    gaps = np.abs(rng.standard_normal((draws, int(normal.sum()))) * np.sqrt(spread[normal])).sum(axis=1)
    if len(small):
        small = small[np.lexsort((w[small], p[small], code[small]))]
        starts = np.flatnonzero(np.append(True, np.diff(code[small]) > 0))
        block = max(1, 1_000_000 // len(small))
        for at in range(0, draws, block):
            drawn = rng.random((min(block, draws - at), len(small))) < p[small]
            error = np.add.reduceat((p[small] - drawn) * w[small], starts, axis=1)
            gaps[at : at + len(drawn)] += np.abs(error).sum(axis=1)
    return gaps
