"""Analyses of many rows under a budget that may be too short: few rows first, then as many as fit, so that there is always what there is."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modelglass.analysis.budget import BudgetSpent, left, short
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.progress import Progress, span

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation
    from modelglass.analysis.registry import Analysis, Setting
    from modelglass.analysis.result import Result

SHARE = 0.5
"""Of the seconds left, where not all rows fit: others of the same budget need time, too."""
WORTH = 1.5
"""So many times as many rows are worth another run."""
MANY = 4
"""So many times the fewest rows are begun with few."""
OF_THE_DATA = ("rows", "ice")
"""Settings that count rows of the data, of which there may be fewer than asked for; others count what is drawn."""


def in_time(ev: Evaluation, analysis: Analysis, settings: Mapping[str, Any], progress: Progress | None) -> Result:
    """Compute an analysis; under a budget with few rows first, and with more as long as there is time.

    What a row costs is taken from the run before, so runs grow until all rows that were asked for are in, or no larger run fits. The
    result of the largest is given; where it is not of all rows, ``source.cut`` says so. Without a budget, and where no setting of the
    analysis says ``fewest``, it is computed once.

    Raises
    ------
    BudgetSpent
        Not even the first run was done in time.
    """
    function = analysis.function()
    takes = inspect.signature(function).parameters
    shortened = next((s for s in analysis.settings if s.fewest is not None), None)

    def compute(more: Mapping[str, int], low: float, high: float) -> Result:
        told = {"progress": span(progress, low, high)} if progress is not None and "progress" in takes else {}
        return function(ev, **{**settings, **told, **more})

    if left() is None or shortened is None or shortened.fewest is None:
        return compute({}, 0.0, 1.0)
    name, usual = shortened.name, takes[shortened.name].default
    wanted = settings.get(name, usual)
    if wanted is None and usual is not None:
        wanted = ev.n  # None means all rows, but for an analysis that decides itself
    if wanted is not None and name in OF_THE_DATA:
        wanted = min(wanted, ev.n)
    best: Result | None = None
    rows: int | None = shortened.fewest
    if wanted is not None and wanted < MANY * shortened.fewest:
        rows = None
    low = 0.0
    while True:
        began = time.monotonic()
        try:
            if rows is None:
                return compute({}, low, 1.0)
            found = compute({name: rows}, low, (1.0 + low) / 2)
        except BudgetSpent:
            if best is None:
                raise
            return _cut(best, shortened, wanted)
        except NotApplicable:
            if best is not None:
                raise
            return compute({}, low, 1.0)  # too few rows to say anything
        if name in OF_THE_DATA and found.settings[name] < rows:
            return found  # there are no more
        best, low = found, (1.0 + low) / 2
        more = _more(wanted, (time.monotonic() - began) / rows)
        if more is not None and more < WORTH * rows:
            return _cut(best, shortened, wanted)
        rows = more


def _more(wanted: int | None, each: float) -> int | None:
    """Give how many rows fit, of ``each`` so many seconds; None: all that are asked for, or nobody knows how many these are."""
    end = left()
    if end is None or wanted is None or each * wanted <= end[0]:
        return None
    return max(int(SHARE * end[0] / each), 0)


def _cut(result: Any, setting: Setting, wanted: int | None) -> Any:
    said = f"{setting.label}: {result.settings[setting.name]:,}{'' if wanted is None else f' instead of {wanted:,}'}"
    return replace(result, source=replace(result.source, cut=f"{said}{short()}."))
