import threading
import time

import pytest

from modelglass.analysis.errors import Enough, InputError, MachineError
from modelglass.analysis.registry import get
from modelglass.app.dashboard import jobs as jobs_module
from modelglass.app.dashboard import terms, work
from modelglass.app.dashboard.jobs import Jobs


def until(true, seconds=10):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.005)


def forever(progress):
    while True:
        progress(0.5, "turning")
        time.sleep(0.005)


def test_progress_is_seen_and_stop_ends_the_work():
    jobs = Jobs(workers=1)
    job = jobs.start("k", forever)
    until(lambda: job.share == 0.5)
    assert (job.state, job.what) == ("running", "turning")
    job.stop()
    assert job.wait(10)
    assert job.state == "stopped"
    assert job.error is None


def searching(progress):
    """Work that gives what it has where it is asked to, and is no more than that where it is not."""
    try:
        forever(progress)
    except Enough:
        return "the best so far"


@pytest.mark.parametrize("keeps", [True, False])
def test_a_stop_by_a_person_gives_what_there_is_where_that_is_wanted(keeps):
    jobs = Jobs(workers=1)
    job = jobs.start("k", searching, keeps=keeps)
    until(lambda: job.share == 0.5)
    job.stop()
    assert job.wait(10)
    assert (job.state, job.value, job.cut) == (("done", "the best so far", True) if keeps else ("stopped", None, False))


def test_what_nobody_watches_is_stopped_without_a_result(monkeypatch):
    """Nobody stopped it: whoever comes back must not read that somebody did."""
    jobs = Jobs(workers=1)
    left = jobs.start("left", searching, keeps=True)
    until(lambda: left.share == 0.5)
    monkeypatch.setattr(jobs_module, "UNWATCHED", -1.0)
    jobs.start("new", lambda progress: None)
    assert left.wait(10)
    assert (left.state, left.value, left.cut) == ("stopped", None, False)


def test_one_job_a_key_however_many_ask():
    jobs, calls, gate = Jobs(), [], threading.Event()

    def work(progress):
        calls.append(1)
        gate.wait(10)

    first, second = jobs.start("k", work), jobs.start("k", work)
    gate.set()
    assert first is second
    assert first.wait(10)
    assert calls == [1]


def test_no_more_than_the_workers_run_and_the_queue_is_bounded():
    jobs = Jobs(workers=2, most=2)
    started = [jobs.start(i, forever) for i in range(2)]
    until(lambda: all(job.state == "running" for job in started))
    waiting = [jobs.start(i, forever) for i in (2, 3)]
    assert [job.state for job in waiting] == ["waiting", "waiting"]
    with pytest.raises(MachineError, match="2 pieces of work are waiting already"):
        jobs.start(4, forever)
    waiting[0].stop()
    assert waiting[0].state == "stopped"
    for job in [*started, waiting[1]]:
        job.stop()
    assert all(job.wait(10) for job in started)


def test_a_job_nobody_watches_gives_up_its_place(monkeypatch):
    jobs = Jobs(workers=1)
    left = jobs.start("left", forever)
    monkeypatch.setattr(jobs_module, "UNWATCHED", -1.0)
    new = jobs.start("new", lambda progress: None)
    assert left.wait(10)
    assert new.wait(10)
    assert (left.state, new.state) == ("stopped", "done")


def test_errors_become_words_and_never_leave_the_thread(caplog):
    jobs = Jobs(workers=1)

    def refused(progress):
        raise InputError("Expected a.", "Got b.", "Do c.")

    def broken(progress):
        raise KeyError("secret detail")

    assert jobs.start("a", refused).wait(10)
    assert str(jobs.get("a").error) == "Expected a.\nGot b.\nDo c."
    assert jobs.start("b", broken).wait(10)
    assert jobs.get("b").state == "failed"
    assert "secret detail" not in str(jobs.get("b").error)
    assert "secret detail" in caplog.text


def test_what_is_over_may_be_forgotten_and_started_again():
    jobs = Jobs(workers=1)
    first = jobs.start("k", lambda progress: None)
    assert first.wait(10)
    jobs.forget("k")
    assert jobs.get("k") is None
    assert jobs.start("k", lambda progress: None) is not first


def test_a_budget_of_the_server_ends_an_analysis_and_is_said(binary):
    """``modelglass run --budget``: each longer analysis by itself; a spent budget is an answer, not an error."""
    terms.agree(budget=1e-6)
    try:
        said = work._within_budget(get("permutation_importance"), binary, {}, lambda share, what: None)
        assert said.result is None
        assert "the budget of 1e-06 s was spent" in said.reason
        terms.agree(budget=600)
        assert (
            work._within_budget(get("find_slices"), binary, {"depth": 1}, lambda share, what: None).result is not None
        )
    finally:
        terms.agree()
    assert terms.budget() is None


def test_work_lets_pages_pass_but_not_for_ever(monkeypatch):
    reports, jobs = [], Jobs(workers=1)

    def counting(progress):
        for step in range(5):
            reports.append(step)
            progress(step / 5, "counting")

    monkeypatch.setattr(jobs_module, "WAY", 60.0)
    with jobs_module.pages.at_work():
        job = jobs.start("waits", counting)
        until(lambda: job.what == "counting")
        time.sleep(0.05)
        assert reports == [0], "it stands at its first report while a page is at work"
    assert job.wait(10)
    assert reports == [0, 1, 2, 3, 4]

    with jobs_module.pages.at_work():
        job = jobs.start("is waited for", counting)
        assert job.wait(10), "a page that waits for it does not stand in its way"
        monkeypatch.setattr(jobs_module, "WAY", 0.01)
        again = jobs.start("however many pages", counting)
        until(lambda: again.state == "done")


def test_a_stop_is_heard_while_pages_are_at_work(monkeypatch):
    monkeypatch.setattr(jobs_module, "WAY", 0.02)
    jobs = Jobs(workers=1)
    with jobs_module.pages.at_work():
        job = jobs.start("k", forever)
        until(lambda: job.state == "running")
        job.stop()
        until(lambda: job.state == "stopped")


def test_work_waits_until_the_browser_has_drawn_what_a_page_sent():
    pages, stop = jobs_module.Pages(), threading.Event()
    pages.let_pass(60.0, stop)  # no page has run: at once
    with pages.at_work():
        pass
    pages.let_pass(60.0, stop)
    assert time.monotonic() >= pages._drawn
    with pages.at_work():
        pass
    pages.let_pass(60.0, stop, drawing=False)  # the page itself waits for this one
    assert time.monotonic() < pages._drawn
    with pages.at_work():
        stop.set()
        pages.let_pass(60.0, stop)  # a stop is heard at once
