"""Asking the model about changed rows of a search: whether the answer is another one, and how far the change pulls towards that."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.constraints import Constraints
from modelglass.analysis.errors import InputError
from modelglass.analysis.estimated import agree, all_rows, rows_text
from modelglass.analysis.possible import Space
from modelglass.analysis.progress import Progress, lots, tell
from modelglass.analysis.refusals import Refused, first_refused, kept_error

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

OTHERS = 2_000
"""Rows of the whole data among which a start beyond the boundary is looked for."""
DONORS = 4
"""Of them a search starts from."""
TINY = 1e-12
STARTED = 1_000
"""Rows whose starts are looked for at once."""


class Answers:
    """What counts as another answer for the rows of ``ev``.

    amount      in regression: how far the prediction must move, either way
    wanted      codes of the class wanted, (n,), or None: any other; in regression (low, high) wanted
    """

    def __init__(
        self,
        ev: Evaluation,
        space: Space,
        *,
        amount: float = np.nan,
        wanted: np.ndarray | tuple[float, float] | None = None,
    ):
        self.ev, self.space, self.amount, self.wanted = ev, space, amount, wanted
        self.decided, self.score = ev.answer(space.frame)
        self._own = self._toward(np.arange(ev.n), self.decided, self.score)

    def beyond(self, places: np.ndarray, decided: np.ndarray) -> np.ndarray:
        """Tell whether answers are others than those of the rows."""
        if self.ev.task == "regression":
            if self.wanted is not None:
                return (decided >= self.wanted[0]) & (decided <= self.wanted[1])
            return np.abs(decided - self.decided[places]) >= self.amount
        if self.wanted is not None:
            return decided == np.asarray(self.wanted)[places]
        return decided != self.decided[places]

    def ask(self, places: np.ndarray, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ask about changed rows: (beyond, pull)."""
        rows = self.space.rows(places, X)
        try:
            decided, score = self.ev.answer(rows)
        except InputError as error:
            kept = first_refused(error, rows, self.ev.answer)  # worth knowing: kept for reproducing
            raise every_possible_row(kept, f"one of {len(rows):,} rows asked") from error
        return self.beyond(places, decided), self._toward(places, decided, score) - self._own[places]

    def _toward(self, places: np.ndarray, decided: np.ndarray, score: Any) -> np.ndarray:
        """How near an answer is to another one; larger is nearer, 0 where nothing is known but the decision."""
        ev = self.ev
        if ev.task == "regression":
            if self.wanted is not None:
                return -np.maximum(np.maximum(self.wanted[0] - decided, decided - self.wanted[1]), 0.0)
            return np.abs(decided - self.decided[places])
        if score is None:
            return np.zeros(len(places))
        score = np.asarray(score, dtype=float)
        if ev.score_kind == "probability":
            score = np.log(np.clip(score, TINY, 1)) if score.ndim > 1 else _logit(score)
        if ev.task == "binary":
            was = self.decided[places] == ev.positive_index
            return np.where(was, -score, score)
        rows = np.arange(len(places))
        if self.wanted is not None:
            goal = np.asarray(self.wanted)[places]
            mine = score[rows, goal].copy()
            rest = score.copy()
            rest[rows, goal] = -np.inf
            return mine - rest.max(axis=1)
        own = self.decided[places]
        mine = score[rows, own].copy()
        rest = score.copy()
        rest[rows, own] = -np.inf
        return rest.max(axis=1) - mine

    def starts(self, seed: int, *, seconds: float | None = None, progress: Progress | None = None) -> np.ndarray:
        """Give rows of the whole data that are beyond the boundary of each row, near ones first, (n, k, p); NaN after ``seconds``."""
        began = time.monotonic()
        whole = self.ev.whole
        rng = np.random.default_rng((seed, 20_013))
        at = np.arange(whole.n) if whole.n <= OTHERS else np.sort(rng.permutation(whole.n)[:OTHERS])
        others = self.space.code(whole.inputs().iloc[at])
        decided = whole.predicted[at]
        out = np.full((self.ev.n, DONORS, others.shape[1]), np.nan)
        for lot in lots(self.ev.n, STARTED):
            tell(progress, lot[0] / self.ev.n, "other rows beyond the boundary")
            if seconds is not None and time.monotonic() - began > seconds:
                break
            beyond = np.stack([self.beyond(np.full(len(at), i), decided) for i in lot])
            out[lot] = nearest_others(self.space, lot, others, beyond)
        return out


def _logit(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, TINY, 1 - TINY)
    return np.log(p) - np.log1p(-p)


def every_possible_row(kept: Refused, which: str) -> InputError:
    """Build the error for a model that raises on a possible row; ``which`` names it."""
    todo = "Ask it about that row alone to see why, or narrow the constraints."
    return kept_error("Expected the model to answer every possible row.", kept, todo, which)


def excluded(rules: Constraints, frame: pd.DataFrame) -> list[str]:
    """Say of each raw row which constraint leaves it itself out; '' where none does."""
    found = rules.violations(frame)
    out = [""] * len(frame)
    for place, column, rule in found.itertuples(index=False):
        out[place] = out[place] or f"{column}: {rule}"
    return out


def kept_rows(chosen: Evaluation, why: list[str]) -> Evaluation:
    """Give the rows that the constraints do not leave out themselves (``why`` is '' there)."""
    inside = np.flatnonzero([not w for w in why])
    if not len(inside):
        raise InputError(
            "Expected constraints that hold for some rows as they are.",
            f"{all_rows(chosen.n).capitalize()} {agree(chosen.n, 'is', 'are')} left out; the first, row {chosen.frame.index[0]}, by {why[0]}.",
            "Widen that constraint.",
        )
    return chosen if len(inside) == chosen.n else chosen.take(inside)


def inside(chosen: Evaluation, rules: Constraints) -> tuple[Evaluation, str]:
    """Give the rows that constraints do not leave out themselves, and what the constraints are called, with what they leave out.

    Moved to a possible value, the others would change by more than what is asked. What these data show leaves none of them out.

    Raises
    ------
    InputError
        They leave out every row.
    """
    if not rules.settings["given"] and rules.source == chosen.whole.source:
        return chosen, rules.called
    why = excluded(rules, chosen.inputs())
    kept = kept_rows(chosen, why)
    left = chosen.n - kept.n
    left_out = f" ({rows_text(left)} left out by them: {next(filter(None, why))})" if left else ""
    return kept, rules.called + left_out


def nearest_others(
    space: Space, places: np.ndarray, others: np.ndarray, beyond: np.ndarray, most: int = DONORS
) -> np.ndarray:
    """Give for each row the cheapest other rows that are beyond its boundary, shape (k, most, p); NaN where there are fewer.

    Parameters
    ----------
    places : int array (k,)
        The rows, by their places in ``space``.
    others : float array (m, p), as ``space.code`` gives rows
    beyond : bool array (k, m)
    """
    out = np.full((len(places), most, space.X.shape[1]), np.nan)
    per = np.where(np.isfinite(space.per), space.per, 0.0)
    for i, place in enumerate(places):
        at = np.flatnonzero(beyond[i])
        with np.errstate(invalid="ignore"):  # infinite values: the same ones are not apart, others as far as can be
            off = np.abs(others[at] - space.X[place])
            off[:, ~space.number] = off[:, ~space.number] > 0
            cost = np.nan_to_num(off * per, nan=0.0, posinf=np.inf)
        near = at[np.argsort(cost.sum(axis=1), kind="stable")[:most]]
        out[i, : len(near)] = others[near]
    return out
