"""From an analysis and its settings to an outcome: from the cache, at once, or by a job with progress and a Stop."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from modelglass.analysis.budget import within_budget
from modelglass.analysis.errors import AnalysisError, MissingPackage
from modelglass.analysis.progress import Progress, heard
from modelglass.analysis.registry import Analysis, Outcome, run
from modelglass.app import engine
from modelglass.app.dashboard import redraw, slid, terms
from modelglass.app.dashboard.cache import Cache
from modelglass.app.dashboard.guard import callback, cannot_say, guarded, part, refuse
from modelglass.app.dashboard.jobs import Job, Jobs
from modelglass.app.dashboard.text import plain

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

__all__ = ["cannot_say", "guarded", "jobs", "key_of", "later", "outcome", "refuse", "results"]

results = Cache(entries=400, size=400 * 2**20)
jobs = Jobs()
PATIENCE = 0.4
EVERY, RARELY, STOPPING = 1.0, 4.0, 1.0
"""Seconds between two looks at running work and, at most, at work that waits or that other work waits for; and those given to a stop.

Each look makes the browser go over the whole page: a page of twenty pieces of work must not keep it busy with waiting.
"""
CONDITIONS = ("other", "cohort", "where")
"""Settings that are conditions."""


def key_of(ev: Evaluation, name: str, settings: Mapping[str, Any]) -> Hashable:
    """Give what a result is cached by; the condition too: a result names it, and the same rows may be spelled otherwise."""
    return ev.fingerprint, ev.condition, name, repr(sorted(settings.items()))


def _beyond_threshold(analysis: Analysis, ev: Evaluation, settings: Mapping[str, Any]) -> bool:
    """Tell whether the threshold plays no part: then a moved slider must not start the work again, nor ask the model."""
    plays = analysis.reads_threshold == "always" or (
        analysis.reads_threshold == "metric" and bool(settings.get("metric"))
    )
    return ev.threshold is not None and not plays and not _chooses_rows(ev, settings)


def _chooses_rows(ev: Evaluation, settings: Mapping[str, Any]) -> bool:
    """Tell whether the threshold decides which rows are looked at: those of this cohort, or of another that a setting names."""
    named = [settings.get(name) for name in CONDITIONS]
    with suppress(AnalysisError):  # told by the analysis itself
        return ev.moves or any(ev.follows_threshold(sql) for sql in named if isinstance(sql, str) and sql)
    return True


def _as_asked(analysis: Analysis, ev: Evaluation, settings: Mapping[str, Any]) -> Evaluation:
    """Give the evaluation that is worked on: without a threshold where that plays no part."""
    return ev.with_threshold(None, same_rows=True) if _beyond_threshold(analysis, ev, settings) else ev


def _asked_for(analysis: Analysis, ev: Evaluation, settings: Mapping[str, Any]) -> Hashable:
    """Give the key under which ``outcome`` keeps this, or works on it."""
    return key_of(_as_asked(analysis, ev, settings), analysis.name, settings)


def ready(analysis: Analysis, ev: Evaluation, settings: Mapping[str, Any]) -> bool:
    """Tell whether an outcome can be had without starting long work: it is instant, kept, or under way."""
    return analysis.cost == "instant" or _begun(_asked_for(analysis, ev, settings))


def _begun(key: Hashable) -> bool:
    """Tell whether a value is kept, or a job works or worked on it."""
    return results.get(key) is not None or jobs.get(key) is not None


def ahead(analysis: Analysis, ev: Evaluation) -> None:
    """Begin longer work of the first page with usual settings, under the key by which the page will ask for it."""
    asked = _as_asked(analysis, ev, {})
    key = key_of(asked, analysis.name, {})
    if not _begun(key):
        _begin(key, lambda progress: _within_budget(analysis, asked, {}, progress), first=True)


def under_way(analysis: Analysis, ev: Evaluation, settings: Mapping[str, Any]) -> bool:
    """Tell whether a job works on an outcome, or waits to."""
    job = jobs.get(_asked_for(analysis, ev, settings))
    return job is not None and not job.over


def outcome(analysis: Analysis, ev: Evaluation, settings: Mapping[str, Any]) -> Outcome | None:
    """Give what came of an analysis; None while a job works on it (its progress is drawn here)."""
    asked = _as_asked(analysis, ev, settings)
    done = _outcome(analysis, asked, settings)
    if asked is ev or done is None or done.result is None:
        return done
    told: Any = done.result
    return replace(done, result=replace(told, source=replace(told.source, threshold=ev.threshold)))


def _outcome(analysis: Analysis, ev: Evaluation, settings: Mapping[str, Any]) -> Outcome | None:
    key = key_of(ev, analysis.name, settings)
    if analysis.cost == "instant":
        return results.get_or_make(key, lambda: run(ev, analysis, **settings))

    def made(progress: Progress) -> Outcome:
        return _within_budget(analysis, ev, settings, progress)

    if analysis.asks_model and slid.here() and not _begun(key):
        _offered(key, made, analysis.keeps_best)
        return None
    return later(key, analysis.title, made, keeps=analysis.keeps_best)


def _offered(key: Hashable, work: Callable[[Progress], Any], keeps: bool) -> None:
    """Let a person begin what a slider on its way would begin at each of its steps."""
    st.caption("Not yet known at the threshold just set: the model has to be asked about other rows.")
    st.button(
        "Ask the model",
        key=f"ask {key}",
        icon=":material/play_arrow:",
        on_click=callback(_begin),
        args=(key, work),
        kwargs={"keeps": keeps},
    )


def _within_budget(analysis: Analysis, ev: Evaluation, settings: Mapping[str, Any], progress: Progress) -> Outcome:
    with within_budget(terms.budget()):
        return engine.run(ev, analysis, progress=progress, **settings)


def later(key: Hashable, title: str, work: Callable[[Progress], Any], *, keeps: bool = False) -> Any | None:
    """Give the value of a longer piece of work; None while it runs, and its progress, Stop or error is drawn here.

    With ``keeps`` Stop asks the work for what there is so far; that is shown until somebody starts it again, and not cached.
    """
    value = results.get(key)
    if value is not None:
        jobs.forget(key)
        return value
    job = jobs.get(key)
    if job is not None and job.value is not None:
        if job.cut:
            _stopped(job, f"{plain(title)} was stopped: here is what was found until then.")
        return job.value
    if job is None or job.state == "done":
        patience = 0.0 if jobs.busy else PATIENCE  # what waits for other work first is not there in a moment
        job = _begin(key, work, keeps=keeps)
        if job.wait(patience) and job.state == "done":
            return later(key, title, work, keeps=keeps)
    if job.over:
        _ended(job, title)
    else:
        more = 1 + jobs.ahead(job) if job.state == "waiting" else jobs.queued / 4
        often = EVERY / 2 if job.first else EVERY
        part(_watch, run_every=min(often + more, RARELY))(job, title, redraw.around())
    return None


def _begin(key: Hashable, work: Callable[[Progress], Any], *, first: bool = False, keeps: bool = False) -> Job:
    """Start a piece of work whose value goes into the cache, or stays with its job where a person ended it early."""

    def made(progress: Progress) -> Any:
        listening, ended = heard(progress)
        value = work(listening)
        return value if ended else _unkept(key, value)

    return jobs.start(key, made, first=first, keeps=keeps)


def _unkept(key: Hashable, value: Any) -> Any:
    """Put a value into the cache; one too large for it stays with its job, as long as a page looks at it."""
    return None if results.put(key, value) else value


def _ended(job: Job, title: str) -> None:
    if job.error is not None:
        refuse(job.error)
        if isinstance(job.error, MissingPackage):
            return
        _again(job)
    else:
        _stopped(job, f"{plain(title)} was stopped.")


def _stopped(job: Job, said: str) -> None:
    st.info(said, icon=":material/stop_circle:")
    _again(job)


def _again(job: Job) -> None:
    st.button("Start again", key=f"again {job.key}", on_click=jobs.forget, args=(job.key,))


def _watch(job: Job, title: str, around: str | None) -> None:
    jobs.get(job.key)
    if job.stopping:
        job.wait(STOPPING)
    if job.over:
        redraw.only(around)
    st.progress(job.share, text=f"{plain(title)}: {plain(job.what)}")
    st.button("Stop", key=f"stop {job.key}", icon=":material/stop_circle:", on_click=job.stop)
