"""Why is the model worse (or better) here? What goes with the loss of a cohort, all on one scale, and what could be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.coding import Coding, code_column
from modelglass.analysis.column_differences import ColumnDifferences, column_differences
from modelglass.analysis.composition import parts
from modelglass.analysis.difference import adjusted
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.mean_difference import Sample, mean_difference, why_none
from modelglass.analysis.performance import check_level
from modelglass.analysis.progress import Progress, span, tell
from modelglass.analysis.remedies import ALPHA, GOES, MOST_ROWS, Remedies, remedies
from modelglass.analysis.remedies_model import loss_name, losses
from modelglass.analysis.result import Result
from modelglass.analysis.sides import Sides, rows_of_both, sides_of, these
from modelglass.analysis.source import Source
from modelglass.analysis.wording import percent, ranged, say

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

BINS = 8
COLUMNS = ["kind", "column", "estimate", "low", "high", "share", "p_adjusted", "sure", "n", "says", "evidence", "note"]
EXCESS, SPREAD = "loss here less there", "spread of a column"


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class WhyHere(Result):
    """What goes with the loss of a cohort.

    table   first the loss itself, then one row per explanation, sure ones first, largest first: kind ("loss here less there"; "spread of a
            column": what the rest would lose more if the column were spread there as here; or a remedy: what it gains), column,
            estimate, low, high (loss a row; interval at settings["level"]), share (of the loss here less there, where
            that is surely not 0), p_adjusted (of nothing; Holm over the spreads, Holm over the remedies, times 2), sure, n (rows), says (in plain words),
            evidence (the analysis that shows it), note. Parts overlap and do not add up
    loss    its name: "log loss a row", "errors a row" or "absolute error a row"
    columns the columns that differ most, as ``column_differences`` gives them
    beside  remedies that surely gain on another scale (a threshold, margins, rows in training)
    by_choice   the condition names the outcome or the error, so the loss follows from the choice and nothing is explained by it
    """

    table: pd.DataFrame
    loss: str
    columns: pd.DataFrame
    beside: tuple[str, ...]
    compared: str
    by_choice: bool
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give the loss, then one row per explanation."""
        return self.table

    @property
    def sure(self) -> pd.DataFrame:
        """Give the explanations that are sure."""
        found = self.table[self.table["kind"] != EXCESS]
        return found[found["sure"]]

    def sentence(self) -> str:
        """Say what the loss is, the strongest explanation, the others by name, and the column that differs most."""
        sure = self.sure
        if self.by_choice:
            return f"{self._loss()} {self._most_different()}"
        beside = f" On other scales surely gains: {', '.join(self.beside)}." if self.beside else ""
        if sure.empty:
            tried = len(self.table) - 1
            return f"{self._loss()} None of the {tried} explanations looked at goes surely with it.{beside} {self._most_different()}"
        whole = self.table.iloc[0]
        if not (whole["low"] > 0 or whole["high"] < 0):  # nothing to explain: only what would help all the same
            helps = sure[sure["kind"] != SPREAD]
            said = f" What would help all the same: {helps.iloc[0]['says']}." if len(helps) else ""
            return f"{self._loss()}{said}{beside} {self._most_different()}"
        first = sure.iloc[0]
        share = f", {percent(first['share'])} of the difference" if np.isfinite(first["share"]) else ""
        more = [f"{_short(r.kind, r.column)} ({say(r.estimate)})" for r in sure[1:5].itertuples()]
        others = f" Also: {'; '.join(more)}. Parts overlap and do not add up." if more else ""
        return (
            f"{self._loss()} What goes with it most: {first['says']}{share}.{others}{beside} {self._most_different()}"
        )

    def _loss(self) -> str:
        row = self.table.iloc[0]
        name = self.loss[:1].upper() + self.loss[1:]
        if self.by_choice:
            return f"The condition of {these(int(row['n']))} names the outcome or the error, so what the model misses here follows from the choice."
        about = f"on {these(int(row['n']))} than in {self.compared}"
        if not np.isfinite(row["low"]):
            way = "higher" if row["estimate"] > 0 else "lower"
            return f"{name} is {say(abs(row['estimate']))} {way} {about}; {row['note']}."
        if row["low"] <= 0 <= row["high"]:
            return (
                f"{name} is not surely other {about} (difference {ranged(row['estimate'], row['low'], row['high'])})."
            )
        ends = sorted(abs(row[["low", "high"]].to_numpy(float)))
        return (
            f"{name} is {ranged(abs(row['estimate']), *ends)} {'higher' if row['estimate'] > 0 else 'lower'} {about}."
        )

    def _most_different(self) -> str:
        sure = self.columns[self.columns["sure"] & ~self.columns["by_condition"]]
        if sure.empty:
            return "No column is surely spread otherwise."
        row = sure.iloc[0]
        return f"The column that differs most is {row['column']} ({row['says']})."


def _short(kind: str, column: str) -> str:
    if kind == SPREAD:
        return f"how {column} is spread"
    return f"{kind} {column}" if column else kind


def why_here(
    ev: Evaluation,
    other: Evaluation | str | None = None,
    *,
    costs: Mapping[str, float | str] | str | None = None,
    rows: int = MOST_ROWS,
    level: float = 0.95,
    alpha: float = ALPHA,
    progress: Progress | None = None,
) -> WhyHere:
    """Look for what goes with the loss of a cohort.

    Parameters
    ----------
    ev : Evaluation
        The cohort.
    other : Evaluation or str, optional
        What it is compared with: another cohort (its Evaluation or SQL condition), the same model on other data; without it the
        rest of the data.
    costs, rows, alpha : as in ``remedies``
    level : float, level of the intervals

    Raises
    ------
    NotApplicable
        Without a cohort.

    Notes
    -----
    Nothing is said about causes: an explanation goes with the loss, and another column may stand behind it. A cohort that was chosen
    because it looked bad on these very rows looks worse than it is.
    """
    level = check_level(level)
    sides = sides_of(ev, other)
    tell(progress, 0.0, "Comparing the loss")
    spread, excess, name = _of_loss(sides, level)
    columns = column_differences(ev, other, level=level, progress=span(progress, 0.05, 0.4))
    found = (
        None
        if sides.by_outcome
        else remedies(ev, other, costs=costs, rows=rows, level=level, alpha=alpha, progress=span(progress, 0.4, 1.0))
    )
    table = _table(excess, [] if sides.by_outcome else spread, found, name, columns, alpha)
    return WhyHere(
        table=table,
        loss=name,
        columns=columns.frame(),
        beside=() if found is None else tuple(found.sure.loc[found.sure["measure"] != name, "remedy"]),
        compared=sides.words,
        by_choice=sides.by_outcome,
        source=ev.source,
        settings={"costs": None if costs is None else str(costs), "rows": rows, "level": level, "alpha": alpha},
    )


def _of_loss(sides: Sides, level: float) -> tuple[list[dict[str, Any]], dict[str, Any], str]:
    """Give the part of each column, the loss itself, and its name."""
    rows, inside = rows_of_both(sides)
    loss = losses(rows)

    def sample(among: np.ndarray) -> Sample:
        w, c = rows.weight, rows.cluster
        return Sample(
            values=loss[among][:, None], weight=None if w is None else w[among], cluster=None if c is None else c[among]
        )

    pair = sample(inside), sample(~inside)
    whole, note = mean_difference(*pair, level), why_none(*pair)
    excess = {
        "kind": EXCESS,
        "column": "",
        "n": int(inside.sum()),
        "evidence": "contrast",
        "note": f"no interval, because {note}" if note else "",
    }
    excess |= {k: float(getattr(whole, k)[0]) for k in ("estimate", "low", "high", "p")}
    excess["says"] = f"{say(float(whole.here[0]))} here, {say(float(whole.there[0]))} in {sides.words}"
    codings = _codings(sides)
    made = parts(loss, inside, codings, rows.weight, rows.cluster, level=level)
    keys = ("column", "estimate", "low", "high", "p", "n", "note")
    return (
        [{k: getattr(p, k) for k in keys} | {"kind": SPREAD, "evidence": "column_differences"} for p in made],
        excess,
        loss_name(rows),
    )


def _codings(sides: Sides) -> list[Coding]:
    """Code the columns of both sides together; those that the condition names have no counterpart and are left out."""
    out = []
    roles = {sides.here.target, sides.here.source.weight, sides.here.source.cluster, sides.here._all.id}
    for name, column in sides.here.columns.items():
        if name in roles or name in sides.by_condition or name not in sides.there.frame.columns:
            continue
        try:
            both = pd.concat([e.frame[name] for e in (sides.here, sides.there)], ignore_index=True)
            out.append(code_column(both, column, bins=BINS))
        except NotApplicable:
            continue
    return out


def _table(
    excess: dict[str, Any],
    spread: list[dict[str, Any]],
    found: Remedies | None,
    name: str,
    columns: ColumnDifferences,
    alpha: float,
) -> pd.DataFrame:
    sure_excess = excess["low"] > 0 or excess["high"] < 0
    whole = excess["estimate"] if sure_excess else np.nan
    sign = -1.0 if sure_excess and whole < 0 else 1.0
    for row, p in zip(spread, adjusted([r["p"] for r in spread])):
        row["p_adjusted"] = min(2 * p, 1.0) if np.isfinite(p) else np.nan
        row["says"] = _spread_in_words(row, columns, name)
    made = pd.DataFrame(
        [{**excess, "p_adjusted": excess["p"]}, *spread, *_gains(found, name)],
        columns=[c for c in COLUMNS if c not in ("share", "sure")],
    )
    part, gain = made["kind"] == SPREAD, ~made["kind"].isin([SPREAD, EXCESS])
    made["share"] = np.where(part | (gain & (sign > 0)), made["estimate"] / whole, np.nan)
    towards = np.where(part, sign * made["estimate"], made["estimate"]) > 0
    made["sure"] = ((made["p_adjusted"] <= alpha) & (towards | (made["kind"] == EXCESS))).to_numpy(bool)
    size = np.where(part, sign * made["estimate"], made["estimate"])
    goes = made["note"].fillna("").str.startswith(GOES).to_numpy(bool)
    order = np.lexsort(
        [-np.nan_to_num(size, nan=-np.inf), goes, ~made["sure"].to_numpy(bool), made["kind"].to_numpy() != EXCESS]
    )
    return made.iloc[order][COLUMNS].reset_index(drop=True)


def _gains(found: Remedies | None, name: str) -> list[dict[str, Any]]:
    """Give the remedies whose gain is on the scale of the loss."""
    rows = [] if found is None else found.table.to_dict("records")
    return [
        {
            **r,
            "kind": r["remedy"],
            "p_adjusted": float(np.fmin(2 * r["p_adjusted"], 1.0)) if np.isfinite(r["p_adjusted"]) else np.nan,
            "evidence": "remedies",
        }
        for r in rows
        if r["measure"] == name
    ]


def _spread_in_words(row: dict[str, Any], columns: ColumnDifferences, name: str) -> str:
    table = columns.frame()
    said = table[(table["column"] == row["column"]) & (table["about"] == "values")]["says"]
    how = f" ({said.iloc[0]})" if len(said) and said.iloc[0] else ""
    if not np.isfinite(row["estimate"]):
        return ""
    loss = name.removesuffix(" a row")
    ends = (
        sorted(abs(v) for v in (row["low"], row["high"])) if row["low"] * row["high"] > 0 else (row["low"], row["high"])
    )
    value = abs(row["estimate"]) if row["low"] * row["high"] > 0 else row["estimate"]
    way = "lower" if row["high"] < 0 else "higher"
    return f"how {row['column']} is spread here{how}: spread like that the {loss} a row of {columns.compared} would be {ranged(value, *ends)} {way}"
