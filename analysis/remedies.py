"""What could be done about a cohort, and what would it gain? Each suggestion with a number measured on rows it was not fitted to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.costs import Costs, costs_of, read_costs
from modelglass.analysis.difference import adjusted
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.groups import Rows, rows_of
from modelglass.analysis.performance import check_level
from modelglass.analysis.progress import Progress, span, tell
from modelglass.analysis.registry import analyses, run
from modelglass.analysis.remedies_model import repairs
from modelglass.analysis.remedies_rows import ERRORS, LABELS, Tried, of_rows
from modelglass.analysis.remedies_training import more_rows
from modelglass.analysis.result import Result
from modelglass.analysis.sides import once, sides_of, these
from modelglass.analysis.source import UNNAMED, Source

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

ALPHA = 0.05
MOST_ROWS = 5_000
GOES = "goes away"
COLUMNS = ["remedy", "column", "measure", "now", "estimate", "low", "high", "p_adjusted", "sure", "n", "says", "note"]
BY_OUTCOME = (
    "the condition chooses rows by their outcome or error, so what would be gained there says nothing about new rows"
)


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Remedies(Result):
    """What was tried, and what of it surely gains.

    table   one row per suggestion, sure ones first, largest gain first among those of one measure: remedy ("recalibrate", "own threshold",
            "check labels", "shift predictions", "own margins", "repair column", "more rows in training"), column (of a repair), measure (what
            the number is), now (before, in the same unit), estimate, low, high (the gain a row, or the ratio of shares; interval at
            settings["level"]), p_adjusted (one-sided, of no gain; Holm over all that was tried), sure (p_adjusted at most
            settings["alpha"]), n (rows it rests on), says (the suggestion in plain words), note (why there is no sure gain, or that it
            goes away with a column repaired, and then it stands after that). Gains are cross-fitted: what is fitted to one half of the
            cohort is judged on the other
    compared    what the cohort was compared with
    """

    table: pd.DataFrame
    compared: str
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row per suggestion."""
        return self.table

    @property
    def sure(self) -> pd.DataFrame:
        """Give the suggestions that surely gain."""
        return self.table[self.table["sure"]]

    def sentence(self) -> str:
        """Say what surely gains, and what was looked at without a sure gain."""
        sure, rest = self.sure, self.table[~self.table["sure"]]
        names = dict.fromkeys(_named(r) for r in rest.itertuples())
        looked = f" Looked at, without a sure gain: {', '.join(names)}." if names else ""
        if sure.empty:
            return f"Nothing that was tried surely gains on {these(self.source.rows)}.{looked}"
        said = "; ".join(str(s) for s in sure["says"][:3])
        more = f"; and {len(sure) - 3} more" if len(sure) > 3 else ""
        overlap = " Gains overlap, so they do not add up." if len(sure) > 1 else ""
        return f"What surely gains: {said}{more}.{overlap}{looked}"


def _named(row: Any) -> str:
    return f"{row.remedy} ({row.column})" if row.column else str(row.remedy)


def remedies(
    ev: Evaluation,
    other: Evaluation | str | None = None,
    *,
    costs: Mapping[str, float | str] | str | None = None,
    rows: int = MOST_ROWS,
    level: float = 0.95,
    alpha: float = ALPHA,
    progress: Progress | None = None,
) -> Remedies:
    """Try what could be done about a cohort.

    Parameters
    ----------
    ev : Evaluation
        The cohort.
    other : Evaluation or str, optional
        What it is compared with; without it the rest of the data.
    costs : mapping or str, optional
        Of decisions, as in ``thresholds``; without them every error costs 1.
    rows : int
        Rows of the cohort used at most, a stratified sample (the model is asked about them once for each repair that is tried).
    level, alpha : float
        Of the intervals; a suggestion is sure where its adjusted p-value is at most alpha.

    Raises
    ------
    NotApplicable
        Without a cohort; where its condition names the outcome or the error, because a gain on rows that were chosen for being wrong
        says nothing.
    InputError
        Costs that cannot be read.

    Notes
    -----
    A cohort that was chosen because it looked bad on these very rows looks worse than it is, and gains look larger; a cohort chosen on
    other rows (``find_slices`` gives numbers from its judging half) has no such advantage. Nothing here says what made the cohort
    different: a repair that gains goes with the errors, and the columns of the data may hide another reason.
    """
    level = check_level(level)
    key = ("remedies", repr(costs), rows, level, alpha)
    return once(ev, key, other, lambda: _tried(ev, other, costs, rows, level, alpha, progress))


def _tried(
    ev: Evaluation,
    other: Evaluation | str | None,
    costs: Mapping[str, float | str] | str | None,
    rows: int,
    level: float,
    alpha: float,
    progress: Progress | None,
) -> Remedies:
    sides = sides_of(ev, other)
    if sides.by_outcome:
        raise NotApplicable(BY_OUTCOME)
    here = ev.sample(rows)
    said = read_costs(costs) or read_costs(ERRORS)
    prices = [
        None if ev.task != "binary" or said is None else costs_of(e, said, rows_of(e).y) for e in (here, sides.there)
    ]
    tell(progress, 0.0, "Fitting on one half of the cohort, judging on the other")
    there = rows_of(sides.there)
    try_rows = partial(of_rows, there=there, costs=prices[0], costs_there=prices[1], level=level, seed=ev.seed)
    tried = try_rows(rows_of(here))
    repaired = repairs(here, sides, level, span(progress, 0.2, 0.7))
    best = max(
        (r for r in repaired if r.gain.p <= alpha / (len(tried) + len(repaired))),
        key=lambda r: r.gain.estimate,
        default=None,
    )
    if best is not None and best.repaired is not None:
        tried = _what_stays(tried, try_rows(best.repaired), best.column, alpha)
    tried = [_suspects(t, here, alpha, span(progress, 0.7, 0.9)) if t.remedy == LABELS else t for t in tried]
    tried += repaired
    tell(progress, 0.9, "Counting training rows")
    tried += more_rows(sides, level)
    tell(progress, 1.0, "Remedies")
    return Remedies(
        table=_table(tried, alpha),
        compared=sides.words,
        source=here.source,
        settings={"costs": None if costs is None else str(costs), "rows": here.n, "level": level, "alpha": alpha},
    )


def _what_stays(tried: list[Tried], again: list[Tried], column: str, alpha: float) -> list[Tried]:
    """Mark what gains less than half as much once a column is repaired: it mends the output of a broken input."""
    out = []
    for one, then in zip(tried, again):
        if one.gain.p <= alpha and not then.gain.estimate > one.gain.estimate / 2:
            one = replace(one, note=f"{GOES} where {column} is repaired")
            if one.remedy == LABELS:  # nothing speaks against the labels any more
                one = replace(one, gain=replace(one.gain, p=1.0))
        out.append(one)
    return out


def _suspects(one: Tried, here: Evaluation, alpha: float, progress: Progress | None) -> Tried:
    """Ask ``label_errors``, where there is one, whether the contradictions here are like wrong labels or like honest doubt."""
    if not one.gain.p <= alpha:
        return one
    record = analyses().get("label_errors")
    found: Any = None if record is None else run(here, record, progress=progress).result
    suspects = "" if found is None else f"; label_errors names {rows_text(len(found.rows))} one by one"
    p = float(getattr(found, "p", np.nan))
    if p <= alpha:
        return replace(one, says=f"{one.says}{suspects}, and honest doubt does not explain them")
    if np.isfinite(p) and not one.alone:
        note = "contradictions are rarer where the model is surest, as honest doubt has them (label_errors)"
        return replace(one, gain=replace(one.gain, p=1.0), note=note)
    alike = "" if one.alone else "; probabilities that are too bold fit about as well, so look at the rows first"
    return replace(one, says=f"{one.says}{suspects}{alike}")


def measure(
    here: Rows,
    there: Rows,
    costs: tuple[Costs, Costs] | None = None,
    *,
    level: float = 0.95,
    alpha: float = ALPHA,
    seed: int = 0,
    source: Source = UNNAMED,
) -> Remedies:
    """The same from the rows of both sides (``groups.Rows``), as far as no model and no training data are needed."""
    mine, others = costs or (None, None)
    tried = of_rows(here, there, costs=mine, costs_there=others, level=check_level(level), seed=seed)
    settings = {"costs": None, "rows": len(here.y), "level": level, "alpha": alpha}
    return Remedies(table=_table(tried, alpha), compared="the rest", source=source, settings=settings)


def _table(tried: list[Tried], alpha: float) -> pd.DataFrame:
    table = pd.DataFrame([t.record() for t in tried], columns=[*COLUMNS[:7], "p", "n", "says", "note"])
    p = table.pop("p").to_numpy(float)
    table["p_adjusted"] = np.nan
    table.loc[np.isfinite(p), "p_adjusted"] = adjusted(p[np.isfinite(p)])
    table["sure"] = (table["p_adjusted"] <= alpha).to_numpy(dtype=bool)
    unsure = ~table["sure"] & (table["note"] == "")
    table.loc[unsure, "note"] = "looked at, no sure gain"
    size = table["estimate"].abs() / table["now"].abs().replace(0, np.nan)
    goes = table["note"].str.startswith(GOES).to_numpy()
    order = np.lexsort([-size.fillna(0).to_numpy(), goes, ~table["sure"].to_numpy()])
    return table.iloc[order][COLUMNS].reset_index(drop=True)
