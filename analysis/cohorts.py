"""From an Evaluation to another of the same model: a cohort, a sample, another threshold, other data, the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from modelglass.analysis import reserved
from modelglass.analysis.companions import WORDS
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.held import Held
from modelglass.analysis.joining import rest_of
from modelglass.analysis.selfcheck import Note


class Cohorts(Held):
    """The part of ``Evaluation`` that gives other Evaluations. Nothing is predicted again for rows that have their prediction."""

    def _view(self, **changes: Any) -> Self:
        view = type(self).__new__(type(self))
        state = {
            "threshold": self.threshold,
            "seed": self.seed,
            "rows": self._rows,
            "condition": self.condition,
            "sample": self._sample,
            "kept": None if "rows" in changes else self.keep,
            "noted": self._noted,
            "steps": self._steps,
        }
        view._become(self._shared, **{**state, **changes})
        return view

    # cohorts and settings --------------------------------------------------------------------------------------

    @property
    def whole(self) -> Self:
        """The same with all rows."""
        return self if self._rows is None else self._view(rows=None, condition=None, sample=None)

    def where(self, sql: str) -> Self:
        """Give the cohort of rows for which a SQL condition is true.

        Parameters
        ----------
        sql : str
            One expression over the columns, e.g. ``"sex = 'Female' AND age < 30"``. Missing makes it false.

            Beside the columns of the data it may name ``_outcome`` and ``_prediction`` (labels or values), ``_score`` (of the positive
            class; of several classes ``"_score:NAME"`` for each and ``_confidence``, that of the predicted one), ``_error`` (1 where
            wrong, 0 where right; of numbers prediction minus outcome) and ``_row`` (row number in the data as read, from 0). A column
            of the data that has such a name goes before, and ``notes`` say so. ``_prediction`` and ``_error`` are those at the
            operating threshold: ``with_threshold`` chooses the rows anew.

        Raises
        ------
        InputError
            Broken or forbidden SQL, an unknown column, or no rows.
        """
        mask = self._shared.mask(sql, self.threshold)
        rows = np.flatnonzero(mask) if self._rows is None else self._rows[mask[self._rows]]
        if not len(rows):
            raise InputError(
                "Expected a condition that some rows fulfil.",
                f"No row of {self.n:,} fulfils: {sql}",
                "Loosen the condition.",
            )
        end = "\n)" if "--" in f"{self.condition}{sql}" else ")"  # a comment ends with its line
        condition = sql if self.condition is None else f"({self.condition}{end} AND ({sql}{end}"
        return self._view(rows=rows, condition=condition, steps=self._with_step("where", sql))

    def rest(self) -> Self:
        """Give the rows that are not in this cohort: its condition is false for them, or missing values leave it open.

        Raises
        ------
        NotApplicable
            These rows are no cohort of a condition.
        InputError
            There are no others.
        """
        if self.condition is None or self._sample is not None:
            raise NotApplicable("these rows were not chosen by a condition, so there is no rest to compare them with")
        return self._view(rows=None, condition=None).where(rest_of(self.condition))

    @property
    def moves(self) -> bool:
        """Whether a moved threshold chooses these rows anew, because their condition names predictions or errors."""
        return any(self.follows_threshold(step[1]) for step in self._steps or () if step[0] == "where")

    def follows_threshold(self, sql: str) -> bool:
        """Whether a condition names predictions or errors, which are those at the operating threshold; errors as of ``where``."""
        return bool(self._shared.reads(sql) & reserved.DECIDED)

    def words(self) -> reserved.Words:
        """Give the names that conditions on outcome, prediction, score and error have for these data."""
        return reserved.Words(self._all)

    def _with_step(self, *step: Any) -> tuple[tuple[Any, ...], ...] | None:
        return None if self._steps is None else (*self._steps, step)

    def _again(self, whole: Self) -> Self:
        """Choose the rows anew, by the same conditions and samples of another whole."""
        for step in self._steps or ():
            whole = whole.where(step[1]) if step[0] == "where" else whole.sample(step[1], step[2])
        return whole

    def sample(self, n: int | None, seed: int | None = None) -> Self:
        """Draw ``n`` rows without replacement, stratified by outcome; all rows where there are no more, or for None. The source says so."""
        if n is None:
            return self
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise InputError("Expected a whole number of rows, at least one, as the sample.", f"Got {n!r}.")
        if n >= self.n:
            return self
        seed = self.seed_or(seed)
        rows = self.rows[_stratified(self.y, n, self.task, seed)]
        return self._view(rows=rows, sample=n, seed=seed, steps=self._with_step("sample", n, seed))

    def noted(self, notes: Sequence[Note]) -> Self:
        """Give the same with more notes, put first."""
        return self._view(noted=(*notes, *self._noted))

    def take(self, places: Any) -> Self:
        """Give the Evaluation of chosen rows, by their places in this one (0 to n - 1)."""
        return self._view(rows=self.rows[places], steps=None)

    def with_threshold(self, threshold: float | None, *, same_rows: bool = False) -> Self:
        """Give the same decided at another threshold; None: by the model's own predict. The model is not asked again.

        Parameters
        ----------
        threshold : float or None
        same_rows : bool
            Keep the rows of a cohort whose condition names predictions or errors, which otherwise moves with the threshold.

        Raises
        ------
        InputError
            A threshold that does not fit, or a cohort that has no rows there.
        """
        if same_rows or not self.moves:
            return self._view(threshold=threshold)
        return self._again(self.whole._view(threshold=threshold, seed=self.seed))

    # beside it -------------------------------------------------------------------------------------------------

    def on(self, part: str) -> Self:
        """Give the same model on other data, with the same threshold, roles and cohort condition.

        Parameters
        ----------
        part : {"train", "reference"}
            Predicted the first time it is asked for. A sample stays behind: these are all rows that fulfil the condition.

        Raises
        ------
        NotApplicable
            These data were not given, hold no target or no weights, or the condition does not hold for any of their rows.
        """
        other = type(self).__new__(type(self))
        other._become(self._shared.on(part), threshold=self.threshold, seed=self.seed)
        if self.condition is None:
            return other
        if reserved.ROW in self._shared.reads(self.condition):
            raise NotApplicable(f"the condition names rows by their number, and those of the {WORDS[part]} are others")
        try:
            return other.where(self.condition)
        except InputError as error:
            came = f" {error.came}" if error.came else ""
            raise NotApplicable(
                f"the condition cannot be applied to the {WORDS[part]}: {error.expected}{came}"
            ) from error

    def of_baseline(self) -> Self:
        """Give the baseline on the same rows, with the same threshold; predicted the first time it is asked for.

        Raises
        ------
        NotApplicable
            No baseline was given, or the threshold means nothing for it because it gives other scores.
        """
        shared = self._shared.of_baseline()
        if self.threshold is not None and shared.data.score_kind != self.score_kind:
            gives = {None: "no scores", "decision": "no probabilities"}.get(shared.data.score_kind, "probabilities")
            raise NotApplicable(
                f"the threshold of {self.threshold:g} cannot decide for the baseline, which gives {gives}"
            )
        other = type(self).__new__(type(self))
        state = {"rows": self._rows, "condition": self.condition, "sample": self._sample}
        other._become(shared, threshold=self.threshold, seed=self.seed, **state)  # type: ignore[arg-type]
        return other


def _stratified(y: np.ndarray, n: int, task: str, seed: int) -> np.ndarray:
    """Draw n places, each stratum in proportion: spread evenly over the rows shuffled within strata (ranks in regression)."""
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(y))
    order = shuffled[np.argsort(y[shuffled], kind="stable")]
    if task == "regression":
        starts = np.floor(np.arange(n) * len(y) / n).astype(np.int64)
        widths = np.append(starts[1:], len(y)) - starts
        places = starts + (rng.random(n) * widths).astype(np.int64)
    else:
        places = np.floor((np.arange(n) + rng.random()) * len(y) / n).astype(np.int64)
    return np.sort(order[places])
