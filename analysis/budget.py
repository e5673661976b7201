"""A budget of seconds for analyses: what is not done by then is left out, and its outcome says so."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from modelglass.analysis.errors import InputError, Stopped
from modelglass.analysis.progress import Progress, tell

_END: ContextVar[tuple[float, float] | None] = ContextVar("budget", default=None)


class BudgetSpent(Stopped):
    """The seconds given are over. ``reason`` completes "Cannot say, because ..."."""

    def __init__(self, seconds: float):
        self.reason = f"the budget of {seconds:g} s was spent before this was done; give more with --budget"
        super().__init__(self.reason)


class Spent(Exception):
    """Raised inside a search when its own time is over; it gives the best so far."""

    by = "time"


def checked_seconds(seconds: Any, *, or_none: bool = False, name: str = "a budget") -> float:
    """Check a budget: a number of seconds above 0, or 0 where ``or_none`` lets a caller ask for nothing.

    Raises
    ------
    InputError
        No number, not finite (NaN compares with nothing and would be no limit), negative, or 0.
    """
    if (
        isinstance(seconds, (bool, np.bool_))
        or not isinstance(seconds, (int, float, np.integer, np.floating))
        or not math.isfinite(seconds)
        or seconds < 0
        or (seconds == 0 and not or_none)
    ):
        least = "of 0 seconds or more" if or_none else "above 0 seconds"
        raise InputError(f"Expected {name} {least}.", f"Got {seconds!r}.", "Give a number of seconds such as 30.")
    return float(seconds)


def left() -> tuple[float, float] | None:
    """Give the seconds that are left, and those that were given; None where there is no budget."""
    end = _END.get()
    return None if end is None else (end[0] - time.monotonic(), end[1])


def short() -> str:
    """Say why something was left out, to follow it: ", because the budget ..."; "" where there is no budget."""
    end = _END.get()
    return "" if end is None else f", because the budget of {end[1]:g} s was short; give more with --budget"


def fewer_than(label: str, done: int, wanted: int | None) -> str:
    """Say, as a sentence, of how many rows or samples a short budget left a result; None: nobody knows how many all are."""
    return f"{label}: {done:,}{'' if wanted is None else f' instead of {wanted:,}'}{short()}."


@contextmanager
def part_of_budget(share: float) -> Iterator[None]:
    """Let what runs inside take a share of the seconds that are left, so that others have some, too."""
    end = left()
    with within_budget(None) if end is None else within_budget(end[1], left=share * end[0]):
        yield


@contextmanager
def within_budget(seconds: float | None, left: float | None = None) -> Iterator[None]:
    """Let all analyses that run inside take so many seconds together; None: as long as they need.

    ``left``: what is left of them, where some were spent elsewhere.

    An analysis that tells of its progress is stopped between two blocks of its work; one that is done at once is finished.

    Raises
    ------
    InputError
        No budget at all, see ``checked_seconds``.
    """
    if seconds is None:
        end = None
    else:
        whole = checked_seconds(seconds)
        end = (time.monotonic() + (whole if left is None else left), seconds)
    token = _END.set(end)
    try:
        yield
    finally:
        _END.reset(token)


def check_budget() -> None:
    """Raise ``BudgetSpent`` where the seconds are over."""
    end = _END.get()
    if end is not None and time.monotonic() > end[0]:
        raise BudgetSpent(end[1])


def watched(progress: Progress | None) -> Progress | None:
    """Give a progress that also ends the work when the budget is spent."""
    if _END.get() is None:
        return progress

    def tells(share: float, what: str) -> None:
        check_budget()
        tell(progress, share, what)

    return tells
