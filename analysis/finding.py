"""One finding: something wrong with model or data, in plain words, with the number it rests on."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.progress import Progress

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

Severity = Literal["high", "medium", "low"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What a ``find`` function of the registry returns.

    kind        what kind of thing it is, one word or two joined by _: "weak_slice", "leak", "duplicates" ...
    severity    "high": likely to change a release decision; "medium": worth a look before release; "low": good to know
    sentence    the finding in plain words, with its n
    where       SQL condition that selects the rows concerned; None: all rows, or columns rather than rows
    features    columns concerned
    estimate, low, high   the number it rests on, with its interval; NaN where there is none
    n           rows the number rests on
    p_adjusted  adjusted over what this ``find`` looked at; NaN where nothing was tested (a count of duplicates, say)
    evidence    name of the analysis that shows it; settings: how that analysis must be set to show it
    advice      what could be done
    harm        rank within a severity, larger first: about the share of rows times the size of what is wrong
    """

    kind: str
    severity: Severity
    sentence: str
    n: int
    evidence: str
    advice: str
    where: str | None = None
    features: tuple[str, ...] = ()
    estimate: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p_adjusted: float = math.nan
    settings: Mapping[str, Any] = field(default_factory=dict)
    harm: float = 0.0


class Budget:
    """How long a ``find`` function may take, how many rows it may use, and where it tells of its progress.

    Attributes
    ----------
    seconds : float
        Of this function; ``left()`` tells what remains.
    rows : int
        At most so many rows where the work grows with rows and the model must be asked. It follows from the settings alone, not from the
        time that others took, so that the same call looks at the same rows.
    progress : callable or None
        To be handed to the analysis behind; an exception it raises stops the work.
    used : int or None
        Rows that were looked at, set by the function where it did not use all.
    note : str
        What was left out although it ran, set by the function where its time was too short for all of it, or part of it cannot be told.
    """

    def __init__(self, seconds: float, rows: int = 20_000, progress: Progress | None = None):
        self.seconds, self.rows, self.progress = float(seconds), int(rows), progress
        self.used: int | None = None
        self.note = ""
        self._ends = time.monotonic() + self.seconds

    def left(self) -> float:
        """Give the seconds that remain, at least 0."""
        return max(self._ends - time.monotonic(), 0.0)


def model_decides(ev: Evaluation) -> None:
    """Refuse to look at decisions under changed inputs where there are none.

    Raises
    ------
    NotApplicable
        Only predictions were given, or the outcome is a number.
    """
    if ev.model is None:
        raise NotApplicable("there are predictions only, and no model that could be asked about changed rows")
    if ev.task == "regression":
        raise NotApplicable("the outcome is a number, and only decisions turn over")
