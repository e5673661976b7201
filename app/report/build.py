"""``report(ev, path)``: everything the analyses say about a model, in one HTML file that needs no network."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelglass.analysis.errors import InputError, unknown_name
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures.html import plotly_script, style
from modelglass.analysis.odd_signs import visible
from modelglass.analysis.progress import Progress, span, tell
from modelglass.analysis.registry import Analysis, get
from modelglass.app.report.sections import GAVE_OUT, Cohort, Group, groups, standing
from modelglass.app.report.summary import summary
from modelglass.app.report.writing import checked_path, write_whole

if TYPE_CHECKING:
    import jinja2

HERE = Path(__file__).parent


def report(
    ev: Evaluation,
    path: str | os.PathLike[str],
    *,
    cohorts: Sequence[str] = (),
    analyses: Sequence[str | Analysis] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    include_rows: bool = False,
    level: float = 0.95,
    progress: Progress | None = None,
) -> Path:
    """Write one self-contained HTML file: the results and figures of dashboard and Python, page by page.

    Parameters
    ----------
    ev : Evaluation
    path : str or path
        The file to write; it is written whole or not at all. Its folder must exist.
    cohorts : sequence of str
        SQL conditions; each section shows these rows beside all rows.
    analyses : sequence of str or Analysis, optional
        Which to run; without it every one that fits the task and belongs in a report (those about a cohort where there is one).
    settings : mapping of an analysis to a mapping of its settings, optional
        What is not as usual, e.g. ``{"calibration": {"n_bins": 20}}``. The report says which settings are not the usual ones.
    include_rows : bool
        Also list rows of the data as they are (worst rows, say). Off, no table holds one.
    level : float
        Confidence level of the intervals.
    progress : callable, optional
        Called with (share done, what); an exception it raises stops the work, and no file is written.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    InputError
        The path cannot be written, an analysis or one of its settings does not exist, or a condition is wrong or selects no row.
    MachineError
        The disk gave out while writing. Where the machine gives out in a section, the section says so and the others stand.
    """
    asked = {"cohorts": cohorts, "analyses": analyses, "settings": settings, "include_rows": include_rows}
    return written(ev, path, **asked, level=level, progress=progress)[0]  # type: ignore[arg-type]


def written(
    ev: Evaluation,
    path: str | os.PathLike[str],
    *,
    cohorts: Sequence[str] = (),
    analyses: Sequence[str | Analysis] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    include_rows: bool = False,
    level: float = 0.95,
    progress: Progress | None = None,
) -> tuple[Path, list[str]]:
    """Do the same as ``report``; also give the titles of the sections in which the machine gave out."""
    path = checked_path(path)
    if not 0 < level < 1:
        raise InputError("Expected a confidence level between 0 and 1, such as 0.95.", f"Got {level!r}.")
    chosen = _chosen(ev, analyses, bool(cohorts) or ev.condition is not None)
    asked = _settings(chosen, settings or {})
    columns = [Cohort(label="All rows" if ev.source.condition is None else str(ev.source.condition), ev=ev)]
    columns += [Cohort(label=str(sql), ev=ev.where(sql)) for sql in cohorts]
    made = list(
        groups(columns, chosen, asked, level=level, include_rows=include_rows, progress=span(progress, 0.0, 0.97))
    )
    tell(progress, 0.97, "Writing the report")
    text = render(ev, made, columns, level=level, include_rows=include_rows)
    write_whole(path, text)
    tell(progress, 1.0, "Done")
    return path, [s.analysis.title for g in made for s in g.sections if any(b.failed == GAVE_OUT for b in s.blocks)]


def _chosen(ev: Evaluation, names: Sequence[str | Analysis] | None, cohort: bool = False) -> list[Analysis]:
    if names is None:
        return standing(ev.task, cohort=cohort)
    if isinstance(names, str):
        raise InputError("Expected a list of analyses.", f"Got the text {names!r}.", f"Write [{names!r}].")
    return [a if isinstance(a, Analysis) else get(a) for a in names]


def _headline_level(made: Sequence[Group], level: float) -> float:
    """Give the level of the headline's intervals, which its own settings may have changed."""
    results = [o.result for g in made for s in g.sections if s.analysis.name == "performance" for o in s.outcomes[:1]]
    return float(results[0].settings.get("level", level)) if results and results[0] is not None else level


def _settings(chosen: Sequence[Analysis], given: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Check the names of analyses and settings before any work; a value is checked by its analysis."""
    records = {a.name: a for a in chosen}
    for name, values in given.items():
        if name not in records:
            raise unknown_name("analysis of this report", name, records)
        known = [s.name for s in records[name].settings]
        if not isinstance(values, Mapping):
            raise InputError(
                f"Expected the settings of {name} by name.",
                f"Got {values!r}.",
                f"Write e.g. {{{name!r}: {{'level': 0.9}}}}.",
            )
        for setting in values:
            if setting not in known:
                raise unknown_name(f"setting of {name}", str(setting), known)
    return {name: dict(values) for name, values in given.items()}


def render(
    ev: Evaluation, made: Sequence[Group], columns: Sequence[Cohort], *, level: float, include_rows: bool
) -> str:
    """Give the report's HTML from the groups of sections."""
    charts = any(b.chart_html for g in made for s in g.sections for b in s.blocks)
    memory = ("", "in memory")
    return (
        _templates()
        .get_template("report.html.j2")
        .render(
            model="Model in memory" if ev.source.model == "in memory" else ev.source.model or "Predictions",
            data="data in memory" if ev.source.data in memory else ev.source.data,
            source=ev.source,
            features=ev.features,
            groups=made,
            cohorts=columns,
            summary=summary(made),
            level=level,
            headline_level=_headline_level(made, level),
            include_rows=include_rows,
            changed=[(s.analysis.title, s.analysis.name) for g in made for s in g.sections if s.changed],
            notes=ev.notes,
            made=dt.date.today(),
            version=version("modelglass"),
            css=style() + (HERE / "templates" / "report.css").read_text(encoding="utf-8"),
            script=plotly_script() if charts else "",
        )
    )


@cache
def _templates() -> jinja2.Environment:
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters.update(seen=visible, slug=slug)
    return made


def slug(name: str, kind: str = "") -> str:
    """Turn a name into an id that can stand in a link.

    >>> slug("roc", "a"), slug('a "b" <c>')
    ('a-roc', 'a-b-c')
    """
    return "-".join([*([kind] if kind else []), *re.findall(r"[A-Za-z0-9_]+", str(name))])
