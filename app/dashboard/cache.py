"""A small cache shared by all sessions: bounded, locked, and computed once however many ask."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd


class Cache:
    """Keep the values used last, up to a number of entries and a number of bytes.

    Parameters
    ----------
    entries : int
        Most values kept.
    size : int
        Most bytes kept (as `size_of` counts); a value larger than this is handed out and not kept.
    """

    def __init__(self, entries: int, size: int):
        self.entries, self.size, self.held = entries, size, 0
        self._lock = threading.Lock()
        self._making: dict[Hashable, threading.Event] = {}
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable) -> Any | None:
        """Give the kept value, or None."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, key: Hashable, value: Any) -> bool:
        """Keep a value (not None), dropping what was not used for longest; say whether it is small enough to be kept."""
        size = size_of(value)
        with self._lock:
            if key in self._kept:
                self.held -= self._kept.pop(key)[1]
            if size > self.size:
                return False
            self._kept[key] = (value, size)
            self.held += size
            while len(self._kept) > self.entries or self.held > self.size:
                self.held -= self._kept.popitem(last=False)[1][1]
        return True

    def drop(self, key: Hashable) -> None:
        """Forget a value, where it is kept."""
        with self._lock:
            if key in self._kept:
                self.held -= self._kept.pop(key)[1]

    def get_or_make(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Give the kept value, or make and keep it; others who ask meanwhile wait for the same one.

        An error of ``make`` is raised here and not kept: the next who asks tries again.
        """
        while True:
            value = self.get(key)
            if value is not None:
                return value
            with self._lock:
                other = self._making.get(key)
                if other is None:
                    mine = self._making[key] = threading.Event()
            if other is None:
                break
            other.wait()
        try:
            value = make()
            self.put(key, value)
            return value
        finally:
            with self._lock:
                del self._making[key]
            mine.set()


def size_of(value: Any) -> int:
    """Estimate the bytes of a result: its arrays, frames and texts.

    >>> size_of(np.zeros(10))
    80
    """
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, (pd.DataFrame, pd.Series)):
        return int(np.sum(value.memory_usage(deep=len(value) <= 10_000)))
    if isinstance(value, (str, bytes)):
        return sys.getsizeof(value)
    if isinstance(value, dict):
        return sum(size_of(v) for v in value.values())
    if isinstance(value, (list, tuple)):
        return sum(size_of(v) for v in value)
    if is_dataclass(value):
        return 200 + sum(size_of(getattr(value, f.name)) for f in fields(value))
    return 64
