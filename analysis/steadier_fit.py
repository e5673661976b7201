"""Fitted with small errors in training, too, would the same kind of model be steadier, and what would that cost?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.augmented import STRENGTH, Errors, Maker, checked, copied
from modelglass.analysis.changed_answers import inside
from modelglass.analysis.constraints import constraints as found_constraints
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.estimates_values import mean_of
from modelglass.analysis.given import whole
from modelglass.analysis.groups import Groups, Rows
from modelglass.analysis.performance import check_level
from modelglass.analysis.possible import Space
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.ranking import one
from modelglass.analysis.refitting import Refitter, training
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.analysis.wording import ranged, say

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

ROWS, TRAIN_ROWS, DRAWS = 5_000, 20_000, 4
CHANGE, RIGHT, STEADY = "changed by the errors", "right without them", "right and steady"
MOVE, ERROR, WITH = "move by the errors", "absolute error without them", "absolute error with them"


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class SteadierFit(Result):
    """Two fits of the same kind of model, one with erroneous copies of its training rows added, judged on the same rows.

    table       measure (classes: "changed by the errors", "right without them", "right and steady": decided rightly, and so still with the
                errors, shares of decisions; numbers: "move by the errors", "absolute error without them", "absolute error with them", in the
                outcome's unit), now (fitted here as it was), then (fitted with the copies too), estimate (then minus now), low, high
                (interval of the mean paired difference over rows or clusters, the two fits as they are), n
    trained, added  training rows used, and copies added to them
    """

    table: pd.DataFrame
    trained: int
    added: int
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row for each measure."""
        return self.table

    def sentence(self) -> str:
        """Say what the errors do to either fit, and what the steadier one costs."""
        first, second, third = self.table.itertuples()
        share = self.source.task != "regression"

        def size(value: float) -> str:
            return f"{value:.1%}" if share else say(value)

        def gone(row: Any) -> str:
            ends = (100 * row.estimate, 100 * row.low, 100 * row.high) if share else (row.estimate, row.low, row.high)
            return f"from {size(row.now)} to {size(row.then)} (by {ranged(*ends)}{' points' if share else ''})"

        settings = self.settings
        what = ", ".join(
            filter(
                None,
                [
                    f"noise of {settings['noise']:g} spreads" if settings["noise"] else "",
                    f"{settings['missing']:.0%} of values missing" if settings["missing"] else "",
                    f"rounding to {settings['digits']} leading digits" if settings["digits"] else "",
                ],
            )
        )
        on = ", ".join(settings["features"][:4]) + (" and others" if len(settings["features"]) > 4 else "")
        doing = "decisions that such errors change go" if share else "the mean move of predictions by such errors goes"
        clean, both = ("right decisions without errors", "decisions right with and without") if share else ("the absolute error without errors", "that with them")  # fmt: skip
        verb = "go" if share else "goes"
        return (
            f"With {rows_text(self.added)} added to {rows_text(self.trained)} of training ({what} on {on}), {doing} {gone(first)}; {clean} {verb} {gone(second)}, "
            f"{both} {gone(third)}; judged on {rows_text(int(first.n))}. Both fits were made here, of the model's kind; another fit would differ, and by how "
            "much the intervals do not hold."
        )


def steadier_fit(
    ev: Evaluation,
    *,
    features: Any = None,
    noise: float = STRENGTH,
    missing: float = 0.0,
    digits: int | None = None,
    where: str | None = None,
    copies: int = 1,
    draws: int = DRAWS,
    constraints: Any = None,
    train_rows: int | None = TRAIN_ROWS,
    rows: int | None = ROWS,
    level: float = 0.95,
    seed: int | None = None,
    progress: Progress | None = None,
) -> SteadierFit:
    """Fit the model again, with and without ``augmented`` training rows, and put the same kind of errors into the evaluation rows.

    Parameters
    ----------
    features, noise, missing, digits, where, copies, constraints
        As in ``augmented``.
    draws : int
        How often each evaluation row gets errors.
    train_rows, rows : int or None
        Rows fitted on and judged on, stratified samples; None: all.
    level : float
        Of the interval over rows; it does not hold what another training sample would change.

    Raises
    ------
    NotApplicable
        Without training data with the target, where no row can change, or where the model cannot be fitted again.
    InputError
        As ``augmented``; a number of draws that is none.
    """
    errors = checked(ev, features, noise, missing, digits, copies)
    whole(draws, "draws", 1)
    level, seed = check_level(level), ev.seed_or(seed)
    train, rules = training(ev).sample(train_rows), found_constraints(ev, given=constraints)
    (chosen, called), (own, _) = inside(ev.sample(rows), rules), inside(train.where(where) if where else train, rules)
    judge, more = Refitter(chosen, train), copied(own, rules, errors, copies, seed)
    tell(progress, 0.0, "fitting as it was")
    plain = judge.fitted(judge.inputs, judge.y, "as it was")
    tell(progress, 0.3, "fitting with errors in training")
    y_own = judge.y[np.isin(train.rows, own.rows)]
    inputs = pd.concat([judge.inputs, *(frame[list(ev.features)] for frame, _ in more)], ignore_index=True)
    y = np.concatenate([judge.y, *(y_own[at] for _, at in more)])
    steady = judge.fitted(inputs, y, "with errors in training")
    tell(progress, 0.7, "judging")
    clean = [judge.judged(m, chosen.inputs()) for m in (plain, steady)]
    noisy = _noisy(judge, (plain, steady), chosen, Space(rules, chosen.inputs()), errors, draws, seed, progress)
    tell(progress, 1.0, "done")
    return SteadierFit(
        table=measured(clean[0], clean[1], noisy[0], noisy[1], level=level),
        trained=train.n,
        added=len(y) - train.n,
        source=chosen.source,
        settings={
            "features": list(errors.features), "noise": noise, "missing": missing, "digits": digits, "where": where or None, "copies": copies, "draws": draws,
            "constraints": called, "train_rows": train.n, "rows": chosen.n, "level": level, "seed": seed,
        },
    )  # fmt: skip


def _noisy(
    judge: Refitter, models: tuple[Any, Any], ev: Evaluation, space: Space, errors: Errors, draws: int, seed: int, progress: Progress | None
) -> tuple[list[Rows], list[Rows]]:  # fmt: skip
    """Judge the rows with errors, other ones than those in training, by both fits, draw by draw."""
    maker: Maker = Maker(ev, space, errors)
    found: tuple[list[Rows], list[Rows]] = ([], [])
    for i in range(draws):
        columns, _ = maker.draw(seed + 104_729 + 7_919 * i)
        frame = space.frame.assign(**columns)
        for kept, model in zip(found, models, strict=True):
            kept.append(judge.judged(model, frame))
        tell(progress, 0.7 + 0.3 * (i + 1) / (draws + 1), f"judging, draw {i + 1} of {draws}")
    return found


def measured(
    now: Rows, then: Rows, noisy_now: list[Rows], noisy_then: list[Rows], *, level: float = 0.95
) -> pd.DataFrame:
    """Give the table from the rows as two fits judge them (``groups.Rows``), and from their answers in each draw of errors."""
    before, after = (_of(rows, draws) for rows, draws in ((now, noisy_now), (then, noisy_then)))
    weight = np.ones(len(now.y)) if now.weight is None else now.weight
    records = []
    names = (MOVE, ERROR, WITH) if now.task == "regression" else (CHANGE, RIGHT, STEADY)
    for name, a, b in zip(names, before, after, strict=True):
        groups = Groups(now, np.zeros(len(a), np.int64), 1)
        estimate, low, high = one(mean_of(groups, b - a, level))
        means = (float(np.average(v, weights=weight)) for v in (a, b))
        records.append((name, *means, estimate, low, high, len(a)))
    return pd.DataFrame(records, columns=["measure", "now", "then", "estimate", "low", "high", "n"])


def _of(rows: Rows, draws: list[Rows]) -> np.ndarray:
    """Give of each row the three measures, mean over draws, float64 (3, n)."""
    if rows.task == "regression":
        error = [np.abs(r.predicted - r.y) for r in (rows, *draws)]
        move = np.mean([np.abs(d.predicted - rows.predicted) for d in draws], axis=0)
        return np.array([move, error[0], np.mean(error[1:], axis=0)], dtype=float)
    held = np.mean([d.predicted == rows.predicted for d in draws], axis=0)
    right = rows.predicted == rows.y
    return np.array([1 - held, right, right * held], dtype=float)
