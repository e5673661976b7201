"""A budget of seconds for analyses: what is not done by then is left out, and its outcome says so."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from modelglass.analysis.errors import Stopped
from modelglass.analysis.progress import Progress, tell

_END: ContextVar[tuple[float, float] | None] = ContextVar("budget", default=None)


class BudgetSpent(Stopped):
    """The seconds given are over. ``reason`` completes "Cannot say, because ..."."""

    def __init__(self, seconds: float):
        self.reason = f"the budget of {seconds:g} s was spent before this was done; give more with --budget"
        super().__init__(self.reason)


@contextmanager
def within_budget(seconds: float | None) -> Iterator[None]:
    """Let all analyses that run inside take so many seconds together; None: as long as they need.

    An analysis that tells of its progress is stopped between two blocks of its work; one that is done at once is finished.
    """
    token = _END.set(None if seconds is None else (time.monotonic() + seconds, seconds))
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
