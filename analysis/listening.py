"""What a model prints while it predicts: kept from standard output, where results go, and told to the person instead.

Python's ``print`` of the asking thread is caught for both streams; what compiled code writes is caught on standard output only
(on standard error, where messages go anyway, it may tell of a crash).
"""

from __future__ import annotations

import atexit
import ctypes
import io
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

MOST = 10_000
"""Letters kept of what one call prints."""

_here = threading.local()
_lock = threading.Lock()
_inside: dict[int, int] = {}
_streams: dict[str, _Ear] = {}
_pipe: _Pipe | None = None


class _Ear(io.TextIOBase):
    """Stands where a stream stood: hears the threads that listen, passes on what others write."""

    def __init__(self, stream: Any):
        self.stream = stream

    def write(self, text: str) -> int:
        heard: list[str] | None = getattr(_here, "heard", None)
        if heard is None:
            return self.stream.write(text)
        if sum(map(len, heard)) < MOST:
            heard.append(text[:MOST])
        return len(text)

    def flush(self) -> None:
        self.stream.flush()

    def fileno(self) -> int:
        return self.stream.fileno()

    def isatty(self) -> bool:
        return bool(self.stream.isatty())

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self.stream, "encoding", None) or "utf-8"

    @property
    def buffer(self) -> Any:
        return self.stream.buffer


class _Pipe:
    """Standard output of compiled code, led into a file."""

    def __init__(self) -> None:
        self.file: BinaryIO = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  lives as long as the process
        atexit.register(self.file.close)
        self.saved: int | None = None

    def open(self) -> None:
        try:
            _flush()
            self.saved = os.dup(1)
            os.dup2(self.file.fileno(), 1)
        except OSError:  # there is no standard output
            self.saved = None

    def close(self) -> str:
        if self.saved is None:
            return ""
        _flush()
        os.dup2(self.saved, 1)
        os.close(self.saved)
        self.saved = None
        if not self.file.tell():
            return ""
        self.file.seek(0)
        text = self.file.read(MOST).decode("utf-8", "replace")
        self.file.seek(0)
        self.file.truncate()
        return text


def _flush() -> None:
    """Send off what waits in Python's and C's buffers of standard output, so that it goes where it was meant to."""
    with suppress(OSError, ValueError, AttributeError):
        sys.__stdout__.flush()  # type: ignore[union-attr]
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).fflush(None)


@contextmanager
def listening(heard: list[str]) -> Iterator[None]:
    """Append to ``heard`` what is printed inside; nested and simultaneous use is fine."""
    before = getattr(_here, "heard", None)
    _here.heard = heard
    _enter()
    try:
        yield
    finally:
        _here.heard = before
        text = _leave()
        if text:
            heard.append(text)


def abandon(thread: int | None) -> None:
    """Stop listening to a thread that will not come back."""
    with _lock:
        if _inside.pop(thread or 0, None) is not None and not _inside:
            _restore()


def _enter() -> None:
    global _pipe
    thread = threading.get_ident()
    with _lock:
        first = not _inside
        _inside[thread] = _inside.get(thread, 0) + 1
        if not first:
            return
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is not None:
                _streams[name] = _Ear(stream)
                setattr(sys, name, _streams[name])
        if _pipe is None:
            _pipe = _Pipe()
        _pipe.open()


def _leave() -> str:
    thread = threading.get_ident()
    with _lock:
        if thread not in _inside:
            return ""
        _inside[thread] -= 1
        if not _inside[thread]:
            del _inside[thread]
        return "" if _inside else _restore()


def _restore() -> str:
    for name, ear in _streams.items():
        if getattr(sys, name) is ear:
            setattr(sys, name, ear.stream)
    _streams.clear()
    return _pipe.close() if _pipe is not None else ""
