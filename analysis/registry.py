"""Analyses declare themselves here; pages, report, command line and notebook are read from these records."""

from __future__ import annotations

import importlib
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Literal

from modelglass.analysis.budget import BudgetSpent, check_budget, watched
from modelglass.analysis.errors import AnalysisError, GuestFailed, InputError, NotApplicable, listed, unknown_name
from modelglass.analysis.in_time import in_time
from modelglass.analysis.progress import Progress, heard
from modelglass.analysis.result import Result

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

GROUP = "modelglass.analyses"
Task = Literal["binary", "multiclass", "regression"]
ALL_TASKS: frozenset[str] = frozenset({"binary", "multiclass", "regression"})
CLASSIFICATION: frozenset[str] = frozenset({"binary", "multiclass"})
Kind = Literal[
    "integer",
    "number",
    "choice",
    "flag",
    "column",
    "columns",
    "feature",
    "features",
    "metric",
    "metrics",
    "class",
    "row",
    "text",
]

OUTCOMES = {"binary": "one of two classes", "multiclass": "one of more than two classes", "regression": "a number"}
LACKING = {
    "train": "no training data were given (--train DATA)",
    "reference": "no earlier data were given (--reference DATA)",
    "baseline": "no other model was given (--baseline MODEL)",
    "quantiles": "no promised quantiles were given (--quantile 0.05=COLUMN)",
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One thing a person may set: drawn as a widget, read from the command line, named in the report.

    kind        what it is: a number with a range, a choice, a column of the data, a feature the model reads, a metric, a row ...
    default     used where nothing is given; None means the analysis decides and says how
    low, high, step   range of an integer or number
    choices     values of a choice
    words       what a choice is called on a page, for those whose value is no plain word
    crossed     columns that may be crossed, as "a*b"
    label, help plain words for the widget
    file        a text that on the command line may stand in a .yaml file; pages and links never read files
    empty       what holds where nothing is chosen, in a word or few, or that for each task; without it what ``help`` says after "empty:"
    tasks       the tasks it means something in; empty: all of the analysis
    fewest      of a number of rows or samples: where a budget is short, so few are used rather than none, and it is said
    """

    name: str
    kind: Kind
    default: Any = None
    low: float | None = None
    high: float | None = None
    step: float | None = None
    choices: tuple[Any, ...] = ()
    words: Mapping[Any, str] = field(default_factory=dict)
    crossed: bool = False
    label: str = ""
    help: str = ""
    empty: str | Mapping[str, str] = ""
    tasks: frozenset[str] = frozenset()
    file: bool = False
    fewest: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Analysis:
    """One analysis, as pages, report, command line and notebook see it.

    name        the function's name, and the name everywhere
    title       a heading for people; question: the question it answers, one sentence
    page        page group: "overview", "slices", "curves", "residuals", "errors", "importance", "effects", "row",
                "sensitivity", or any other word, which makes a page of its own
    compute     "package.module:function", called as ``function(ev, **settings)``; it takes ``progress`` where cost is not "instant"
    tasks       the tasks it fits
    cost        "instant" (under a second at 100,000 rows), "seconds" or "minutes"
    settings    what a person may set
    report      False keeps it out of the HTML report (one-row analyses, say)
    raw_rows    its table lists rows of the data: kept out of the report unless rows are asked for
    order       place on its page, small first
    reads_threshold  whether the operating threshold changes its numbers: "always", "never" (it describes the model's output, before
                any decision), or "metric" (only where a metric is chosen in its settings)
    asks_model  whether its work, or what it finds, asks the model again; False: it counts in the answers that are there, so that another
                threshold costs nothing
    needs_cohort  it compares a cohort with the rest: the report and the pages run it on cohorts only
    needs       what must be given beside the data ("train", "reference", "baseline", "quantiles"); without it a page says so in one line
    asks        a setting without which there is no answer: until it is chosen, a page shows no more than that setting
    keeps_best  stopped by a person it gives the best so far (``Enough``), where there is any
    find        later: "package.module:function" that returns findings
    """

    name: str
    title: str
    question: str
    page: str
    compute: str
    tasks: frozenset[str] = ALL_TASKS
    cost: Literal["instant", "seconds", "minutes"] = "instant"
    settings: tuple[Setting, ...] = ()
    report: bool = True
    raw_rows: bool = False
    order: int = 50
    reads_threshold: Literal["always", "metric", "never"] = "always"
    asks_model: bool = True
    needs_cohort: bool = False
    needs: Literal["", "train", "reference", "baseline", "quantiles"] = ""
    asks: str = ""
    keeps_best: bool = False
    find: str | None = None

    def function(self) -> Callable[..., Result]:
        """Import and give the compute function."""
        module, _, attribute = self.compute.partition(":")
        return getattr(importlib.import_module(module), attribute)


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Outcome:
    """What came of running an analysis: a result, or the reason why there is none ("Cannot say, because ...")."""

    analysis: Analysis
    result: Result | None = None
    reason: str | None = None


@cache
def analyses() -> Mapping[str, Analysis]:
    """Give every declared analysis by name, in the order of pages.

    A package that cannot be loaded is left out and logged: one broken guest must not close the house.
    """
    found: dict[str, Analysis] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda p: (not p.value.startswith("modelglass."), p.name)):
        try:
            declared = point.load()
            records = [declared] if isinstance(declared, Analysis) else list(declared)
        except Exception as error:  # noqa: BLE001  a guest may fail in any way
            log.warning("The analyses of %r could not be loaded: %s", point.value, error)
            continue
        strange = [record for record in records if not isinstance(record, Analysis)]
        if strange:
            log.warning(
                "Of what %r declares, %d are no Analysis and left out, as %.80r.", point.value, len(strange), strange[0]
            )
        for record in (r for r in records if isinstance(r, Analysis)):
            if record.name in found:
                log.warning(
                    "The analysis %r of %r is already declared; the first one stands.", record.name, point.value
                )
            else:
                found[record.name] = record
    return dict(sorted(found.items(), key=lambda item: item[1].order))


def get(name: str) -> Analysis:
    """Give one analysis by name, or an error with the nearest name."""
    if name not in analyses():
        raise unknown_name("declared analysis", name, analyses())
    return analyses()[name]


def fitting(task: str, page: str | None = None) -> list[Analysis]:
    """Give the analyses that fit a task (on one page)."""
    return [a for a in analyses().values() if task in a.tasks and page in (None, a.page)]


def lacking(ev: Evaluation, analysis: Analysis) -> str | None:
    """Say what an analysis needs beside the data and was not given; None where nothing is lacking."""
    if not analysis.needs:
        return None
    given = getattr(ev, analysis.needs)
    return LACKING[analysis.needs] if given is None or (analysis.needs == "quantiles" and not given) else None


def run(ev: Evaluation, analysis: Analysis | str, *, progress: Progress | None = None, **settings: Any) -> Outcome:
    """Run one analysis; "cannot say" becomes an outcome, errors of the input stay errors.

    Raises
    ------
    InputError
        A setting that does not exist or is lacking, or input the analysis refuses.
    """
    record = get(analysis) if isinstance(analysis, str) else analysis
    known = [s.name for s in record.settings]
    for name in settings:
        if name not in known:
            raise (
                unknown_name(f"setting of {record.name}", name, known)
                if known
                else InputError(f"{record.name} takes no settings.", f"Got {name!r}.", "Leave it out.")
            )
    if ev.task not in record.tasks:
        return Outcome(
            analysis=record,
            reason=f"it needs an outcome that is {_outcomes(record.tasks)}, and here it is {OUTCOMES[ev.task]}",
        )
    listening, raised = heard(progress)
    try:
        with _guest(record, raised):
            _check_given(record, inspect.signature(record.function()).parameters, settings)
            check_budget()
            result = in_time(ev, record, settings, watched(None if progress is None else listening))
            if not isinstance(result, Result):
                raise TypeError(f"{record.compute} gave a {type(result).__name__} instead of a Result")
            return Outcome(analysis=record, result=result)
    except (NotApplicable, BudgetSpent) as answer:
        return Outcome(analysis=record, reason=answer.reason)


def _outcomes(tasks: frozenset[str]) -> str:
    """Say what the outcome is in these tasks.

    >>> _outcomes(CLASSIFICATION), _outcomes(frozenset({"regression"}))
    ('a class', 'a number')
    """
    return "a class" if tasks == CLASSIFICATION else " or ".join(said for t, said in OUTCOMES.items() if t in tasks)


@contextmanager
def _guest(record: Analysis, raised: list[BaseException]) -> Iterator[None]:
    """Tell the faults of another package's analysis as such; its refusals, what the caller's progress raised, and faults of ours stay what they are."""
    try:
        yield
    except (AnalysisError, MemoryError):
        raise
    except Exception as error:
        if record.compute.startswith("modelglass.") or any(error is one for one in raised):
            raise
        raise GuestFailed(
            f"Expected an answer of {record.name!r}, which {record.compute.partition(':')[0]} computes.",
            f"It failed: {type(error).__name__}: {str(error)[:200]}.",
            "The fault is that package's: update or remove it, or tell its authors.",
        ) from error


def _check_given(record: Analysis, takes: Mapping[str, inspect.Parameter], settings: Mapping[str, Any]) -> None:
    """Refuse a call without a setting that has no usual value, such as the row of an explanation of one row."""
    named = [p for p in list(takes.values())[1:] if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    lacking = [p.name for p in named if p.default is p.empty and p.name not in settings]
    if lacking:
        raise InputError(
            f"Expected a value for {listed(lacking)}, without which {record.name} has no answer.",
            "None was given.",
            f"Give it: --set {lacking[0]}=... (in Python: {lacking[0]}=...).",
        )
