"""A lock between processes: held through an open file, so that it ends with the process that holds it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from modelglass.analysis.errors import MachineError

PATIENCE = 10.0


@contextlib.contextmanager
def locked(path: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lock file (made where absent, never removed) while the block runs; threads exclude each other too.

    Raises
    ------
    MachineError
        Another process holds it for longer than ``patience`` seconds.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        until = time.monotonic() + patience
        while not _taken(handle):
            if time.monotonic() > until:
                raise MachineError(
                    f"Another modelglass has been writing beside {path.parent} for {patience:g} s. Try again."
                )
            time.sleep(0.01)
        try:
            yield
        finally:
            _left(handle)
    finally:
        os.close(handle)


if os.name == "nt":  # pragma: no cover  the other half runs here
    import msvcrt

    def _taken(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True

    def _left(handle: int) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined,unused-ignore]

else:
    import fcntl

    def _taken(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _left(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)
