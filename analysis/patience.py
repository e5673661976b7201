"""How long a model may take to answer, and what ends a process whose model never does.

Two clocks. A batch is predicted in a thread of its own, and whoever waits for it gives up after the limit: that serves notebooks and the
dashboard. Compiled code that holds Python's lock would stop that clock too, so the command line also starts a small process beside
itself, which ends it from outside.
"""

from __future__ import annotations

import contextvars
import ctypes
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from modelglass.analysis.errors import InputError, MachineError
from modelglass.analysis.listening import abandon
from modelglass.analysis.odd_signs import visible

VARIABLE = "MODELGLASS_PREDICT_SECONDS"
SECONDS = 600.0
"""Seconds that one batch of rows may take, and importing or unpickling a model."""

GRACE = 5.0
"""Seconds that the process beside waits longer, so that the kinder clock comes first."""

EXIT_CODE = 3
"""The machine could not. Also the number of SIGQUIT, and what Windows makes the exit code of a process that is ended with it."""

T = TypeVar("T")


def limit() -> float:
    """Give the seconds a batch may take: MODELGLASS_PREDICT_SECONDS, else 600; infinity where it says 0.

    Raises
    ------
    InputError
        The variable holds something else than a number of seconds.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return SECONDS
    with suppress(ValueError):
        seconds = float(text)
        if seconds >= 0 and not math.isnan(seconds):
            return seconds or math.inf
    raise InputError(
        f"Expected {VARIABLE} to be a number of seconds (0: no limit).", f"It is {text!r}.", "Set e.g. 600."
    )


def said(seconds: float, work: int | str) -> str:
    """Say that a model did not answer about so many rows, or that other work such as "importing shop" did not end."""
    if isinstance(work, str):
        return f"{work} did not end within {seconds:g} seconds. Set the variable {VARIABLE} to allow more."
    return (
        f"the model did not answer for {work:,} row{'' if work == 1 else 's'} within {seconds:g} seconds. "
        f"Try fewer rows, or set the variable {VARIABLE} to allow more."
    )


def within(ask: Callable[[], T], seconds: float, work: int | str) -> T:
    """Run ``ask`` and give what it gives or raises; ``work``: rows that a model is asked about, or what else is done.

    Raises
    ------
    MachineError
        It took longer than ``seconds``. Its thread cannot be ended; it is left alone and does not keep the process alive.
    """
    if math.isinf(seconds):
        return ask()
    from sklearn import config_context, get_config

    here, settings = contextvars.copy_context(), get_config()
    ended: list[tuple[bool, Any]] = []

    def run() -> None:
        try:
            with config_context(**settings):  # scikit-learn keeps its settings by thread
                ended.append((True, here.run(ask)))
        except BaseException as error:  # noqa: BLE001  raised again by whoever waits
            ended.append((False, error))

    thread = threading.Thread(target=run, name="modelglass predicts", daemon=True)
    _tell_guard(seconds + GRACE, work)
    thread.start()
    thread.join(min(seconds, threading.TIMEOUT_MAX))
    if thread.is_alive():
        abandon(thread.ident)
        _write_guard(GRACE, "")  # it stays awake, ending the process may get stuck as well; but this is said once
        raise MachineError(said(seconds, work))
    _tell_guard(0, work)
    done, what = ended[0]
    if done:
        return what
    raise what


_WATCH = """
import os, queue, sys, threading
heard = queue.Queue()
def listen():
    for line in sys.stdin:
        heard.put(line)
    heard.put("")
threading.Thread(target=listen, daemon=True).start()
wait, text = None, ""
while True:
    try:
        line = heard.get(timeout=wait)
    except queue.Empty:
        if text:
            sys.stderr.write("The machine could not: " + text + "\\n")
            sys.stderr.flush()
        os.kill(int(sys.argv[1]), int(sys.argv[2]))
        break
    if not line:
        break
    seconds, _, text = line.strip().partition(" ")
    wait = float(seconds) or None
"""

_guard: subprocess.Popen[str] | None = None


def _tell_guard(seconds: float, work: int | str) -> None:
    _write_guard(seconds, said(max(seconds - GRACE, 0), work))


def _write_guard(seconds: float, text: str) -> None:
    if _guard is not None and _guard.stdin is not None:
        with suppress(OSError, ValueError):
            _guard.stdin.write(f"{min(seconds, 1e6)} {visible(text, keep='')}\n")
            _guard.stdin.flush()


@contextmanager
def guarded() -> Iterator[None]:
    """Let a process beside this one end it with exit code 3, should a model hang while holding Python's lock.

    For the command line only: in a notebook the person decides.
    """
    global _guard
    if _guard is not None or not sys.executable:
        yield
        return
    try:
        _guard = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _WATCH, str(os.getpid()), str(EXIT_CODE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
    except OSError:
        yield
        return
    before = _leave_on_quit()
    try:
        yield
    except MachineError:
        raise  # the guard stays until this process has ended
    except BaseException:
        _dismiss(before)
        raise
    else:
        _dismiss(before)


def _dismiss(handler: Any) -> None:
    global _guard
    guard, _guard = _guard, None
    if guard is not None and guard.stdin is not None:
        with suppress(OSError):
            guard.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            guard.wait(2)
    if handler is not None:
        ctypes.CDLL(None).signal(EXIT_CODE, ctypes.c_void_p(handler))


def _leave_on_quit() -> Any:
    """Make SIGQUIT end this process with exit code 3 without asking Python, which may be stuck; gives the handler before."""
    if os.name != "posix" or signal.SIGQUIT != EXIT_CODE:
        return None
    library = ctypes.CDLL(None)
    library.signal.restype = ctypes.c_void_p
    library.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    return library.signal(EXIT_CODE, ctypes.cast(library._exit, ctypes.c_void_p)) or 0
