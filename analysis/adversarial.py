"""How little must change in a row for another decision? The cheapest possible change found, and what is certain not to suffice."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.budget import checked_seconds
from modelglass.analysis.certified import Certificate, certificate
from modelglass.analysis.changed_answers import Answers, excluded, kept_rows
from modelglass.analysis.constraints import Constraints, constraints
from modelglass.analysis.crowding import SMALL
from modelglass.analysis.errors import InputError, NotApplicable, unknown_name
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.gradients import gradients_of
from modelglass.analysis.guided import GRADIENTS, Guided, guided
from modelglass.analysis.performance import check_level
from modelglass.analysis.possible import Space
from modelglass.analysis.probing import share
from modelglass.analysis.progress import Progress
from modelglass.analysis.progress import span as part
from modelglass.analysis.recipes import Recipe, of_changes
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.analysis.wording import say

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

BUDGETS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
ROWS, ROUNDS, SECONDS = 100, 3, 10.0
WORST = 10
ENDED = {
    "time": "The time was over before the search was done",
    "person": "The search was stopped by hand before it was done",
}
COLUMNS = [
    "column", "estimate", "low", "high", "n", "within_half", "within_half_low", "within_half_high", "used", "share_of_cost", "number", "size",
]  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Adversarial(Result):
    """The cheapest possible changes found that change the model's answer, row by row, and what follows for all.

    curve       budget (cost), what ("right decisions" or "predictions"/"decisions": those that hold), bound ("found": with the changes
                found, an upper bound of what truly holds; "certified": a lower bound), estimate (share), low, high, n
    rows        row, cost (infinite: none found), certified (no change below this cost does it; NaN: none), before, after (answers), was_right,
                excluded (which constraint leaves the row itself out; '' else), search (what found the change: "questions" to the model, or its
                "gradients"; '' where none was found)
    changes     row, column, before, after, cost: the changed cells of each change found
    columns     column, estimate (share of rows whose answer a change of this column alone by at most 0.1 spreads, or another level where it has
                levels, changes), low, high, n, within_half (the same within 0.5), within_half_low, within_half_high, used (share of the changes found that use it), share_of_cost, number
                (whether it is one), size (0.1 spreads in its own unit, days for dates; NaN for levels)
    certificate how the lower bound came about; no_certificate: why there is none; no_gradients: why the model's gradients took no part ('' where they did)
    asked       changed rows that the model was asked about
    ended       what ended it before it was done: "time", a "person" (Stop on a page), or "" where it was done
    """

    curve: pd.DataFrame
    rows: pd.DataFrame
    changes: pd.DataFrame
    columns: pd.DataFrame
    certificate: str
    no_certificate: str
    no_gradients: str
    asked: int
    ended: str
    answer: str
    source: Source
    settings: Mapping[str, Any]

    @property
    def stopped(self) -> bool:
        """Whether the search was ended before it was done; then all is the best so far."""
        return bool(self.ended)

    def frame(self) -> pd.DataFrame:
        """Give the curve: budget, what, bound, estimate, low, high, n."""
        return self.curve

    def worst(self, most: int = WORST) -> pd.DataFrame:
        """Give the rows whose answer changes most cheaply: row, cost, change (in words), before, after."""
        found = self.rows[np.isfinite(self.rows.cost)].nsmallest(most, "cost")
        words = self.changes.assign(
            text=[
                f"{c}: {a} to {b}"
                for c, a, b in zip(self.changes.column, self.changes.before, self.changes.after, strict=True)
            ]
        )
        joined = words.groupby("row").text.agg("; ".join) if len(words) else pd.Series(dtype=object)
        return found.assign(change=found.row.map(joined))[["row", "cost", "change", "before", "after"]].reset_index(
            drop=True
        )

    def more(self) -> Mapping[str, Any]:
        """Give rows, changes and columns beside the curve."""
        from modelglass.analysis.result import frame_json

        return {name: frame_json(getattr(self, name)) for name in ("rows", "changes", "columns")}

    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Give the rows whose answer changes most cheaply, before and after; nothing where no change was found."""
        worst = self.worst()
        return {"Rows whose answer changes most cheaply": worst} if len(worst) else {}

    def sentence(self) -> str:
        """Say how many answers a small change turns over, the median change, and the column that is most fragile."""
        kept = self.rows[self.rows.excluded == ""]
        n, done = len(kept), kept[np.isfinite(kept.cost)]
        if not len(done):
            seen = "" if self.stopped else ": robust within the constraints, as far as the search saw"
            said = f"No possible change was found that {self.answer} of any of {rows_text(n)}{seen}"
            return f"{said}. {self._certain()}"
        half = float((kept.cost <= 0.5).mean())
        text = f"A possible change that {self.answer} was found for {len(done) / n:.0%} of {rows_text(n)}; for {half:.0%} at a cost of at most half a spread"
        text += f" (median cost {np.median(kept.cost):.2g} spreads)." if len(done) * 2 > n else "."
        guided = float((kept.search == GRADIENTS).mean())
        text += f" The model's gradients gave the cheapest of {guided:.0%} of rows." if guided else ""
        text += self._fragile() + self._used()
        left_out = len(self.rows) - n
        if left_out:
            first = self.rows[self.rows.excluded != ""].excluded.iloc[0]
            text += f" {rows_text(left_out).capitalize()} that the constraints themselves leave out ({first}) are not counted."
        return f"{text} {self._certain()}"

    def recipe(self) -> Recipe | None:
        """Give training rows with noise on the numbers that little suffices of; None where there are none."""
        return of_changes(self.columns, SMALL, self.settings)

    def _fragile(self) -> str:
        """Name the number that a small change of turns over most answers, and the column of which another level does."""
        numbers, levels = (
            self.columns[
                (self.columns.number == is_number) & ((self.columns.estimate > 0) | (self.columns.within_half > 0))
            ]
            for is_number in (True, False)
        )
        text = ""
        if len(numbers):
            top = numbers.iloc[0]
            small, half = "0.1 spreads of it alone suffice", "half a spread of it alone suffices"
            enough, turned = (small, top.estimate) if top.estimate > 0 else (half, top.within_half)
            text = f" The most fragile {'number' if len(levels) else 'column'} is {top.column}: {enough} for {turned:.1%} of rows."
        if len(levels):
            top = levels.sort_values("estimate", ascending=False, kind="stable").iloc[0]
            text += f" Another level of {top.column} alone suffices for {top.estimate:.1%}{'' if text else ' of rows'}."
        return text

    def _used(self) -> str:
        """Name the column that most of the changes found use; '' where only one may change."""
        if len(self.columns) < 2:
            return ""
        most = self.columns.loc[self.columns.used.idxmax()]
        return f" The changes found use {most.column} most often ({most.used:.0%} of them)."

    def _certain(self) -> str:
        end = f" {ENDED[self.ended]}: this is the best so far." if self.stopped else ""
        if self.no_certificate:
            return f"The search can overlook cheaper changes, and there is no certified bound, because {self.no_certificate}.{end}"
        return f"The search can overlook cheaper changes; what none can do is certified by the {self.certificate}.{end}"


def adversarial(
    ev: Evaluation,
    *,
    constraints: Any = None,
    immutable: Any = None,
    amount: float | None = None,
    rows: int | None = ROWS,
    rounds: int = ROUNDS,
    budget: float | None = SECONDS,
    level: float = 0.95,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Adversarial:
    """Search for each row the cheapest possible change that changes the decision, or moves the prediction by ``amount``.

    Models with hidden layers (scikit-learn's perceptrons, torch modules; also behind Pipelines) are searched along their gradients too.

    The cost of a change is the sum over changed columns of its size in the column's own spread (another level costs 1), each times the
    cost in the constraints. Every row the model is asked about keeps the constraints.

    Parameters
    ----------
    constraints : Constraints, path of a YAML file, its text, or mapping, optional
        See ``modelglass.analysis.constraints``; without it what the data show.
    immutable : name or sequence of names, optional
        Columns that stay as they are.
    amount : float, optional
        In regression the move that counts, either way; without it half of the predictions' standard deviation.
    rows : int or None
        Rows searched, a stratified sample; None: all.
    rounds : int
        Rounds of the evolutionary part; more find cheaper changes.
    budget : float or None
        Seconds after which the search stops with the best so far; None: none.

    Raises
    ------
    NotApplicable
        Without a model, or where no column may change.
    InputError
        Contradictory constraints; constraints that leave out every row itself; a budget of 0; a model that raises on a possible row.
    """
    level, seed = check_level(level), ev.seed_or(seed)
    rules = ruled(ev, constraints, immutable)
    _check(amount, rounds, budget)
    chosen = ev.sample(rows)
    why = excluded(rules, chosen.inputs())
    kept = kept_rows(chosen, why)
    amount = _amount(ev, amount)
    space = Space(rules, kept.inputs())
    if not len(space.free):
        raise NotApplicable("the constraints let no column change")
    answers = Answers(kept, space, amount=amount)
    began = time.monotonic()

    def of_time(share: float) -> float | None:
        return None if budget is None else share * budget

    certain = certificate(kept, space, amount, seconds=of_time(0.25), progress=part(progress, 0.0, 0.1))
    known = f"the bound already tells where to go ({certain.how})"
    slopes = gradients_of(kept, space, amount) if certain.none else known
    starts = answers.starts(seed, seconds=of_time(0.1), progress=part(progress, 0.1, 0.15))
    found = guided(
        space,
        answers.ask,
        slopes,
        seed=seed,
        rounds=rounds,
        seconds=None if budget is None else max(budget - (time.monotonic() - began), budget / 2),
        starts=starts,
        hints=certain.hints,
        progress=part(progress, 0.15, 1.0),
    )
    return _result(ev, chosen, kept, why, space, answers, found, certain, level, {
        "constraints": rules.called, "immutable": _names(immutable), "amount": amount, "rows": chosen.n,
        "rounds": rounds, "budget": budget, "level": level, "seed": seed,
    })  # fmt: skip


def ruled(ev: Evaluation, given: Any, immutable: Any = None) -> Constraints:
    """Give the constraints, with columns that stay as they are."""
    if ev.model is None:
        raise NotApplicable(
            "there is no model here, only predictions, and the search asks the model about changed rows"
        )
    rules = constraints(ev, given=given)
    names = _names(immutable)
    for name in names:
        if name not in rules.columns:
            raise unknown_name("column that the model reads", str(name), rules.columns)
    return rules.changed({"columns": {n: {"immutable": True} for n in names}}) if names else rules


def _names(immutable: Any) -> list[str]:
    if immutable in (None, "") or not len(immutable):
        return []
    return [immutable] if isinstance(immutable, str) else list(immutable)


def _check(amount: float | None, rounds: int, budget: float | None) -> None:
    if amount is not None and not (np.isfinite(amount) and amount > 0):
        raise InputError("Expected an amount above 0 by which the prediction must move.", f"Got {amount!r}.")
    if isinstance(rounds, bool) or not isinstance(rounds, (int, np.integer)) or rounds < 0:
        raise InputError("Expected a whole number of rounds, 0 or more.", f"Got {rounds!r}.")
    if budget is not None:
        checked_seconds(budget)


def _amount(ev: Evaluation, amount: float | None) -> float:
    if ev.task != "regression":
        return np.nan
    return float(amount) if amount is not None else max(float(np.std(ev.whole.predicted)) / 2, 1e-12)


def _result(
    ev: Evaluation, chosen: Evaluation, kept: Evaluation, why: list[str], space: Space, answers: Answers, found: Guided,
    certain: Certificate, level: float, settings: dict[str, Any],
) -> Adversarial:  # fmt: skip
    changes = changed_cells(space, kept.frame.index.to_numpy(), np.arange(kept.n), found.best)
    ended = found.ended or ("time" if certain.spent else "")
    verb = f"moves the prediction by {say(settings['amount'])}" if ev.task == "regression" else "changes the decision"
    return Adversarial(
        curve=_curve(kept, found.cost, certain, level),
        rows=_rows(chosen, kept, why, space, answers, found, certain),
        changes=changes,
        columns=_columns(kept, space, found, changes, level),
        certificate=certain.how,
        no_certificate=certain.none,
        no_gradients=found.no_gradients,
        asked=found.asked,
        ended=ended,
        answer=verb,
        source=kept.source,
        settings=settings,
    )


def changed_cells(space: Space, names: np.ndarray, places: np.ndarray, X: np.ndarray) -> pd.DataFrame:
    """Give row, column, before, after, cost of each changed cell; raw values."""
    after = space.rows(places, X)
    cost = space.costs(places, X)
    i, j = np.nonzero((space.X[places] != X) & ~np.isnan(X))
    before = [space.frame[space.names[c]].iloc[places[r]] for r, c in zip(i, j, strict=True)]
    return pd.DataFrame(
        {
            "row": names[places[i]] if len(i) else np.array([], dtype=np.int64),
            "column": [space.names[c] for c in j],
            "before": pd.Series(before, dtype=object),
            "after": pd.Series([after[space.names[c]].iloc[r] for r, c in zip(i, j, strict=True)], dtype=object),
            "cost": cost[i, j],
        }
    )


def _rows(
    chosen: Evaluation,
    kept: Evaluation,
    why: list[str],
    space: Space,
    answers: Answers,
    found: Guided,
    certain: Certificate,
) -> pd.DataFrame:
    done = np.isfinite(found.cost)
    after = np.full(kept.n, None, dtype=object)
    if done.any():
        after[done] = _labels(kept, kept.answer(space.rows(np.flatnonzero(done), found.best[done]))[0])
    table = pd.DataFrame(
        {
            "row": kept.frame.index.to_numpy(),
            "cost": found.cost,
            "certified": np.nan if certain.none else certain.low,
            "before": _labels(kept, answers.decided),
            "after": after,
            "was_right": (kept.y == answers.decided) if kept.task != "regression" else True,
            "excluded": "",
            "search": found.by,
        }
    )
    out = np.flatnonzero([bool(w) for w in why])
    if len(out):
        rest = pd.DataFrame(
            {"row": chosen.frame.index.to_numpy()[out], "excluded": [why[i] for i in out], "search": ""}
        )
        table = pd.concat([table, rest], ignore_index=True)
    return table


def _labels(ev: Evaluation, decided: np.ndarray) -> np.ndarray:
    if ev.task == "regression":
        return np.asarray(decided, dtype=float).astype(object)
    named = np.empty(len(ev.classes), dtype=object)
    named[:] = list(ev.classes)
    return named[np.asarray(decided, dtype=np.int64)]


def _curve(kept: Evaluation, cost: np.ndarray, certain: Certificate, level: float) -> pd.DataFrame:
    """Share of rows whose answer holds at each budget, as found and as certified; of right decisions too."""
    right = np.ones(kept.n, bool) if kept.task == "regression" else kept.y == kept.predicted
    series = [("predictions" if kept.task == "regression" else "decisions", np.ones(kept.n, bool))]
    if kept.task != "regression":
        series.insert(0, ("right decisions", right))
    records = []
    for what, base in series:
        for bound, held in (("found", cost), ("certified", certain.low)):
            if bound == "certified" and certain.none:
                continue
            records += [
                (b, what, bound, *share(kept, base & ((held > b) | (b == 0)), level), kept.n) for b in (0.0, *BUDGETS)
            ]
    return pd.DataFrame(records, columns=["budget", "what", "bound", "estimate", "low", "high", "n"])


def _columns(kept: Evaluation, space: Space, found: Guided, changes: pd.DataFrame, level: float) -> pd.DataFrame:
    records = []
    done = max(int(np.isfinite(found.cost).sum()), 1)
    total = max(float(changes.cost.sum()), 1e-12)
    for j in space.free:
        name, rule, number = space.names[j], space.of[j], bool(space.number[j])
        little, half = (
            share(kept, found.alone[:, j] <= (by if number else 1) * rule.cost, level) for by in (SMALL, 0.5)
        )
        mine = changes[changes.column == name]
        used, cost = mine.row.nunique() / done, float(mine.cost.sum()) / total
        records.append((name, *little, kept.n, *half, used, cost, number, SMALL * rule.spread / rule.unit))
    table = pd.DataFrame(records, columns=COLUMNS)
    # another level is a whole change, so levels stand after numbers that little changes turn over
    table["first"] = table.number & (table.estimate > 0)
    return table.sort_values(
        ["first", "estimate", "within_half"], ascending=False, kind="stable", ignore_index=True
    ).drop(columns="first")
