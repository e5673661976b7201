"""Work longer than a second: on a thread of its own, seen by all sessions, with its progress and a Stop."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from modelglass.analysis.errors import AnalysisError, Enough, MachineError, Stopped
from modelglass.analysis.progress import Progress

log = logging.getLogger(__name__)
State = Literal["waiting", "running", "done", "failed", "stopped"]
UNWATCHED = 10.0
MOST_WAITING = 96
"""Pieces of work that may wait: the fullest page has 28, and a person who turns pages leaves some behind for ten seconds."""
WAY = 2.0
"""Seconds for which a piece of work gives way to pages at each of its reports, at most: it goes on however often people click."""


DRAWING = 0.5
"""Seconds after a page's script in which the browser, on the same processor as often as not, draws what it sent."""


class Pages:
    """The scripts of pages that run just now; long work lets them pass, so that a click is answered as if nobody else worked."""

    def __init__(self) -> None:
        self._many, self._changed, self._mine = 0, threading.Condition(), threading.local()
        self._drawn = 0.0

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Count the script of this thread while it runs."""
        self._count(1)
        self._mine.counted = True
        try:
            yield
        finally:
            self._mine.counted = False
            self._drawn = time.monotonic() + DRAWING
            self._count(-1)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Leave it out while it waits for a piece of work, which must not wait for it in turn."""
        counted = getattr(self._mine, "counted", False)
        self._count(-counted)
        try:
            yield
        finally:
            self._count(counted)

    def _count(self, more: int) -> None:
        with self._changed:
            self._many += more
            self._changed.notify_all()

    def let_pass(self, seconds: float, stop: threading.Event, *, drawing: bool = True) -> None:
        """Wait until no script runs and (``drawing``) what the last one sent is drawn, or a stop is asked for; at most so long."""
        last = time.monotonic() + seconds
        with self._changed:
            while not stop.is_set():
                drawn = min(last, self._drawn) if drawing else 0.0
                rest = (last if self._many else drawn) - time.monotonic()
                if rest <= 0:
                    return
                self._changed.wait(rest)

    def wake(self) -> None:
        """Let the work that waits look whether a stop was asked for."""
        with self._changed:
            self._changed.notify_all()


pages = Pages()


class Job:
    """One piece of work; ``state``, ``share``, ``what``, ``error`` and ``value`` (what it gave) may be read from any thread.

    With ``first`` it is what the first page shows on top: the browser does not draw that page in peace first, as it waits for this.
    With ``keeps`` the work, stopped by a person, gives what there is so far, if anything (``cut``: it did).

    Raises
    ------
    Stopped
        From ``progress``, inside the work, once somebody asked for a stop; ``Enough`` where it keeps what there is.
    """

    def __init__(self, key: Hashable, work: Callable[[Progress], Any], *, first: bool = False, keeps: bool = False):
        self.key, self.work, self.first, self.keeps = key, work, first, keeps
        self.state: State = "waiting"
        self.share, self.what = 0.0, "waiting for its turn"
        self.error: AnalysisError | None = None
        self.value: Any = None
        self.cut = False
        self.watched = time.monotonic()
        self._stop, self._over = threading.Event(), threading.Event()

    def stop(self, *, unwatched: bool = False) -> None:
        """Ask the work to end at its next report (within a quarter second or so); ``unwatched``: nobody waits for what there is."""
        self.keeps = self.keeps and not unwatched
        self._stop.set()
        pages.wake()
        if self.state == "waiting":
            self.state = "stopped"
            self._over.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the end, at most so long; say whether it has come."""
        with pages.waiting():
            return self._over.wait(seconds)

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for and has not happened yet."""
        return self._stop.is_set() and not self.over

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("done", "failed", "stopped")

    def progress(self, share: float, what: str) -> None:
        """Take a report from the work, and end it where a stop was asked for."""
        self.share, self.what = share, what
        time.sleep(0)  # lets a thread that waits for Python's lock have it
        pages.let_pass(WAY, self._stop, drawing=not self.first)
        if self._stop.is_set():
            self.cut = self.keeps
            raise (Enough if self.keeps else Stopped)("Stopped.")

    def run(self) -> None:
        """Do the work on this thread; whatever happens becomes a state, never an exception."""
        self.state, work = "running", self.work
        self.work = _done  # a job that is over must not keep its model and data alive
        try:
            self.value = work(self.progress)
            self.state = "done"
        except Stopped:
            self.state = "stopped"
        except AnalysisError as error:
            self.error, self.state = error, "failed"
        except MemoryError:
            self.error, self.state = MachineError("There was not enough memory for this."), "failed"
        except Exception:
            log.exception("The work %s failed", self.key)
            self.error = MachineError(
                "Something went wrong here that modelglass did not expect. The terminal shows the details."
            )
            self.state = "failed"
        finally:
            self._over.set()


def _done(progress: Progress) -> None:
    """Stand in for work that has been taken up."""


class Jobs:
    """A few workers and a bounded queue; one job per key however many sessions ask for it.

    When others wait, a job nobody has watched for ten seconds gives up its place.
    """

    def __init__(self, workers: int = 2, most: int = MOST_WAITING):
        self.most = most
        self._jobs: dict[Hashable, Job] = {}
        self._waiting: list[Job] = []
        self._changed = threading.Condition()
        self._workers, self._threads = workers, 0

    def get(self, key: Hashable) -> Job | None:
        """Give the job of this key, and note that it is watched."""
        with self._changed:
            job = self._jobs.get(key)
            if job is not None:
                job.watched = time.monotonic()
                if job.state == "waiting":
                    self._drop_unwatched()
            return job

    def start(self, key: Hashable, work: Callable[[Progress], Any], *, first: bool = False, keeps: bool = False) -> Job:
        """Give the job of this key; where there is none, or it is over, a new one at the end of the queue.

        Raises
        ------
        MachineError
            The queue is full.
        """
        with self._changed:
            job = self._jobs.get(key)
            if job is not None and not job.over:
                job.watched = time.monotonic()
                return job
            self._drop_unwatched()
            if len(self._waiting) >= self.most:
                raise MachineError(
                    f"{len(self._waiting)} pieces of work are waiting already. Try again when some are done."
                )
            job = self._jobs[key] = Job(key, work, first=first, keeps=keeps)
            self._waiting.append(job)
            if self._threads < self._workers:
                self._threads += 1
                threading.Thread(target=self._serve, name=f"modelglass-job-{self._threads}", daemon=True).start()
            self._changed.notify()
            return job

    def ahead(self, job: Job) -> int:
        """Count the pieces of work that wait before this one; 0 for one that has begun."""
        with self._changed:
            return self._waiting.index(job) if job in self._waiting else 0

    @property
    def busy(self) -> bool:
        """Whether all workers have work, so that more would wait for its turn."""
        return sum(job.state in ("waiting", "running") for job in list(self._jobs.values())) >= self._workers

    @property
    def queued(self) -> int:
        """Count the pieces of work that have not begun."""
        return len(self._waiting)

    def forget(self, key: Hashable) -> None:
        """Drop a job that is over, so that it may be started again."""
        with self._changed:
            if key in self._jobs and self._jobs[key].over:
                del self._jobs[key]

    def _drop_unwatched(self) -> None:
        late = time.monotonic() - UNWATCHED
        for job in [j for j in self._jobs.values() if j.watched < late]:
            job.stop(unwatched=True)
            if job.over:
                del self._jobs[job.key]
        self._waiting = [job for job in self._waiting if not job.over]

    def _serve(self) -> None:
        from threadpoolctl import threadpool_limits

        # OpenMP's limit belongs to this thread alone: workers that share the cores must not spin against each other, or against the pages.
        threadpool_limits(max(1, (os.cpu_count() or 1) // self._workers), user_api="openmp")
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
                job = self._waiting.pop(0)
            if not job.over:
                job.run()
            del job
