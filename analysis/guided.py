"""The search for cheapest changes with a model's own gradients beside it: whichever found the cheaper change of a row is kept."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelglass.analysis.budget import Spent
from modelglass.analysis.cheapest_change import Ask, Found, Searcher, search
from modelglass.analysis.errors import Enough, Stopped
from modelglass.analysis.gradients import Gradients
from modelglass.analysis.possible import Space
from modelglass.analysis.progress import Progress

FIRST = 0.15
"""Share of the time for the gradients at first, so that rows have a change where the time ends the search."""
CHEAPER = 1e-4
"""Relative difference from which a change counts as another one."""
QUESTIONS, GRADIENTS = "questions", "gradients"
"""What found a row's change: asking the model about changed rows, or where its gradients point."""


@dataclass(eq=False, kw_only=True, slots=True)
class Guided(Found):
    """The best of each row.

    by              what found it: "questions", "gradients" or "", (n,)
    no_gradients    why gradients took no part, completing "because ..."; '' where they did
    """

    by: np.ndarray
    no_gradients: str


def guided(
    space: Space,
    ask: Ask,
    gradients: Gradients | str,
    *,
    seed: int,
    seconds: float | None,
    progress: Progress | None,
    **settings: Any,
) -> Guided:
    """Search as ``search`` does; with gradients (no text that says why there are none) also by them, before it and from what it found.

    The search itself goes its way as without them, so that no row ends dearer for them (but for the time they take).
    """
    began = time.monotonic()
    if isinstance(gradients, str):
        found = or_stopped(search(space, ask, seed=seed, seconds=seconds, progress=progress, **settings))
        return _told(found, np.zeros(len(found.cost), bool), gradients)

    def left() -> float | None:
        return None if seconds is None else max(seconds - (time.monotonic() - began), 0.0)

    first = Searcher(space, ask, seed, None if seconds is None else FIRST * seconds, progress)
    first.now = (0.02, "along the model's gradients")
    try:
        gradients.propose(first)
        gradients.polish(first)
    except Spent:
        pass
    except Enough as end:
        first.found.ended, first.found.asked = end.by, first.found.asked + gradients.asked
        return _told(or_stopped(first.found), np.isfinite(first.found.cost), "")
    found = search(space, ask, seed=seed, seconds=left(), progress=progress, **settings)
    questions = found.cost.copy()
    cheaper = first.found.cost < found.cost
    found.best[cheaper], found.cost[cheaper] = first.found.best[cheaper], first.found.cost[cheaper]
    last = Searcher(space, ask, seed, left(), progress)
    last.found, last.now = found, (0.98, "along the model's gradients")
    try:
        if not found.ended:
            gradients.polish(last)
    except (Spent, Enough) as end:
        found.ended = end.by
    found.asked += first.found.asked + gradients.asked
    or_stopped(found)
    return _told(found, found.cost < questions * (1 - CHEAPER), "")


def or_stopped(found: Found) -> Found:
    """Give what was found; where a person ended the search before there was anything, the work is stopped.

    Raises
    ------
    Stopped
        Nothing was found until then.
    """
    if found.ended == Enough.by and not np.isfinite(found.cost).any():
        raise Stopped("Stopped.")
    return found


def _told(found: Found, cheaper: np.ndarray, why: str) -> Guided:
    by = np.where(cheaper, GRADIENTS, np.where(np.isfinite(found.cost), QUESTIONS, ""))
    return Guided(
        best=found.best, cost=found.cost, alone=found.alone, asked=found.asked, rounds=found.rounds, ended=found.ended, by=by, no_gradients=why
    )  # fmt: skip
