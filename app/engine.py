"""Where analyses run: in this process, or as tasks of a cluster. The one runner behind pages, report and command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from modelglass.analysis import registry
from modelglass.analysis.errors import InputError
from modelglass.analysis.progress import Progress
from modelglass.analysis.registry import Analysis, Outcome

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

LOCAL = "local"
ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx)://[^\s/@]+:\d+/?")

Asked = tuple["Evaluation", "Analysis | str", Mapping[str, Any]]


class Engine(Protocol):
    """What runs analyses."""

    def run(
        self, ev: Evaluation, analysis: Analysis | str, *, progress: Progress | None = None, **settings: Any
    ) -> Outcome:
        """Run one analysis, as ``registry.run`` does."""
        ...

    def ahead(self, asked: Iterable[Asked]) -> None:
        """Begin what will be asked for, where several can run at once."""
        ...


class Local:
    """Analyses run in this process, one after another."""

    def run(
        self, ev: Evaluation, analysis: Analysis | str, *, progress: Progress | None = None, **settings: Any
    ) -> Outcome:
        """Run one analysis in this thread."""
        return registry.run(ev, analysis, progress=progress, **settings)

    def ahead(self, asked: Iterable[Asked]) -> None:
        """Do nothing: here each analysis has the whole machine when its turn comes."""


_engine: Engine = Local()


def run(ev: Evaluation, analysis: Analysis | str, *, progress: Progress | None = None, **settings: Any) -> Outcome:
    """Run one analysis where it was chosen that they run; as ``registry.run`` otherwise.

    Raises
    ------
    MachineError
        The cluster was lost.
    """
    return _engine.run(ev, analysis, progress=progress, **settings)


def ahead(asked: Iterable[Asked]) -> None:
    """Say what will be asked for, so that a cluster may work on it all at once."""
    _engine.ahead(asked)


@contextmanager
def using(engine: str | None, said: Callable[[str], None]) -> Iterator[None]:
    """Let analyses run here ("local") or on a Dask cluster, whose scheduler has this address, for the whole process.

    Parameters
    ----------
    engine : str or None
        "local" (also None), or the address, such as ``tcp://host:8786``.
    said : callable
        Told what a person should know of the cluster.

    Raises
    ------
    InputError
        It is no such address, cannot be reached, or its workers lack modelglass.
    MachineError
        It has no workers.
    MissingPackage
        Dask is not installed.
    """
    global _engine
    if engine in (None, LOCAL):
        yield
        return
    if ADDRESS.fullmatch(str(engine)) is None:
        raise InputError(
            "Expected --engine local, or the address of a Dask scheduler, such as tcp://host:8786.",
            f"Got {engine!r}.",
            "Start one with: dask scheduler, and at least one dask worker.",
        )
    from modelglass.app.engine_dask import Cluster

    before, cluster = _engine, Cluster(str(engine))
    try:
        for text in cluster.remarks:
            said(text)
        _engine = cluster
        yield
    finally:
        _engine = before
        cluster.close()
