"""Which rows break first, and what marks them? Decisions that small errors of the inputs turn over, found on one half and judged on the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis import discovery
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.estimates_values import mean_of
from modelglass.analysis.groups import Groups, Rows
from modelglass.analysis.noise_draws import DRAWS, ROWS, STRENGTH, check, drawn
from modelglass.analysis.performance import check_level
from modelglass.analysis.progress import Progress, span
from modelglass.analysis.ranking import one
from modelglass.analysis.recipes import Recipe, of_rows
from modelglass.analysis.result import Result, frame_json
from modelglass.analysis.source import UNNAMED, Source
from modelglass.analysis.wording import percent, ranged

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

SHARE, SECONDS = 0.1, 20.0
WORST, MOST = 10, 5
ALL, HARDEST, OTHERS = "all rows", "the most fragile rows", "the other rows"
COLUMNS = ["part", "where", "share", "estimate", "low", "high", "n", "rest", "effect", "effect_low", "effect_high", "p_adjusted", "of_all", "rows"]  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class FragileRows(Result):
    """How often noise turns decisions over: of all rows, of the most fragile ones, and in the slices that mark them.

    parts   part ("all rows", "the most fragile rows", "the other rows", or a slice in words), where (SQL condition of a slice, None else), share
            (of all rows, weighted), estimate (share of decisions that noise changes there; in regression the mean absolute move), low, high,
            n, rest (the same on all other rows), effect, effect_low, effect_high, p_adjusted (slices only, Holm), of_all (share of all changes that
            the part holds; NaN for slices), rows (in the part, of all that were used). The most fragile rows are chosen by one half of the draws of noise and estimated from
            the other half; slices are proposed by one half of the rows and estimated on the other
    rows    row, fragility (share of draws in which the decision changes, or mean move), most fragile first
    no_slices   why no slices were searched; "" where they were
    """

    parts: pd.DataFrame
    rows: pd.DataFrame
    no_slices: str
    asked: int
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row for each part."""
        return self.parts

    @property
    def slices(self) -> pd.DataFrame:
        """Give the slices that mark fragile rows, surest first."""
        return self.parts[self.parts["where"].notna()].reset_index(drop=True)

    def more(self) -> Mapping[str, Any]:
        """Give the rows that are most fragile."""
        return {"rows": frame_json(self.rows.head(WORST))}

    def sentence(self) -> str:
        """Say how much noise changes, how much of it in the most fragile rows, and what marks them."""
        s, by_part = self.settings, self.parts.set_index("part")
        whole = by_part.loc[ALL]
        text = (
            f"Noise of {s['strength']:g} spreads on every column {self._does(whole)} "
            f"({rows_text(int(whole.n))}, {s['draws']} draws of noise each)."
        )
        if HARDEST in by_part.index:
            hard = by_part.loc[HARDEST]
            text += (
                f" The most fragile {hard.share:.1%} of rows, chosen by one half of the draws, hold {hard.of_all:.0%} of it in the other half: "
                f"there it {self._does(hard)}."
            )
        if self.no_slices:
            return f"{text} What marks them cannot be said: {self.no_slices}."
        if self.slices.empty:
            return f"{text} No slice of the data is surely more fragile than the rest."
        first, more = self.slices.iloc[0], len(self.slices) - 1
        text += f" Such rows stand most of all where {first.part}: there it {self._does(first)}, against {self._size(first.rest)} on the rest"
        return f"{text} ({int(first.n):,} rows that did not propose it)" + (f"; and {more} more." if more else ".")

    def recipe(self) -> Recipe | None:
        """Give training rows with noise, of the slice that marks fragile rows; None where noise surely changes nothing."""
        return of_rows(self.parts, self.settings)

    def _size(self, value: float) -> str:
        return f"{value:.3g}" if self.source.task == "regression" else f"{value:.1%}"

    def _does(self, row: Any) -> str:
        if self.source.task == "regression":
            return f"moves predictions by {ranged(row.estimate, row.low, row.high)}"
        return f"changes {percent(row.estimate, row.low, row.high)} of decisions"


def fragile_rows(
    ev: Evaluation,
    *,
    strength: float = STRENGTH,
    share: float = SHARE,
    draws: int = DRAWS,
    constraints: Any = None,
    rows: int | None = ROWS,
    alpha: float = 0.05,
    level: float = 0.95,
    seed: int | None = None,
    seconds: float | None = SECONDS,
    progress: Progress | None = None,
) -> FragileRows:
    """Put noise on all columns several times, and see which rows' answers change and what these rows have in common.

    Parameters
    ----------
    strength : float
        Of the noise, in each column's spread, as in ``noise_robustness``.
    share : float
        Of the rows that are called the most fragile, between 0 and 1.
    draws : int
        How often each row is made noisy, at least 2.
    constraints : Constraints, path of a YAML file, its text, or mapping, optional
        See ``modelglass.analysis.constraints``; without it what the data show.
    rows : int or None
        Rows used, a stratified sample; None: all.
    alpha : float
        A slice is told where its adjusted p-value is at most this.
    seconds : float, optional
        The search for slices ends after this time with what it has.

    Raises
    ------
    NotApplicable
        Without a model.
    InputError
        A strength, share or number of draws that is none; contradictory constraints; a model that raises an error on a possible row.
    """
    check(ev, strength, draws)
    if isinstance(share, str) or not 0 < share < 1:
        raise InputError("Expected a share of rows between 0 and 1, such as 0.1.", f"Got {share!r}.")
    level, seed = check_level(level), ev.seed_or(seed)
    got = drawn(
        ev,
        strength=strength,
        draws=draws,
        constraints=constraints,
        rows=rows,
        seed=seed,
        progress=span(progress, 0.0, 0.6),
    )
    try:
        codings, why = discovery.searched_codings(got.ev), ""
    except NotApplicable as answer:
        codings, why = [], answer.reason
    found = measure(
        got.clean, got.changed(), codings, numbers=got.ev.frame.index, share=share, alpha=alpha, level=level, seed=seed, seconds=seconds,
        progress=span(progress, 0.6, 1.0), source=got.ev.source,
    )  # fmt: skip
    return replace(
        found, no_slices=why or found.no_slices, asked=got.asked, settings={**found.settings, **got.settings}
    )


def measure(
    rows: Rows,
    changed: np.ndarray,
    codings: list[Any],
    *,
    numbers: Any = None,
    share: float = SHARE,
    alpha: float = 0.05,
    level: float = 0.95,
    seed: int = 0,
    seconds: float | None = None,
    progress: Progress | None = None,
    source: Source = UNNAMED,
) -> FragileRows:
    """The same from what changed in each draw, (draws, n), and the codings to search (``discovery.searched_codings``); numbers: of the rows."""
    fragility = changed.mean(axis=0)
    held = Rows(
        task="regression",
        y=np.zeros(len(fragility)),
        predicted=fragility,
        weight=rows.weight,
        cluster=rows.cluster,
    )
    records = [_part(ALL, held, fragility, np.ones(len(fragility), bool), level)]
    hard = hardest(changed[::2].mean(axis=0), rows.weight, share)
    if hard.any() and not hard.all():
        judging = changed[1::2].mean(axis=0)
        records += [_part(name, held, judging, at, level) for name, at in ((HARDEST, hard), (OTHERS, ~hard))]
    slices, why = pd.DataFrame(), "" if codings else "the data has no column to search for slices"
    if codings and np.ptp(fragility) != 0:  # else no slice is more fragile than the rest
        try:
            found = discovery.measure(held, codings, "mae", k=MOST, alpha=alpha, level=level, seed=seed, seconds=seconds, progress=progress)  # fmt: skip
            slices = found.table
        except NotApplicable as answer:
            why = answer.reason
    parts = pd.DataFrame(records, columns=COLUMNS)
    if len(slices):
        total = len(fragility)
        more = slices.rename(columns={"slice": "part"}).assign(share=slices["rows"] / total, of_all=np.nan)
        parts = pd.DataFrame([*parts.to_dict("records"), *more[COLUMNS].to_dict("records")], columns=COLUMNS)
    parts["where"] = parts["where"].astype(object).where(parts["where"].notna(), None)
    settings = {"share": share, "draws": len(changed), "alpha": alpha, "level": level, "seed": seed}
    order = np.argsort(-fragility, kind="stable")
    named = np.arange(len(fragility)) if numbers is None else np.asarray(numbers)
    table = pd.DataFrame({"row": named[order], "fragility": fragility[order]})
    return FragileRows(parts=parts, rows=table, no_slices=why, asked=0, source=source, settings=settings)


def hardest(fragility: np.ndarray, weight: np.ndarray | None, share: float) -> np.ndarray:
    """Tell which rows are the most fragile: of the values above 0 the one is the limit that comes nearest to the share; bool (n,).

    >>> hardest(np.array([0.0, 0.5, 0.0, 1.0]), None, 0.2).tolist()
    [False, False, False, True]
    """
    w = np.ones(len(fragility)) if weight is None else weight
    values, at = np.unique(fragility, return_inverse=True)
    reached = np.cumsum(np.bincount(at.ravel(), weights=w, minlength=len(values))[::-1])[::-1] / max(float(w.sum()), 1e-300)  # fmt: skip
    allowed = np.flatnonzero(values > 0)
    if not len(allowed):
        return np.zeros(len(fragility), bool)
    limit = values[allowed[np.abs(reached[allowed] - share).argmin()]]
    return np.asarray(fragility >= limit)


def _part(name: str, held: Rows, values: np.ndarray, at: np.ndarray, level: float) -> tuple[Any, ...]:
    """Give one row of the table: the mean of the values of some rows, with its interval over rows or clusters."""
    mine = held.cut(np.flatnonzero(at))
    estimate, low, high = one(mean_of(Groups(mine, np.zeros(len(mine.y), np.int64), 1), values[at], level))
    w = np.ones(len(values)) if held.weight is None else held.weight
    total, rest = float(w @ values), np.nan
    if not at.all() and w[~at].sum() > 0:
        rest = float(np.average(values[~at], weights=w[~at]))
    of_all = float(w[at] @ values[at]) / total if total > 0 else np.nan
    weight = float(w[at].sum() / w.sum())
    n = int(at.sum())
    return (name, None, weight, estimate, max(low, 0.0), high, n, rest, estimate - rest, np.nan, np.nan, np.nan, of_all, n)  # fmt: skip
