"""Counterfactuals: what would have to be different in one row for another answer? Several ways, each a possible row, cheap ones first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.adversarial import ENDED, changed_cells, ruled
from modelglass.analysis.budget import checked_seconds
from modelglass.analysis.changed_answers import Answers, excluded
from modelglass.analysis.cheapest_change import search
from modelglass.analysis.constraints import Constraints
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.groups import class_of
from modelglass.analysis.guided import or_stopped
from modelglass.analysis.performance import shown
from modelglass.analysis.possible import Space
from modelglass.analysis.progress import Progress
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.explainers import rows as shared

COUNT, TRIES, ROUNDS, SECONDS = 4, 24, 3, 5.0
BLOCKED = 0.5
"""Share of the columns that each try but the first may not touch, drawn at random: what makes the ways differ."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Counterfactuals(Result):
    """Changes of one row that change its answer.

    ways        way (1 is the cheapest), cost, answer (after), output (score of the answer wanted, or the predicted number), columns
                (that change)
    changes     way, column, before, after, cost: raw values
    before      answer of the row; wanted: in words
    asked       changed rows the model was asked about
    ended       what ended it before it was done: "time", a "person" (Stop on a page), or "" where it was done
    """

    ways: pd.DataFrame
    changes: pd.DataFrame
    row: int
    before: str
    wanted: str
    asked: int
    ended: str
    source: Source
    settings: Mapping[str, Any]

    @property
    def stopped(self) -> bool:
        """Whether the search was ended before it was done; then all is the best so far."""
        return bool(self.ended)

    def frame(self) -> pd.DataFrame:
        """Give way, column, before, after, cost."""
        return self.changes

    def sentence(self) -> str:
        """Say the cheapest change in words, and how many others there are."""
        end = f" {ENDED[self.ended]}: these are the best so far." if self.stopped else ""
        if not self.asked and self.stopped:
            return (
                f"Row {self.row} is {self.before}. The time was over before any changed row was asked about: give more."
            )
        if not len(self.ways):
            return (
                f"Row {self.row} is {self.before}. No possible change was found that makes it {self.wanted}: within the constraints the answer "
                f"holds, as far as the search saw ({self.asked:,} changed rows asked).{end}"
            )
        first = self.ways.iloc[0]
        mine = self.changes[self.changes.way == first.way]
        what = ", ".join(
            f"{c} {shared.text(a)} to {shared.text(b)}"
            for c, a, b in zip(mine.column, mine.before, mine.after, strict=True)
        )
        others = len(self.ways) - 1
        more = (
            f" {others} other way{'s' if others > 1 else ''} cost{'' if others > 1 else 's'} up to {self.ways.cost.max():.2g}."
            if others
            else ""
        )
        return (
            f"Row {self.row} is {self.before}. The cheapest possible change found that makes it {self.wanted}: {what} (cost "
            f"{first.cost:.2g} spreads; then {first.answer}).{more} This is what the model would say, not what would happen.{end}"
        )


def counterfactuals(
    ev: Evaluation,
    *,
    row: Any,
    want: Any = None,
    low: float | None = None,
    high: float | None = None,
    count: int = COUNT,
    constraints: Any = None,
    immutable: Any = None,
    rounds: int = ROUNDS,
    budget: float | None = SECONDS,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Counterfactuals:
    """Search for several possible changes of one row after which the model answers otherwise.

    The search is that of ``adversarial``; every try but the first may touch only half of the columns, so that the ways differ. Shown are
    the cheapest way and then those that are cheap and change other columns (by the share of columns not in common).

    Parameters
    ----------
    row : row number in the data (the frame's index)
    want : label of a class, optional
        The answer wanted; without it any other.
    low, high : float, optional
        In regression the prediction wanted lies between; without both, a move by half of the predictions' standard deviation, either way.
    count : int
        Ways shown at most.
    constraints, immutable, rounds, budget : see ``modelglass.analysis.adversarial``

    Raises
    ------
    NotApplicable
        Without a model, where no column may change, or where the row has the answer wanted already.
    InputError
        No such row or class, contradictory constraints, or constraints that leave out the row itself (which one is said).
    """
    rules = ruled(ev, constraints, immutable)
    place, seed = shared.row_place(ev, row), ev.seed_or(seed)
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
        raise InputError("Expected a whole number of ways, at least one.", f"Got {count!r}.")
    if budget is not None:
        checked_seconds(budget)
    one = ev.take([place])
    space = _space(rules, one, seed)
    answers, wanted = _answers(ev, one, Space(rules, one.inputs()), want, low, high)
    found = search(
        space,
        lambda places, X: answers.ask(np.zeros_like(places), X),
        seed=seed,
        rounds=rounds,
        seconds=budget,
        starts=np.repeat(answers.starts(seed), len(space.X), axis=0),
        exact=False,
        alike=True,
        progress=progress,
    )
    or_stopped(found)
    chosen = _diverse(space, found.best, found.cost, count)
    ways, changes = _told(one, space, found.best, found.cost, chosen)
    return Counterfactuals(
        ways=ways,
        changes=changes,
        row=int(row),
        before=_answer(ev, answers.decided[0]),
        wanted=wanted,
        asked=found.asked,
        ended=found.ended,
        source=one.source,
        settings={
            "row": int(row), "want": None if want in (None, "") else str(want), "low": low, "high": high, "count": count,
            "constraints": rules.called, "immutable": [r.name for r in rules.columns.values() if r.immutable],
            "rounds": rounds, "budget": budget, "seed": seed,
        },
    )  # fmt: skip


def _space(rules: Constraints, one: Evaluation, seed: int) -> Space:
    """The row many times, each time with other columns that must stay."""
    frame = one.inputs()
    why = excluded(rules, frame)[0]
    if why:
        raise InputError(
            f"Expected constraints that hold for row {frame.index[0]} as it is.",
            f"It is left out by {why}.",
            "Widen that constraint.",
        )
    space = Space(rules, frame.iloc[[0] * TRIES])
    if not len(space.free):
        raise NotApplicable("the constraints let no column change")
    rng = np.random.default_rng((seed, 20_017))
    blocked = np.zeros(space.X.shape, dtype=bool)
    blocked[:, space.free] = rng.random((TRIES, len(space.free))) < BLOCKED
    blocked[0] = False
    space.keep(blocked)
    return space


def _answers(
    ev: Evaluation, one: Evaluation, space: Space, want: Any, low: float | None, high: float | None
) -> tuple[Answers, str]:
    if ev.task == "regression":
        if low is None and high is None:
            amount = max(float(np.std(ev.whole.predicted)) / 2, 1e-12)
            return Answers(one, space, amount=amount), f"{shown(amount)} higher or lower"
        wanted = (-np.inf if low is None else float(low), np.inf if high is None else float(high))
        if wanted[0] > wanted[1]:
            raise InputError("Expected low to be at most high.", f"Got {low} and {high}.", "Exchange them.")
        answers = Answers(one, space, wanted=wanted)
        if answers.beyond(np.arange(1), answers.decided[:1])[0]:
            raise NotApplicable(
                f"the prediction of this row, {shown(answers.decided[0])}, is in the range wanted already"
            )
        text = f"{shown(wanted[0])} to {shown(wanted[1])}"
        text = (
            f"at least {shown(wanted[0])}" if high is None else f"at most {shown(wanted[1])}" if low is None else text
        )
        return answers, text
    if want in (None, ""):
        other = str(ev.classes[1 - int(one.predicted[0])]) if len(ev.classes) == 2 else "something else"
        return Answers(one, space), other
    code = class_of(ev, want)
    if ev.task == "binary":  # class_of speaks of the positive class as 1
        code = (ev.positive_index or 0) if code else 1 - (ev.positive_index or 0)
    answers = Answers(one, space, wanted=np.full(one.n, code))
    if answers.decided[0] == code:
        raise NotApplicable(f"this row is decided as {want} already")
    return answers, str(want)


def _diverse(space: Space, best: np.ndarray, cost: np.ndarray, count: int) -> np.ndarray:
    """Choose ways: the cheapest, then again and again the one of least cost per share of columns it has not in common with any chosen."""
    places = np.arange(len(cost))
    changed = (best != space.X) & ~np.isnan(best)
    left = [int(i) for i in places[np.isfinite(cost)]]
    chosen: list[int] = []
    while left and len(chosen) < count:
        apart = [min((_apart(changed[i], changed[c]) for c in chosen), default=1.0) for i in left]
        price = [cost[i] / a if a > 0 else np.inf for i, a in zip(left, apart, strict=True)]
        k = int(np.argmin(price))
        if not np.isfinite(price[k]):
            break
        chosen.append(left.pop(k))
    return np.array(sorted(chosen, key=lambda i: cost[i]), dtype=np.int64)


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    return 1 - float((a & b).sum()) / max(float((a | b).sum()), 1.0)


def _told(
    one: Evaluation, space: Space, best: np.ndarray, cost: np.ndarray, chosen: np.ndarray
) -> tuple[pd.DataFrame, pd.DataFrame]:
    cells = changed_cells(space, np.arange(len(space.X)), chosen, best[chosen]).rename(columns={"row": "way"})
    number = {int(place): i + 1 for i, place in enumerate(chosen)}
    cells["way"] = cells.way.map(number).astype("int64")
    ways = pd.DataFrame({"way": np.arange(1, len(chosen) + 1), "cost": cost[chosen]})
    if not len(chosen):
        return ways.assign(answer="", output=np.nan, columns=0), cells
    decided, score = one.answer(space.rows(chosen, best[chosen]))
    ways["answer"] = [_answer(one, d) for d in decided]
    if one.task == "regression":
        ways["output"] = decided
    elif score is None:
        ways["output"] = np.nan
    elif one.task == "binary":
        score = np.asarray(score, dtype=float)
        ways["output"] = np.where(
            decided == one.positive_index, score, 1 - score if one.score_kind == "probability" else -score
        )
    else:
        ways["output"] = np.asarray(score)[np.arange(len(chosen)), decided]
    ways["columns"] = cells.groupby("way").size().reindex(ways.way).to_numpy()
    return ways, cells


def _answer(ev: Evaluation, decided: Any) -> str:
    return shown(float(decided)) if ev.task == "regression" else str(ev.classes[int(decided)])
