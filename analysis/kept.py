"""What follows from data that does not change is made once and kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any


class Kept:
    """Values by key, each made once, however many threads ask.

    >>> kept = Kept()
    >>> kept("a", lambda: 1), kept("a", lambda: 2)
    (1, 1)
    """

    def __init__(self) -> None:
        self._lock, self._made = threading.RLock(), dict[Hashable, Any]()

    def __call__(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Give what was made under this key, making it the first time; an error of ``make`` is raised and not kept."""
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]

    def put(self, key: Hashable, made: Any) -> None:
        """Keep what was made elsewhere, unless something is kept already."""
        self(key, lambda: made)

    def __reduce__(self) -> tuple[type, tuple[()]]:
        """Travel empty: what was made is made again where it is needed."""
        return Kept, ()

    def __contains__(self, key: Hashable) -> bool:
        """Tell whether something was made under this key."""
        return key in self._made
