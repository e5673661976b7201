"""How far can the explanation of one row be trusted? Its largest columns against other sets of columns, and small changes of the row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.curves import chosen_class
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.given import whole
from modelglass.analysis.progress import Progress, span
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.explainers import rows as shared
from modelglass.explainers.explanation_quality import (
    AGREES,
    CARRIED,
    COMPACT,
    ERROR,
    KNOWN,
    LARGEST,
    STABLE,
    TAKEN,
    Answers,
    largest_of,
    needed,
    nudged,
    sampling,
    won,
)
from modelglass.explainers.shapley_ways import Asked, checked, explained, gap_of, plan

SETS, CHANGES, BACKGROUND = 200, 20, 50
"""Other sets of columns tried, small changes of the row, and background rows in place of what is taken away."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class ExplanationQualityRow(Result):
    """The Shapley values of one row, put to the test. Nothing is estimated over rows, so there are no intervals.

    tests       aspect, estimate, low, high (NaN), n, chance (what random columns would give; NaN: no such number), note. Aspects as in
                ``ExplanationQuality``; here
                taken away   share of other sets of as many columns whose absence moves the answer less (n: sets)
                known alone  share of other sets that alone leave the answer further away (n: sets)
                stable       of the largest columns that stay, over small changes of the row (n: changes)
    columns     the largest columns, largest first
    moved       change of the answer in its unit when the largest are taken away, and the mean of the other sets
    """

    tests: pd.DataFrame
    columns: tuple[str, ...]
    moved: tuple[float, float]
    row: int
    group: str
    scale: str
    exact: bool
    how: str
    additivity_gap: float
    source: Source
    settings: Mapping[str, Any]

    @property
    def largest(self) -> int:
        """How many columns count as the largest."""
        return len(self.columns)

    def frame(self) -> pd.DataFrame:
        """Give aspect, estimate, low, high, n, chance, note."""
        return self.tests

    def of(self, aspect: str) -> pd.Series:
        """Give the row of one aspect."""
        return self.tests.set_index("aspect").loc[aspect]

    def sentence(self) -> str:
        """Say how far the explanation of this row can be trusted."""
        taken, known, stable, agrees, compact = (self.of(a) for a in (TAKEN, KNOWN, STABLE, AGREES, COMPACT))
        names = ", ".join(self.columns)
        good = min(taken.estimate, known.estimate) > 0.8
        opening = f"points at columns that matter here ({names})" if good else (
            f"does not surely point at the columns that matter most here ({names})")  # fmt: skip
        return (
            f"Row {self.row}: the explanation {opening}: taking them away moves the answer more than {taken.estimate:.0%} of {int(taken.n)} "
            f"other sets of as many columns do, and they alone bring it nearer than {known.estimate:.0%} (chance: 50 %). "
            f"{stable.estimate:.0%} of them stay when the row's numbers change slightly, {agrees.estimate:.0%} are also found by replacing "
            f"one column at a time; {compact.estimate:.0%} of the columns carry {CARRIED:.0%} of it; {sampling(self)}."
        )


def explanation_quality_row(
    ev: Evaluation,
    *,
    row: Any,
    method: str = "auto",
    class_: Any = None,
    small_changes: int = CHANGES,
    seed: int | None = None,
    progress: Progress | None = None,
) -> ExplanationQualityRow:
    """Test the Shapley values of one row.

    As ``explanation_quality`` does over rows; here the row's largest columns stand against other sets of as many (all of them, or 200
    drawn), with 50 background rows in place of what is taken away, and the row is changed slightly 20 times (``small_changes``).

    Parameters
    ----------
    row : row number in the data (the frame's index)
    method : {"auto", "tree", "linear", "sampling"}
    class_ : label of a class, optional
        Of several classes; without it the one that the model likes best.

    small_changes : int
        How often the row is changed slightly, at least once.

    Raises
    ------
    NotApplicable
        Without a model; with one column only.
    """
    seed = checked(ev, method, None, None, seed)
    copied = whole(small_changes, "small_changes", 1)
    p, only, place = len(ev.features), shared.group_of(ev, class_), shared.row_place(ev, row)
    if p < 2:
        raise NotApplicable("the model reads one column only, so no column is larger than another")
    asked = Asked(method=method, background=None, seed=seed, in_time=2 * (1 + copied))  # in half of the time
    way, reason, _ = plan(ev, asked, 1, ev.n)
    one = ev.take([place])
    found, reason = explained(one, way, reason, asked, span(progress, 0.0, 0.2))
    copies = ev.take(np.full(copied, place))
    later = nudged(copies, found, way, asked, seed, span(progress, 0.2, 0.5))
    group = int(shared.output(ev, one.inputs())[0].argmax()) if only is None else only
    size = np.abs(found.values[0, :, group])
    m = max(1, min(LARGEST, p // 2))
    top = largest_of(size[None], m)
    tests, moved = _tests(ev, place, group, top, size, np.abs(later[:, :, group]), seed, span(progress, 0.5, 1.0))
    error = 0.0 if found.error is None else float(
        np.sqrt(np.nanmean(found.error[0, :, group] ** 2)) / max(size.mean(), 1e-300)
    )  # fmt: skip
    records = [
        *tests,
        (ERROR, error, p, np.nan, "of a value, over its size" if found.error is not None else "nothing was sampled"),
    ]
    table = pd.DataFrame(records, columns=["aspect", "estimate", "n", "chance", "note"])
    table.insert(2, "low", np.nan)
    table.insert(3, "high", np.nan)
    order = np.argsort(-size, kind="stable")[:m]
    return ExplanationQualityRow(
        tests=table,
        columns=tuple(str(ev.features[j]) for j in order),
        moved=moved,
        row=int(row),
        group=shared.groups(ev)[group],
        scale=shared.scale(ev),
        exact=found.error is None,
        how=found.how,
        additivity_gap=gap_of(found),
        source=replace(ev.source, seed=seed),
        settings={
            "row": int(row),
            "method": method,
            "background": found.background,
            "class_": chosen_class(class_),
            "small_changes": copied,
            "seed": seed,
        },
    )


def other_sets(top: np.ndarray, m: int, seed: int) -> np.ndarray:
    """Give other sets of m of p columns, bool (k, p): all but ``top`` (p,) where they are few, else 200 drawn."""
    p = len(top)
    if comb(p, m) <= SETS + 1:
        chosen = np.zeros((comb(p, m), p), dtype=bool)
        for i, members in enumerate(combinations(range(p), m)):
            chosen[i, list(members)] = True
    else:
        chosen = largest_of(np.random.default_rng((seed, 20_023)).random((SETS, p)), m)
    return chosen[(chosen != top).any(axis=1)]


def _tests(
    ev: Evaluation, place: int, group: int, top: np.ndarray, size: np.ndarray, later: np.ndarray, seed: int,
    progress: Progress | None,
) -> tuple[list[tuple[Any, ...]], tuple[float, float]]:  # fmt: skip
    p, m = len(size), int(top.sum())
    others = other_sets(top[0], m, seed)
    sets = np.concatenate([top, others])
    answers = Answers(
        ev.take(np.full(len(sets), place)), group, seed, progress, background=BACKGROUND, times=3, same=True
    )
    away, alone = (np.abs(answers.without(a) - answers.here) for a in (sets, ~sets))
    single = Answers(ev.take(np.full(p, place)), group, seed, None, background=BACKGROUND, times=1, same=True)
    each = np.abs(single.without(np.eye(p, dtype=bool)) - single.here)
    agree = float((top & largest_of(each[None], m)).sum() / m)
    stay = float((top & largest_of(later, m)).sum(axis=1).mean() / m)
    k = len(others)
    records = [
        (TAKEN, float(won(np.full(k, away[0]), away[1:]).mean()), k, 0.5, ""),
        (KNOWN, float(won(alone[1:], np.full(k, alone[0])).mean()), k, 0.5, ""),
        (STABLE, stay, len(later), m / p, ""),
        (AGREES, agree, p, m / p, ""),
        (COMPACT, float(needed(size[None])[0]), p, np.nan, ""),
    ]
    return records, (float(away[0]), float(away[1:].mean()))
