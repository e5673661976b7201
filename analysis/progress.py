"""Long work in short blocks, so that it can report, be stopped, and let others run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

Progress = Callable[[float, str], None]
"""Called with (share done in [0, 1], what is being done); an exception it raises stops the work cleanly."""

EVEN = 64
"""Libraries of linear algebra take rows in small groups, and those left over in another way, which rounds differently."""


def tell(progress: Progress | None, share: float, what: str) -> None:
    """Report, where someone listens."""
    if progress is not None:
        progress(min(max(share, 0.0), 1.0), what)


def heard(progress: Progress | None) -> tuple[Progress, list[BaseException]]:
    """Give a progress that passes everything on, and the list of what the other one raises: whoever listens ends the work, and no fault of the work is that."""
    raised: list[BaseException] = []

    def listening(share: float, what: str) -> None:
        try:
            tell(progress, share, what)
        except BaseException as error:
            raised.append(error)
            raise

    return listening, raised


def blocks(n: int, *, start: int = 64, seconds: float = 0.2, most: int | None = None) -> Iterator[slice]:
    """Cut ``n`` rows into slices whose handling takes about ``seconds`` each.

    The time between two slices is measured and the next size follows it (at most fourfold growth a step), so a slow model
    is asked for few rows at a time and a fast one for many. Where asking for fewer rows does not make it quicker (each call costs
    the same, on a busy machine say), it is asked for more instead. Never an empty slice. Large slices are multiples of ``EVEN`` rows, so
    that the last digit of what a row is worth does not hang on how fast the machine was.

    >>> [s.stop - s.start for s in blocks(10, start=4, most=4)]
    [4, 4, 2]
    """
    at, size = 0, max(1, start)
    larger: tuple[int, float] | None = None  # rows and seconds of the slice before the size was cut
    while at < n:
        stop = min(n, at + size)
        began = time.perf_counter()
        yield slice(at, stop)
        rows, spent = stop - at, max(time.perf_counter() - began, 1e-6)
        if larger is not None and spent > larger[1] * (1 + rows / larger[0]) / 2:
            wanted, larger = 2.0 * larger[0], None
        elif spent > 1.25 * seconds:
            wanted, larger = rows * min(seconds / spent, 0.7), (rows, spent)
        else:
            wanted, larger = rows * min(max(seconds / spent, 1.0), 4.0), None
        size = int(min(max(wanted, 1), most or n))
        size -= size % EVEN if size >= 4 * EVEN else 0
        at = stop


def lots(n: int, size: int) -> list[np.ndarray]:
    """Cut places 0 to n - 1 into arrays of at most ``size``, so that what is made of one at a time fits into memory.

    >>> [at.tolist() for at in lots(5, 2)]
    [[0, 1], [2, 3], [4]]
    """
    return [np.arange(i, min(i + size, n)) for i in range(0, n, size)]


def span(progress: Progress | None, low: float, high: float) -> Progress | None:
    """Give a progress that fills the part from ``low`` to ``high`` of another."""
    if progress is None:
        return None
    return lambda share, what: progress(low + (high - low) * share, what)
