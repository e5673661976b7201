"""The errors a person can meet, and nothing else.

::

    AnalysisError
    |-- InputError        the input or the call is wrong            (exit code 2)
    |   |-- MissingPackage    an optional package is not installed
    |   `-- GuestFailed       an analysis of another package failed
    |-- NotApplicable     "cannot say, because ...": an answer, not a failure
    |-- MachineError      memory, disk or an engine gave out        (exit code 3)
    `-- Stopped           the person asked for the work to stop
        `-- Enough            ... and wants what there is so far
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from modelglass.analysis.odd_signs import one_line, visible


class AnalysisError(Exception):
    """Any error modelglass raises on purpose. ``str(error)`` is meant for people."""


class InputError(AnalysisError):
    """The input or the call is wrong.

    Told in three beats: what was expected, what came, what to do next.

    Parameters
    ----------
    expected, came, todo : str
        One sentence each; they are joined with line breaks. ``todo`` may be empty. A line break or another control character
        within one (of a name, say) is written as an escape, so that each is one line.

    Attributes
    ----------
    refused : ``modelglass.analysis.refusals.Refused`` or None
        The changed row that a model raised an error on, kept so that it can be asked again; None where it is about something else.
    """

    refused: Any = None

    def __init__(self, expected: str, came: str = "", todo: str = ""):
        self.expected, self.came, self.todo = (visible(beat or "", keep="") for beat in (expected, came, todo))
        super().__init__("\n".join(beat for beat in (self.expected, self.came, self.todo) if beat))


class MissingPackage(InputError):
    """An optional package is needed and is not installed."""

    def __init__(self, package: str, reason: str, install: str):
        self.package = package
        super().__init__(f"{reason} needs the package {package}.", "It is not installed.", f"Install it: {install}")


class GuestFailed(InputError):
    """An analysis that another package declares failed; its own exception is the cause."""


class NotApplicable(AnalysisError):
    """The question cannot be answered here; ``reason`` completes "Cannot say, because ..."."""

    def __init__(self, reason: str):
        self.reason = visible(reason, keep="")
        super().__init__(f"Cannot say, because {self.reason}")


class MachineError(AnalysisError):
    """The machine could not: memory, disk, or an engine that was lost."""


class Stopped(AnalysisError):
    """Raised by a ``progress`` callback to end a piece of work cleanly."""


class Enough(Stopped):
    """Raised by a ``progress`` callback instead: a search that has found something gives that; all else ends as for ``Stopped``."""

    by = "person"


def nearest(name: str, known: Iterable[str], count: int = 1) -> list[str]:
    """Give the known names closest to ``name``, best first (empty where none is close).

    >>> nearest("incom", ["age", "income"])
    ['income']
    """
    known = [str(k) for k in known]
    by_lower = {k.lower(): k for k in known}
    wanted = str(name).lower()
    begins = [k for k in by_lower if len(wanted) > 1 and k.startswith(wanted)]
    close = difflib.get_close_matches(wanted, list(by_lower), n=count, cutoff=0.6)
    return [by_lower[c] for c in dict.fromkeys([*begins, *close])][:count]


def listed(names: Iterable[object], limit: int = 8) -> str:
    """Write names as a short list for a message, each on one line and very long ones without their middle.

    >>> listed(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    texts = [one_line(n) for n in names]
    if len(texts) <= limit:
        return ", ".join(texts)
    return f"{', '.join(texts[:limit])} and {len(texts) - limit:,} more"


def unknown_name(what: str, name: str, known: Iterable[str]) -> InputError:
    """Build the error for a name that does not exist, with the nearest that does."""
    known = [str(k) for k in known]
    close = nearest(name, known)
    hint = f"Did you mean {quoted(close[0])}?" if close else "Choose one of these."
    article = "an" if what[0] in "aeiou" else "a"
    return InputError(
        f"Expected the name of {article} {what}: {listed(known, 12)}.",
        f"Got {quoted(name)}, which is none of them.",
        hint,
    )


def quoted(name: object) -> str:
    """Write a name as Python quotes it, a very long one without its middle.

    >>> quoted("age")
    "'age'"
    """
    return one_line(repr(name))
