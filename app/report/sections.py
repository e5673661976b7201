"""What the report is made of: groups of sections, each with the outcome for all rows and for cohorts."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelglass.analysis.budget import part_of_budget, within_budget
from modelglass.analysis.errors import AnalysisError, MachineError, NotApplicable, Stopped
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.analysis.figures.html import clean, figure_html, shown, table_html
from modelglass.analysis.figures.marks import without_rows
from modelglass.analysis.progress import Progress, heard, span, tell
from modelglass.analysis.recipes import Recipe
from modelglass.analysis.registry import Analysis, Outcome, fitting
from modelglass.analysis.result import Result
from modelglass.app.engine import ahead, run

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

PAGES = {
    "overview": "Overview",
    "slices": "Slices",
    "curves": "Curves and thresholds",
    "residuals": "Residuals",
    "errors": "Errors",
    "map": "Map",
    "why": "Why here?",
    "importance": "What matters",
    "effects": "Effects",
    "row": "One prediction",
    "sensitivity": "Sensitivity",
}
"""Page groups in the order of reading; any other group follows under its own name."""
FAILED, GAVE_OUT = "This failed.", "The machine could not."
"""What stands before the reason of a section that is missing for another cause than its question."""
PATIENCE = 2
"""Sections in which the machine may give out before nothing long is tried any more."""
SHARE = 0.5
"""Of the seconds left of a budget, what a longer analysis takes at most that takes no fewer rows of its own accord: others need time, too."""
ROW_COLUMNS = frozenset({"row", "row_number", "row_id"})
"""A table with one of these columns lists rows of the data."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Cohort:
    """The rows one column of the report is about: a label for people, and the evaluation of these rows."""

    label: str
    ev: Evaluation


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Block:
    """One outcome as the report shows it; ``*_html`` is escaped; ``reason`` says why there is none, ``failed`` what gave way.

    ``beside``: more tables as HTML, by their headings.
    """

    label: str
    reason: str | None = None
    failed: str = ""
    sentence: str = ""
    chart_html: str = ""
    table_html: str = ""
    beside: Mapping[str, str] = field(default_factory=dict)
    recipe: Recipe | None = None
    source: str = ""
    settings: Mapping[str, str]
    versions: str = ""
    fingerprints: Mapping[str, str]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Section:
    """One analysis in the report; ``note`` says what was left out and why, ``changed`` (setting, value, the usual) what is set."""

    analysis: Analysis
    outcomes: Sequence[Outcome]
    blocks: Sequence[Block]
    note: str = ""
    changed: Sequence[tuple[str, str, str]] = ()


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Group:
    """The sections of one page group."""

    page: str
    title: str
    sections: Sequence[Section]


def standing(task: str, *, cohort: bool) -> list[Analysis]:
    """Give the analyses that stand in a report of this task, with or without a cohort."""
    return [a for a in fitting(task) if a.report and (cohort or not a.needs_cohort)]


def lists_rows(analysis: Analysis) -> bool:
    """Tell whether an analysis shows rows of the data as they are, its table or the one row that it explains."""
    return analysis.raw_rows or any(s.kind == "row" for s in analysis.settings)


def grouped(analyses: Sequence[Analysis]) -> list[tuple[str, str, list[Analysis]]]:
    """Give (page, title, analyses) in the order of reading."""
    pages = sorted({a.page for a in analyses}, key=lambda p: (list(PAGES).index(p) if p in PAGES else len(PAGES), p))
    return [(p, PAGES.get(p, p.replace("_", " ").capitalize()), [a for a in analyses if a.page == p]) for p in pages]


def groups(
    cohorts: Sequence[Cohort],
    analyses: Sequence[Analysis],
    settings: Mapping[str, Mapping[str, Any]],
    *,
    level: float,
    include_rows: bool,
    progress: Progress | None = None,
) -> Iterator[Group]:
    """Run the analyses, page group by page group.

    Parameters
    ----------
    cohorts : sequence of Cohort
        All rows first. Analyses that take longer than a second are made for the first one only; this is said. Those that compare
        a cohort with the rest are made for every cohort.
    analyses : sequence of Analysis
    settings : mapping of an analysis's name to its settings
    level : float
        Confidence level, for the analyses that have such a setting.
    include_rows : bool
        Whether rows of the data may be listed.
    """
    done, gave_out = 0, 0
    ahead(_asked(cohorts, analyses, settings, level=level, include_rows=include_rows))
    for page, title, members in grouped(analyses):
        sections: list[Section] = []
        for analysis in members:
            part = span(progress, done / len(analyses), (done + 1) / len(analyses))
            tell(part, 0.0, analysis.title)
            given = _given(analysis, settings, level)
            if gave_out >= PATIENCE and analysis.cost != "instant":
                sections.append(Section(analysis=analysis, outcomes=(), blocks=[_not_tried(gave_out)]))
            else:
                sections.append(_section(cohorts, analysis, given, include_rows=include_rows, progress=part))
                gave_out += any(b.failed == GAVE_OUT for b in sections[-1].blocks)
            done += 1
        yield Group(page=page, title=title, sections=sections)


def _given(analysis: Analysis, settings: Mapping[str, Mapping[str, Any]], level: float) -> dict[str, Any]:
    given: dict[str, Any] = {"level": level} if any(s.name == "level" for s in analysis.settings) else {}
    if analysis.name == "constraints":
        given |= _followed(settings)
    return {**given, **settings.get(analysis.name, {})}


def _followed(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Give the constraints that the other sections follow, so that the table shows these; nothing where they follow none, or several."""
    followed = [v["constraints"] for v in settings.values() if v.get("constraints") is not None]
    same = followed and all(one is followed[0] or one == followed[0] for one in followed)
    return {"given": followed[0]} if same else {}


def _asked(
    cohorts: Sequence[Cohort],
    analyses: Sequence[Analysis],
    settings: Mapping[str, Mapping[str, Any]],
    *,
    level: float,
    include_rows: bool,
) -> Iterator[tuple[Evaluation, Analysis, dict[str, Any]]]:
    """Give everything that the sections will run, in their order."""
    for _, _, members in grouped(analyses):
        for analysis in members:
            if include_rows or not lists_rows(analysis):
                for cohort in _made_for(cohorts, analysis):
                    yield cohort.ev, analysis, _given(analysis, settings, level)


def _made_for(cohorts: Sequence[Cohort], analysis: Analysis) -> list[Cohort]:
    """Give the cohorts that an analysis is made for."""
    if analysis.needs_cohort:
        return [c for c in cohorts if c.ev.n < c.ev.whole.n]
    return [*cohorts] if analysis.cost == "instant" else [*cohorts[:1]]


def _section(
    cohorts: Sequence[Cohort],
    analysis: Analysis,
    settings: dict[str, Any],
    *,
    include_rows: bool,
    progress: Progress | None,
) -> Section:
    if lists_rows(analysis) and not include_rows:
        return Section(
            analysis=analysis,
            outcomes=(),
            blocks=(),
            note=(
                "Left out: it lists rows of the data as they are. "
                "Ask for it with include_rows=True (--rows on the command line)."
            ),
        )
    use, note = _made_for(cohorts, analysis), ""
    if analysis.needs_cohort and not use:
        note = "Left out: it is about a cohort. Give one with --cohort (cohorts=[...] in Python)."
    elif not analysis.needs_cohort and len(use) < len(cohorts):
        note = "For all rows only: it takes too long to repeat for each cohort. In Python, call it on ev.where(...)."
    outcomes, blocks = [], []
    for i, cohort in enumerate(use):
        part = span(progress, i / len(use), (i + 1) / len(use))
        outcome, failed = _outcome(cohort.ev, analysis, part, settings)
        outcomes.append(outcome)
        blocks.append(
            block(
                outcome,
                failed=failed,
                label=cohort.label if len(use) > 1 or (analysis.needs_cohort and len(cohorts) > 1) else "",
                id=f"{analysis.name}-{i}",
                include_rows=include_rows,
            )
        )
    return Section(analysis=analysis, outcomes=outcomes, blocks=blocks, note=note, changed=changed(analysis, settings))


def _not_tried(sections: int) -> Block:
    """Stand for a section that was not tried: a model that never answers must not cost ten minutes a section."""
    reason = f"Not tried, because the machine gave out in {sections} sections before."
    return Block(label="", reason=reason, failed=GAVE_OUT, settings={}, fingerprints={})


def changed(analysis: Analysis, settings: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Give (label, value, the usual value) of the settings that are not as usual."""
    return [
        (s.label or s.name, _setting(settings[s.name]), "automatic" if s.default is None else _setting(s.default))
        for s in analysis.settings
        if s.name in settings and settings[s.name] != s.default
    ]


def _in_its_share(analysis: Analysis) -> AbstractContextManager[None]:
    """Give a section its share of a budget: what is done at once has all the time it needs, what takes fewer rows of its own accord all that is left."""
    if analysis.cost == "instant":
        return within_budget(None)
    return part_of_budget(SHARE if all(s.fewest is None for s in analysis.settings) else 1.0)


def _outcome(
    ev: Evaluation, analysis: Analysis, progress: Progress | None, settings: dict[str, Any]
) -> tuple[Outcome, str]:
    """Run one analysis; what fails is said in its place: one section must not cost the whole report."""
    listening, raised = heard(progress)
    try:
        with _in_its_share(analysis):
            return run(ev, analysis, progress=listening, **settings), ""
    except Stopped:
        raise
    except Exception as error:
        if any(error is one for one in raised):
            raise
        if isinstance(error, (MachineError, MemoryError)):
            return Outcome(analysis=analysis, reason=str(error) or "There was not enough memory for this."), GAVE_OUT
        if isinstance(error, AnalysisError):
            return Outcome(analysis=analysis, reason=str(error)), FAILED
        log.exception("%s failed and is left out of the report", analysis.name)
        return Outcome(analysis=analysis, reason=f"{type(error).__name__}: {error}"), FAILED


def block(outcome: Outcome, *, failed: str, label: str, id: str, include_rows: bool) -> Block:
    """Turn an outcome into what the template shows. Nothing is computed here."""
    if outcome.result is None:
        return Block(label=label, reason=outcome.reason, failed=failed, settings={}, fingerprints={})
    result, name = outcome.result, outcome.analysis.title
    source, of = result.source, f", {label}" if label else ""
    return Block(
        label=label,
        sentence=result.in_full(),
        chart_html=_chart(result, id, include_rows),
        table_html=_table(result.frame(), f"{name}{of}: numbers", outcome.analysis, include_rows),
        beside={
            heading: _table(frame, f"{heading}{of}", outcome.analysis, include_rows, "tables")
            for heading, frame in result.tables().items()
        },
        recipe=result.recipe(),
        source=source.text(),
        settings={k: _setting(v) for k, v in result.settings.items()},
        versions=", ".join(f"{k} {v}" for k, v in source.versions.items()),
        fingerprints={"model": source.model_fingerprint, "data": source.data_fingerprint},
    )


def _chart(result: Result, id: str, include_rows: bool) -> str:
    try:
        made = figure(result)
        return figure_html(made if include_rows else without_rows(made), f"chart-{id}")
    except NotApplicable:
        return ""


def _table(frame: pd.DataFrame, label: str, analysis: Analysis, include_rows: bool, method: str = "frame") -> str:
    if not include_rows and (lists_rows(analysis) or ROW_COLUMNS & set(map(str, frame.columns))):
        return (
            '<p class="mg-note">The table lists rows of the data and is left out. '
            f"Ask for it with include_rows=True; {clean(analysis.name)}(ev).{method}() in Python gives it.</p>"
        )
    return table_html(frame, label=label)


def _setting(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, Mapping):
        return ", ".join(f"{k}: {_setting(v)}" for k, v in value.items()) or "none"
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [_setting(v) for v in value]
        more = f" and {len(items) - 24:,} more" if len(items) > 24 else ""
        return ", ".join(items[:24]) + more or "none"
    if isinstance(value, float):
        return f"{value:g}"
    return shown(value)[:300]
