"""The code that a model's classes and functions come from, where it is the person's own: a pickle only names it."""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from collections.abc import Iterable
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FunctionType, ModuleType

LIBRARIES = ("site-packages", "dist-packages")
_read: dict[str, tuple[ModuleSpec | None, bytes]] = {}
"""What was read for each module as it was loaded: an edit of its file changes the running code only once it is loaded again."""


def code_hash(names: Iterable[str]) -> bytes:
    """Hash the source files of modules by name, and of the own modules that they in turn use; b"" where all belong to libraries.

    Libraries are told by their versions elsewhere.

    Raises
    ------
    OSError
        A file cannot be read.
    """
    found: dict[str, bytes] = {}
    waiting = [module for name in names if (module := sys.modules.get(name)) is not None]
    while waiting:
        module = waiting.pop()
        source = _own_source(module)
        if source is None or module.__name__ in found:
            continue
        found[module.__name__] = _hash(module, source)
        for value in list(vars(module).values()):
            used = value if isinstance(value, ModuleType) else _home(value)
            if used is not None:
                waiting.append(used)
    return b"".join(name.encode() + b"\x00" + digest for name, digest in sorted(found.items()))


def _hash(module: ModuleType, source: Path) -> bytes:
    known = _read.get(module.__name__)
    if known is None or known[0] is not module.__spec__:  # loading again makes a new one
        known = _read[module.__name__] = module.__spec__, hashlib.blake2b(source.read_bytes()).digest()
    return known[1]


def _home(value: object) -> ModuleType | None:
    """Give the module of a class, a function or of an object's class, without asking the object, which may be anything."""
    name = (value if isinstance(value, (type, FunctionType)) else type(value)).__module__
    return sys.modules.get(name) if isinstance(name, str) else None


def _own_source(module: ModuleType) -> Path | None:
    """Give the file of a module that is no library's, nor Python's, nor of this package."""
    name, text = getattr(module, "__name__", ""), getattr(module, "__file__", None)
    if not isinstance(text, str) or name.partition(".")[0] == "modelglass" or name not in sys.modules:
        return None
    path = Path(text)
    if path.suffix != ".py" or set(LIBRARIES) & set(path.parts) or any(path.is_relative_to(f) for f in _pythons()):
        return None
    return path if path.is_file() else None


@cache
def _pythons() -> tuple[str, ...]:
    return tuple(dict.fromkeys(sysconfig.get_path(which) for which in ("stdlib", "platstdlib")))
