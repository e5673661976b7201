"""The shuffles behind permutation importance: which columns are shuffled, one round after the other, until their order is settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from modelglass.analysis.budget import BudgetSpent, left
from modelglass.analysis.errors import InputError
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.known_features import known_features
from modelglass.analysis.metrics import Metric
from modelglass.analysis.paired import Tally, influence_of
from modelglass.analysis.progress import Progress, span, tell
from modelglass.explainers.going_together import going_together
from modelglass.explainers.reshuffled import Reshuffled, reshuffled
from modelglass.explainers.strata import strata_of, within

APART, LITTLE, NEGLIGIBLE = 2.0, 0.1, 0.01
"""Neighbours are settled where they differ by so many standard errors of the shuffles, where the shuffles add this share of the variance
of their difference, or where both lose less than this share of the largest loss."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Part:
    """Columns shuffled in one order. why: "" (a single column), "given" or "go together"; weakest: association of the least associated pair."""

    columns: tuple[str, ...]
    why: str = ""
    weakest: float = np.nan
    label: str = ""

    @property
    def name(self) -> str:
        """What it is called: its columns, or the name given."""
        return self.label or " + ".join(self.columns)


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Shuffled:
    """What came of shuffling: a tally for each part, shuffles made, neighbours not settled, and (codes, explained) of each part's strata."""

    parts: Sequence[Part]
    tallies: Sequence[Tally]
    made: int
    unsettled: tuple[tuple[str, str], ...]
    strata: Sequence[tuple[np.ndarray, float]]
    how: str


def parts_of(ev: Evaluation, names: Sequence[str], groups: Any, together: float | None) -> list[Part]:
    """Give single columns, given groups, and groups of columns that go together.

    Raises
    ------
    InputError
        A group of unknown columns or of fewer than two, or an association out of range.
    """
    if together is not None and not 0 < together <= 1:
        raise InputError("Expected an association above 0 and up to 1.", f"Got together={together!r}.")
    made = [Part(columns=(name,)) for name in names]
    for label, columns in _given(groups):
        known = tuple(dict.fromkeys(known_features(ev, columns)))
        if len(known) < 2:
            raise InputError("Expected groups of at least two columns.", f"Got {list(known)}.")
        made.append(Part(columns=known, why="given", label=label))
    known_groups = {frozenset(p.columns) for p in made}
    for group in going_together(ev, together) if together is not None else ():
        inside = frozenset(group.columns)
        if inside not in known_groups and inside <= set(names):
            made.append(Part(columns=group.columns, why="go together", weakest=group.weakest))
    return made


def _given(groups: Any) -> list[tuple[str, list[str]]]:
    if groups is None or not len(groups):
        return []
    if isinstance(groups, str):
        return [("", [name.strip() for name in part.split("+")]) for part in groups.split(";") if part.strip()]
    if isinstance(groups, Mapping):
        return [
            (str(label), [columns] if isinstance(columns, str) else list(columns)) for label, columns in groups.items()
        ]
    if all(isinstance(g, str) for g in groups):
        raise InputError(
            "Expected groups as a list of lists of columns.", f"Got {list(groups)}.", "Write [['a', 'b']]."
        )
    return [("", [columns] if isinstance(columns, str) else list(columns)) for columns in groups]


def shuffled(
    ev: Evaluation,
    metric: Metric,
    parts: Sequence[Part],
    n_repeats: int,
    settle: bool,
    conditional: bool,
    class_: Any,
    seed: int,
    progress: Progress | None,
) -> Shuffled:
    """Shuffle each part up to ``n_repeats`` times, all parts once before any twice; see ``permutation_importance``."""
    judge = reshuffled(ev, class_)
    strata = _strata(ev, parts, span(progress, 0.0, 0.1)) if conditional else []
    before = influence_of(metric, judge.clean)
    codes: list[np.ndarray | None] = [s for s, _ in strata] if conditional else [None] * len(parts)
    tallies = [Tally(metric, judge.clean, strata=s, before=before, seed=seed) for s in codes]
    draws = [_rng(ev, part, seed) for part in parts]
    low, made = (0.1 if conditional else 0.0), 0
    while made < n_repeats:
        share = [low + (1 - low) * (made + i) / n_repeats for i in (0, 1)]
        try:
            _round(ev, judge, parts, tallies, draws, codes, span(progress, *share))
        except BudgetSpent:
            if not made:
                raise
            progress = None  # the whole rounds are what there is
            break
        made += 1
        if settle and made > 1 and not unsettled(parts, tallies):
            break
    tell(progress, 1.0, "done")
    return Shuffled(
        parts=parts, tallies=tallies, made=made, unsettled=unsettled(parts, tallies), strata=strata, how=judge.how
    )


def _strata(ev: Evaluation, parts: Sequence[Part], progress: Progress | None) -> list[tuple[np.ndarray, float]]:
    found = []
    for i, part in enumerate(parts):
        tell(progress, i / len(parts), f"rows alike in what the others say of {part.name}")
        found.append(strata_of(ev, part.columns))
    return found


def _rng(ev: Evaluation, part: Part, seed: int) -> np.random.Generator:
    """Give a part's own source of draws, so that its result does not depend on the others."""
    return np.random.default_rng((seed, 20_004, *(list(ev.features).index(name) for name in part.columns)))


def _round(
    ev: Evaluation,
    judge: Reshuffled,
    parts: Sequence[Part],
    tallies: Sequence[Tally],
    draws: Sequence[np.random.Generator],
    strata: Sequence[np.ndarray | None],
    progress: Progress | None,
) -> None:
    orders = [rng.permutation(ev.n) if s is None else within(s, rng) for rng, s in zip(draws, strata, strict=True)]
    found = judge.answers([part.columns for part in parts], orders, progress)
    answers = found if left() is None else list(found)  # a round that the time ends counts for no part
    for tally, order, rows in zip(tallies, orders, answers, strict=True):
        tally.add(rows, order)


def unsettled(parts: Sequence[Part], tallies: Sequence[Tally]) -> tuple[tuple[str, str], ...]:
    """Give neighbours in the order of single columns whose places more shuffles could change."""
    worse = -1.0 if tallies[0].metric.greater_is_better else 1.0
    single = [(worse * t.estimate, t, p.name) for p, t in zip(parts, tallies, strict=True) if len(p.columns) == 1]
    ranked = sorted(single, key=lambda one: -one[0])
    largest = max((abs(one[0]) for one in ranked), default=0.0)
    return tuple((a[2], b[2]) for a, b in pairwise(ranked) if not _settled(a, b, largest))


def _settled(a: tuple[float, Tally, str], b: tuple[float, Tally, str], largest: float) -> bool:
    if max(abs(a[0]), abs(b[0])) < NEGLIGIBLE * largest:
        return True
    doubt = a[1].doubt + b[1].doubt
    if not np.isfinite(doubt):
        return False
    if a[0] - b[0] > APART * np.sqrt(doubt):
        return a[1].sure and b[1].sure
    return doubt == 0 or (a[1].sure and doubt <= LITTLE * (a[1].variance()[0] + b[1].variance()[0]))
