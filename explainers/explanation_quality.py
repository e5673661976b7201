"""How far can the explanation be trusted? Shapley values put to five tests, each beside what chance alone would give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.curves import chosen_class
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.performance import check_level
from modelglass.analysis.plain import is_number
from modelglass.analysis.progress import Progress, blocks, span, tell
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.analysis.wording import percent
from modelglass.explainers import rows as shared
from modelglass.explainers.shapley_exact import Attribution, ExactWay
from modelglass.explainers.shapley_ways import HURRIED, Asked, checked, explained, gap_of, plan

LARGEST, BACKGROUND, EXACT_ROWS, SAMPLED_ROWS, MOST_ASKED = 3, 10, 200, 20, 200_000
CARRIED, NUDGE = 0.8, 0.05
POOL = 2_000
"""Rows of which each row gets background rows of its own: were they the same for all rows, no interval over rows would know what another
draw of them gives.
"""
TAKEN, KNOWN, STABLE, AGREES, COMPACT, ERROR = (
    "taken away", "known alone", "stable", "other method agrees", "columns needed", "sampling error",
)  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ExplanationQuality(Result):
    """Shapley values of some rows, put to the test.

    tests       aspect, estimate, low, high, n, chance (what random columns would give; NaN: no such number), note. All are shares:
                taken away   of rows whose answer moves more when the largest columns are taken away than random ones (deletion)
                known alone  of rows whose answer is nearer when only the largest columns are known than random ones (insertion)
                stable       of the largest columns that stay the largest when numbers change by a twentieth of their spread
                other method agrees   of the largest columns that are also largest when each column is replaced alone
                columns needed   of all columns, that carry 80 % of what moves the answer (compactness; small is good)
                sampling error   standard error over size, of the values; 0 where exact
    moved       mean change of the answer in its unit when the largest are taken away, and when random ones are
    largest     how many columns count as the largest
    additivity_gap   largest |base + sum - prediction|; scale, how, absent, reason as in ShapleyValues
    """

    tests: pd.DataFrame
    moved: tuple[float, float]
    largest: int
    rows: np.ndarray
    scale: str
    exact: bool
    how: str
    absent: str
    reason: str
    additivity_gap: float
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give aspect, estimate, low, high, n, chance, note."""
        return self.tests

    def of(self, aspect: str) -> pd.Series:
        """Give the row of one aspect."""
        return self.tests.set_index("aspect").loc[aspect]

    def sentence(self) -> str:
        """Say how far the explanation can be trusted."""
        taken, known, stable, agrees, compact = (self.of(a) for a in (TAKEN, KNOWN, STABLE, AGREES, COMPACT))
        many = f"the {self.largest} largest columns" if self.largest > 1 else "the largest column"
        good = all(_beyond(r) for r in (taken, known))
        opening = (
            "The explanation points at columns that matter"
            if good
            else "It is not sure that the explanation points at columns that matter more than others"
        )
        return (
            f"{opening}: taking away {many} moves the answer more than random ones in {percent(taken.estimate, taken.low, taken.high)} of "
            f"{rows_text(int(taken.n))} (chance: 50 %), and they alone bring it nearer in {percent(known.estimate, known.low, known.high)}. "
            f"{stable.estimate:.0%} of them stay when numbers change slightly, {agrees.estimate:.0%} are also found by replacing one column "
            f"at a time (chance: {agrees.chance:.0%}); {compact.estimate:.0%} of the columns carry {CARRIED:.0%} of it; {sampling(self)}."
        )


def explanation_quality(
    ev: Evaluation,
    *,
    rows: int | None = None,
    method: str = "auto",
    class_: Any = None,
    level: float = 0.95,
    seed: int | None = None,
    progress: Progress | None = None,
) -> ExplanationQuality:
    """Test the Shapley values that ``shapley_values`` gives.

    Deletion and insertion after Samek et al. (2017) and Petsiuk et al. (2018), with the mean over 10 background rows, drawn for each row
    anew, in place of what is taken away and random columns beside the largest; stability after Alvarez-Melis and Jaakkola (2018). The largest columns are the 3 of the largest
    |value| (fewer where there are fewer than 6 columns), of the class that the model likes best for the row.

    Parameters
    ----------
    rows : int, optional
        Rows tested, a stratified sample. Without it 200, fewer with many columns; 20 where the values are sampled.
    method : {"auto", "tree", "linear", "sampling"}
    class_ : label of a class, optional
        Of several classes this one, for all rows.
    level : float
        Of the intervals, over rows or clusters; none below 200 rows, where they do not hold their level.

    Raises
    ------
    NotApplicable
        Without a model; with one column only.
    """
    check_level(level)
    seed = checked(ev, method, rows, None, seed)
    p, group = len(ev.features), shared.group_of(ev, class_)
    if p < 2:
        raise NotApplicable("the model reads one column only, so no column is larger than another")
    asked = Asked(method=method, background=None, seed=seed)
    way, reason, _ = plan(ev, asked, rows, ev.n)
    fitting = max(SAMPLED_ROWS, MOST_ASKED // (BACKGROUND * (p + 4)))
    n = rows or (min(EXACT_ROWS, fitting) if way is not None else SAMPLED_ROWS)
    chosen = ev.sample(n)
    asked = replace(asked, in_time=4 * chosen.n)  # the rows and changed ones, in half of the time
    found, reason = explained(chosen, way, reason, asked, span(progress, 0.0, 0.25))
    largest = max(1, min(LARGEST, p // 2))
    again = nudged(chosen, found, way, asked, seed, span(progress, 0.25, 0.5))
    answers = Answers(chosen, group, seed, span(progress, 0.5, 1.0))
    tests, moved = _tests(chosen, found, again, answers, largest, level)
    return ExplanationQuality(
        tests=tests,
        moved=moved,
        largest=largest,
        rows=chosen.frame.index.to_numpy(),
        scale=shared.scale(ev),
        exact=found.error is None,
        how=found.how,
        absent=found.absent,
        reason=reason,
        additivity_gap=gap_of(found),
        source=replace(chosen.source, seed=seed),
        settings={
            "rows": chosen.n,
            "method": method,
            "background": found.background,
            "class_": chosen_class(class_),
            "level": level,
            "seed": seed,
        },
    )


def _beyond(test: Any) -> bool:
    return bool(test.low > test.chance if np.isfinite(test.low) else test.estimate > 0.7)


def sampling(result: Any) -> str:
    """Say what sampling leaves open in the values that an ``ExplanationQuality``, or one of a row, has tested."""
    if result.exact:
        return "nothing is sampled"
    only = f" against only {result.settings['background']} background rows, {HURRIED}," if HURRIED in result.how else ""
    return f"sampling{only} leaves an error of {result.of(ERROR).estimate:.0%} of a value"


def nudged(
    ev: Evaluation, found: Attribution, way: ExactWay | None, asked: Asked, seed: int, progress: Progress | None
) -> np.ndarray:
    """Explain the same rows again, their numbers changed by a twentieth of the column's spread; whole numbers stay whole."""
    frame, rng = ev.inputs().copy(), np.random.default_rng((seed, 20_021))
    whole = ev.whole.inputs()
    for j, name in enumerate(frame.columns):
        column = frame[name]
        if not is_number(column) or pd.api.types.is_bool_dtype(column.dtype):
            continue
        values, known = (c.to_numpy(dtype=float, na_value=np.nan) for c in (column, whole[name]))
        finite = known[np.isfinite(known)]
        spread = float(np.std(finite)) if len(finite) else 0.0  # an infinite value stays where it is
        moved = values + NUDGE * spread * rng.normal(size=len(frame))
        if pd.api.types.is_integer_dtype(column.dtype):
            moved = np.round(moved)
        moved = np.clip(moved, np.nanmin(known), np.nanmax(known)) if len(finite) else moved
        frame.isetitem(j, pd.Series(moved, index=column.index).astype(column.dtype))
    exact = way if found.error is None else None
    return explained(ev, exact, "", asked, progress, inputs=frame)[0].values


class Answers:
    """The model's answers to rows some of whose columns take the values of background rows, averaged over these.

    here    answers to the rows themselves, shape (n,); group: which class is meant for each row; seed: of all that is drawn

    With ``same`` all rows meet the same background rows, else each its own.
    """

    def __init__(
        self, ev: Evaluation, group: int | None, seed: int, progress: Progress | None, *, background: int = BACKGROUND,
        times: int | None = None, same: bool = False,
    ):  # fmt: skip
        self._ev, self.seed, self._progress, self._done = ev, seed, progress, 0
        inputs = ev.inputs()
        others = shared.background_of(ev, background if same else POOL, seed)
        self._stack, self._n, self._b = shared.Stack(inputs, others), len(inputs), min(background, len(others))
        rng = np.random.default_rng((seed, 20_022))
        own = np.arange(self._b) if same else rng.integers(len(others), size=(self._n, self._b))
        self._others = self._n + np.broadcast_to(own, (self._n, self._b)).ravel()
        out = shared.output(ev, inputs)
        self.group = out.argmax(axis=1) if group is None else np.full(len(inputs), group)
        self.here = out[np.arange(len(inputs)), self.group]
        self.total = times or len(ev.features) + 4

    def without(self, away: np.ndarray) -> np.ndarray:
        """Answer where away (n, p) marks the columns that are taken from the background; shape (n,)."""
        at = np.repeat(np.arange(self._n), self._b)
        got = np.empty(len(at))
        for part in blocks(len(at), start=256):
            choice = np.where(away[at[part]], self._others[part, None], at[part, None])
            got[part] = shared.output(self._ev, self._stack.rows(choice))[np.arange(len(choice)), self.group[at[part]]]
            tell(self._progress, (self._done + part.stop / len(at)) / self.total, "Testing the explanation")
        self._done += 1
        return got.reshape(self._n, self._b).mean(axis=1)


def largest_of(size: np.ndarray, m: int) -> np.ndarray:
    """Mark the m largest of each row of size (n, p)."""
    out = np.zeros(size.shape, dtype=bool)
    np.put_along_axis(out, np.argsort(-size, axis=1, kind="stable")[:, :m], True, axis=1)
    return out


def _tests(
    ev: Evaluation, found: Attribution, again: np.ndarray, answers: Answers, m: int, level: float
) -> tuple[pd.DataFrame, tuple[float, float]]:
    n, p = found.values.shape[:2]
    rows = np.arange(n)
    size, later = (np.abs(v[rows, :, answers.group]) for v in (found.values, again))
    top, drawn = largest_of(size, m), largest_of(np.random.default_rng(answers.seed).random((n, p)), m)
    taken, random_taken = (np.abs(answers.without(a) - answers.here) for a in (top, drawn))
    left, random_left = (np.abs(answers.without(~a) - answers.here) for a in (top, drawn))
    alone = np.column_stack(
        [np.abs(answers.without(np.arange(p)[None] == np.full((n, 1), j)) - answers.here) for j in range(p)]
    )
    same = (top & drawn).sum(axis=1) == m  # the random columns happen to be the largest: they say nothing
    columns = [
        np.where(same, 0.5, won(taken, random_taken)),
        np.where(same, 0.5, won(random_left, left)),
        (top & largest_of(later, m)).sum(axis=1) / m,
        (top & largest_of(alone, m)).sum(axis=1) / m,
        needed(size),
    ]
    estimate, low, high = shared.mean_interval(ev, np.column_stack(columns), level)
    error = 0.0 if found.error is None else _error(found.error[rows, :, answers.group], size, ev.weight)
    moved = tuple(float(np.average(x, weights=ev.weight)) for x in (taken, random_taken))
    nothing = np.nan
    few = "fewer than 200 rows: no interval" if np.isnan(low).all() else ""
    table = pd.DataFrame(
        {
            "aspect": [TAKEN, KNOWN, STABLE, AGREES, COMPACT, ERROR],
            "estimate": [*estimate, error],
            "low": [*np.maximum(low, 0.0), nothing],
            "high": [*np.minimum(high, 1.0), nothing],
            "n": n,
            "chance": [0.5, 0.5, m / p, m / p, nothing, nothing],
            "note": [few] * 5 + ["nothing was sampled" if found.error is None else "of a value, over its size"],
        }
    )
    return table, (moved[0], moved[1])


def needed(size: np.ndarray) -> np.ndarray:
    """Give the share of the columns, largest first, that carry 80 % of size (n, p); shape (n,)."""
    total = size.sum(axis=1)
    carried = np.cumsum(-np.sort(-size, axis=1), axis=1) < CARRIED * total[:, None] * (1 - 1e-12)
    return np.where(total > 0, (carried.sum(axis=1) + 1) / size.shape[1], 0.0)


def _error(error: np.ndarray, size: np.ndarray, weight: np.ndarray | None) -> float:
    """Give the root mean square of standard errors (n, p), NaN left out, over the mean size; rows count by their weight."""
    w = np.broadcast_to((np.ones(len(size)) if weight is None else weight)[:, None], size.shape)
    known = ~np.isnan(error)
    squares = float(w[known] @ error[known] ** 2) / max(float(w[known].sum()), 1e-300)
    return float(np.sqrt(squares) / max(float(np.average(size, weights=w)), 1e-300))


def won(more: np.ndarray, less: np.ndarray) -> np.ndarray:
    """1 where more is larger, 0 where smaller, a half where both are the same."""
    equal = np.isclose(more, less, rtol=1e-9, atol=1e-12)
    return np.where(equal, 0.5, (more > less).astype(float))
