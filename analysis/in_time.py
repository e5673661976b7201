"""Analyses of many rows under a budget that may be too short: few rows first, then as many as fit, so that there is always what there is."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modelglass.analysis.budget import BudgetSpent, fewer_than, left
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
CONSTANT = 0.95
"""Of a run's time, what may be the same however many rows there are, at most: asking a large forest costs as much for one row as for hundreds."""
GROWS = 10
"""So many times as many rows are tried next, at most, where calls are taken for a part of the cost: more rows may need more of them."""
MANY = 4
"""So many times the fewest rows are begun with few."""
OF_THE_DATA = ("rows", "ice")
"""Settings that count rows of the data, of which there may be fewer than asked for; others count what is drawn."""


def in_time(ev: Evaluation, analysis: Analysis, settings: Mapping[str, Any], progress: Progress | None) -> Result:
    """Compute an analysis; under a budget with few rows first, and with more as long as there is time.

    What a further row costs is taken from the runs before (from one alone: as if all its time were that of its rows), so runs grow until all
    rows that were asked for are in, or no larger run fits. The result of the largest is given; where it is not of all rows, ``source.cut``
    says so. Without a budget, and where no setting of the analysis says ``fewest``, it is computed once.

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
    low, ran = 0.0, list[tuple[int, float]]()
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
        ran.append((rows, time.monotonic() - began))
        more = _more(wanted, ran)
        if more is not None and more < WORTH * rows:
            return _cut(best, shortened, wanted)
        rows = more


def _more(wanted: int | None, ran: Sequence[tuple[int, float]]) -> int | None:
    """Give how many rows fit, after runs of so many rows and seconds; None: all that are asked for, or nobody knows how many these are."""
    end, (rows, took) = left(), ran[-1]
    if end is None or wanted is None or not took:
        return None
    each, most = took / rows, wanted
    if len(ran) > 1:
        fewer, less = ran[-2]
        each, most = max((took - less) / (rows - fewer), (1 - CONSTANT) * each), min(wanted, GROWS * rows)
    if took + each * (most - rows) > end[0]:
        return rows + int((SHARE * end[0] - took) / each)
    return None if most == wanted else most


def _cut(result: Any, setting: Setting, wanted: int | None) -> Any:
    cut = fewer_than(setting.label, result.settings[setting.name], wanted)
    return replace(result, source=replace(result.source, cut=cut))
