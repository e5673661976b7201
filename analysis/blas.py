"""How many threads linear algebra (BLAS) and small models (OpenMP) take: few where several workers share the machine, or where there is little to do.

Unlike OpenMP's, the number of BLAS belongs to the process. So whoever limits it says so here, and the number before is back when the last one has left.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from threadpoolctl import ThreadpoolController, threadpool_limits

_lock = threading.Lock()
_asked: list[int] = []
_before: dict[str, int] = {}


@contextmanager
def blas_threads(most: int) -> Iterator[None]:
    """Let BLAS use at most so many threads while inside; where several ask at a time, the smallest number holds.

    Its threads wait for one another by spinning: beside a browser on two cores a linear model on 20,000 rows and 50 columns took 6 to 12 s with
    two threads and 1 to 1.5 s with one.

    >>> with blas_threads(1):
    ...     pass
    """
    with _lock:
        _asked.append(most)
        _apply()
    try:
        yield
    finally:
        with _lock:
            _asked.remove(most)
            _apply()


def one_openmp_thread() -> AbstractContextManager[Any]:
    """Let OpenMP use one thread while inside: where others work too, the threads of a small model mostly wait for one another."""
    return threadpool_limits(limits=1, user_api="openmp")


def _apply() -> None:
    """Set the smallest number asked for, nowhere more than there were; what was found is put back where nobody asks."""
    for library in ThreadpoolController().select(user_api="blas").lib_controllers:
        if library.filepath not in _before:
            _before[library.filepath] = library.num_threads
        library.set_num_threads(min([_before[library.filepath], *_asked]))
        if hasattr(library, "clear_controlling_thread"):
            # threadpoolctl heeds one thread until that lets go; here any may leave last
            library.clear_controlling_thread()
    if not _asked:
        _before.clear()
