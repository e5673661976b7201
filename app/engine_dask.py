"""Analyses as tasks of a Dask cluster. The only file that imports dask.

Model and data are sent once, as a pickle; each analysis is one task, and its frozen result comes back. What an analysis refuses or
cannot say comes back as such, so anything that Dask itself raises means that the cluster could not.
"""

from __future__ import annotations

import logging
import pickle
import socket
import sys
import threading
import time
import uuid
import warnings
from asyncio import CancelledError
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import TYPE_CHECKING, Any

from modelglass.analysis.budget import left, within_budget
from modelglass.analysis.complaints import words_of
from modelglass.analysis.errors import InputError, MachineError, MissingPackage, Stopped, listed
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.registry import Analysis, Outcome, get, run

if TYPE_CHECKING:
    from modelglass.analysis.shared import Shared
    from modelglass.app.engine import Asked

INSTALL = "pip install 'modelglass[distributed]'"
REACH_SECONDS, ALONE_SECONDS = 5.0, 10.0
"""Seconds to reach a scheduler, and those for which a cluster may be without any worker."""
EVERY = 0.2
"""Seconds between two looks at a task, and at least between two reports of it."""
TOPIC = "modelglass-progress"
ALIKE = (
    "python",
    "modelglass",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
    "shap",
    "xgboost",
    "lightgbm",
    "catboost",
    "cloudpickle",
)
"""What must be of one version here and there, or numbers may differ; what is installed nowhere does not matter."""


def _library() -> ModuleType:
    try:
        import distributed
    except ImportError:
        raise MissingPackage("distributed", "--engine with an address", INSTALL) from None
    for name in ("distributed", "distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong is told in words, by whoever asked
    return distributed


# here ----------------------------------------------------------------------------------------------------------------


class Cluster:
    """A Dask cluster as an engine; ``remarks`` is what a person should know of it.

    Raises
    ------
    InputError
        It cannot be reached, or its workers lack modelglass.
    MachineError
        It has no workers.
    MissingPackage
        Dask is not installed here.
    """

    def __init__(self, address: str):
        self.address, self._dask = address, _library()
        self._client = self._connected()
        self._sent: OrderedDict[int, tuple[Shared, tuple[Any, str]]] = OrderedDict()
        self._begun: dict[Hashable, tuple[Evaluation, Any, str]] = {}
        self._told: dict[str, tuple[float, str]] = {}
        self._lock = threading.RLock()
        self._alone_since: float | None = None
        try:
            self.remarks = self._compared()
            self._client.subscribe_topic(TOPIC, self._hear)
        except BaseException:
            self.close()
            raise

    def _connected(self) -> Any:
        try:
            if self.address.startswith("tcp://"):
                _check_answers(self.address)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of other versions: said by ``_compared`` in words
                return self._dask.Client(self.address, timeout=REACH_SECONDS, set_as_default=False)
        except (OSError, ValueError, self._dask.comm.CommClosedError) as error:
            raise InputError(
                f"Expected a Dask scheduler at {self.address}.",
                "It cannot be reached: "
                + (
                    f"no answer within {REACH_SECONDS:g} seconds."
                    if isinstance(error, TimeoutError)
                    else words_of(error, 160)
                ),
                "Start it (dask scheduler), or check the address; --engine local needs none.",
            ) from None

    def _compared(self) -> list[str]:
        """Compare the versions here with those of the workers; give what differs."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"] if _takes_count(self._client) else self._client.scheduler_info()["workers"]  # fmt: skip
        if not workers:
            raise MachineError(f"the cluster at {self.address} has no workers. Start one: dask worker {self.address}")
        try:
            there = self._client.run(_versions, ALIKE)
        except Exception as error:  # noqa: BLE001  whatever the workers raise
            raise InputError(
                f"Expected workers at {self.address} that have modelglass.",
                f"They cannot run it: {words_of(error, 200)}",
                "Install the same modelglass there.",
            ) from None
        here, found = _versions(ALIKE), []
        for worker, versions in there.items():
            other = [f"{n} {versions[n]} there and {here[n]} here" for n in ALIKE if versions[n] != here[n]]
            if other:
                found.append(f"The worker {worker} has other versions, so numbers may differ: {listed(other)}.")
        return found

    def close(self) -> None:
        """Let go of the cluster and of what was sent."""
        with self._lock:
            begun = [begun[1:] for begun in self._begun.values()]
            self._begun.clear()
        for future, token in begun:
            self._give_up(future, token)
        with suppress(Exception):  # a cluster that is gone has nothing to let go
            self._client.close(timeout=2)

    def _give_up(self, future: Any, token: str) -> None:
        """Take a task back: one that waits never starts, one that runs ends at its next report."""
        with suppress(Exception):  # of a cluster that is gone
            future.cancel()
            self._client.run(_stop, token, wait=False)

    # running

    def run(
        self, ev: Evaluation, analysis: Analysis | str, *, progress: Progress | None = None, **settings: Any
    ) -> Outcome:
        """Run one analysis as a task; a stop, and the end of a budget, reach it at its next report."""
        record = get(analysis) if isinstance(analysis, str) else analysis
        with self._lock:
            _, future, token = self._begun.pop(_key(ev, record, settings), (ev, None, ""))
        if future is None:
            future, token = self._begin(ev, record, settings)
        kind, what = self._awaited(future, token, record, progress)
        if kind == "error":
            raise _rebuilt(what)
        return Outcome(
            analysis=record, result=what if kind == "result" else None, reason=what if kind == "reason" else None
        )

    def ahead(self, asked: Iterable[Asked]) -> None:
        """Begin analyses that will be asked for."""
        for ev, analysis, settings in asked:
            record = get(analysis) if isinstance(analysis, str) else analysis
            key = _key(ev, record, settings)
            with suppress(Exception), self._lock:  # told when it is asked for
                if key not in self._begun:
                    self._begun[key] = (ev, *self._begin(ev, record, dict(settings)))

    def _begin(self, ev: Evaluation, record: Analysis, settings: Mapping[str, Any]) -> tuple[Any, str]:
        token = uuid.uuid4().hex
        state = ev.__getstate__()
        shared, key = self._send(state.pop("shared"))
        sent = _pickled((state, record, dict(settings)), "the settings")
        future = self._client.submit(_work, shared, key, sent, left(), token, key=f"modelglass-{record.name}-{token}", pure=False, retries=0)  # fmt: skip
        return future, token

    def _send(self, shared: Shared) -> tuple[Any, str]:
        """Send model and data, once for all their cohorts."""
        with self._lock:
            if id(shared) not in self._sent:
                key = uuid.uuid4().hex
                payload = _pickled(shared, f"the model {shared.data.model.name if shared.data.model else ''}".strip())
                self._sent[id(shared)] = (shared, (self._client.scatter(payload, hash=False), key))
                while len(self._sent) > MOST_HELD:
                    self._sent.popitem(last=False)
            self._sent.move_to_end(id(shared))
            return self._sent[id(shared)][1]

    def _awaited(self, future: Any, token: str, record: Analysis, progress: Progress | None) -> tuple[str, Any]:
        over = threading.Event()
        future.add_done_callback(lambda _: over.set())
        try:
            while not over.wait(EVERY):
                share, what = self._told.get(token, (0.0, f"{record.title}, on the cluster"))
                tell(progress, share, what)
                self._check_alive(record)
            try:
                return future.result(timeout=2 * REACH_SECONDS)
            except (Exception, CancelledError) as error:  # what the analysis itself raises comes back as a value
                raise self._lost(record, error) from error
        except BaseException:
            self._give_up(future, token)
            raise
        finally:
            self._told.pop(token, None)

    def _check_alive(self, record: Analysis) -> None:
        if self._client.status != "running":
            raise self._lost(record, None)
        if self._client.scheduler_info()["workers"]:
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = time.monotonic()
        elif time.monotonic() - self._alone_since > ALONE_SECONDS:
            raise MachineError(f"the cluster at {self.address} has had no worker for {ALONE_SECONDS:g} seconds, so {record.title} was given up.")  # fmt: skip

    def _lost(self, record: Analysis, error: BaseException | None) -> MachineError:
        why = f" ({words_of(error, 160)})" if error is not None else ""
        return MachineError(
            f"the cluster at {self.address} was lost while it worked on {record.title}{why}. It was not tried again."
        )

    def _hear(self, event: tuple[float, Any]) -> None:
        """Take a report of a task."""
        with suppress(TypeError, ValueError):
            token, share, what = event[1]
            self._told[str(token)] = (float(share), str(what))


def _check_answers(address: str) -> None:
    """Raise OSError where nothing listens, or what listens says nothing: a scheduler greets at once, and Dask waits long for one."""
    host, _, port = address.removeprefix("tcp://").rstrip("/").rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_SECONDS) as greeted:
        if not greeted.recv(1):
            raise ConnectionAbortedError


def _takes_count(client: Any) -> bool:
    """Whether this Dask lists only some workers unless all are asked for."""
    return "n_workers" in client.scheduler_info.__code__.co_varnames


def _key(ev: Evaluation, record: Analysis, settings: Mapping[str, Any]) -> Hashable:
    return id(ev), record.name, repr(sorted(settings.items()))


def _pickled(what: Any, name: str) -> bytes:
    import cloudpickle

    try:
        return cloudpickle.dumps(what)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  whatever an object raises, it cannot be pickled
        raise InputError(
            "Expected a model and settings that can be sent to a cluster.",
            f"Python cannot pickle {name}: {words_of(error, 160)}",
            "Use --engine local.",
        ) from None


def _rebuilt(told: tuple[type[BaseException], tuple[Any, ...], dict[str, Any]]) -> BaseException:
    kind, given, state = told
    error = kind.__new__(kind, *given)
    error.args = given
    error.__dict__.update(state)
    return error


# there ---------------------------------------------------------------------------------------------------------------

MOST_HELD = 4
"""Models with their data that are kept sent, and unpacked on a worker."""
_held: OrderedDict[str, Any] = OrderedDict()
_held_lock = threading.Lock()
_stopped: set[str] = set()


def _versions(names: Iterable[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = sys.version.split()[0] if name == "python" else version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


async def _stop(token: str) -> None:
    _stopped.add(token)


def _unpacked(payload: bytes, key: str) -> Shared:
    with _held_lock:
        if key not in _held:
            try:
                _held[key] = pickle.loads(payload)  # noqa: S301  sent by whoever was let into the cluster
            except ModuleNotFoundError as error:
                raise InputError(
                    "Expected workers that can load the model.",
                    f"They lack the module {error.name}.",
                    "Install there what is installed here.",
                ) from None
            while len(_held) > MOST_HELD:
                _held.popitem(last=False)
        _held.move_to_end(key)
        return _held[key]


def _work(payload: bytes, key: str, sent: bytes, budget: tuple[float, float] | None, token: str) -> tuple[str, Any]:
    """Do one task on a worker: give ("result", it), ("reason", why there is none) or ("error", what it takes to raise it)."""
    worker, last = _library().get_worker(), 0.0

    def heard(share: float, what: str) -> None:
        nonlocal last
        if token in _stopped:
            raise Stopped("Stopped.")
        if time.monotonic() - last > EVERY:
            last = time.monotonic()
            worker.log_event(TOPIC, [token, float(share), str(what)])

    try:
        state, record, settings = pickle.loads(sent)  # noqa: S301  as above
        ev = Evaluation.__new__(Evaluation)
        ev.__setstate__({**state, "shared": _unpacked(payload, key)})
        with within_budget(None if budget is None else budget[1], None if budget is None else budget[0]):
            outcome = run(ev, record, progress=heard, **settings)
        return ("reason", outcome.reason) if outcome.result is None else ("result", outcome.result)
    except Exception as error:  # noqa: BLE001  raised again by whoever asked
        return "error", _told_of(error)
    finally:
        _stopped.discard(token)


def _told_of(error: Exception) -> tuple[type[BaseException], tuple[Any, ...], dict[str, Any]]:
    told = (type(error), error.args, dict(error.__dict__))
    try:
        pickle.loads(pickle.dumps(told))  # noqa: S301  our own
    except Exception:  # noqa: BLE001  an exception of foreign code may hold anything
        return RuntimeError, (words_of(error, 500),), {}
    return told
