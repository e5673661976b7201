"""What this server offers to whoever opens it: whether others can reach it, the folders the operator named, the time of an analysis."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from modelglass.analysis.budget import checked_seconds
from modelglass.analysis.errors import InputError

LOCAL = ("127.0.0.1", "localhost", "::1")
LARGEST_UPLOAD = 200
"""Megabytes of one uploaded file."""
MOST_LISTED, DEEPEST = 2_000, 4
_folders: tuple[Path, ...] = ()
_shared = False
_budget: float | None = None


def agree(host: str = "127.0.0.1", folders: Sequence[str] = (), budget: float | None = None) -> None:
    """Set the terms of this process, before it serves.

    Raises
    ------
    InputError
        A folder that is not there, or a budget that is none.
    """
    global _folders, _shared, _budget
    for folder in folders:
        if not os.path.isdir(os.path.expanduser(folder)):
            raise InputError("Expected a folder as --folder.", f"{folder} is none.", "Check the path.")
    _folders = tuple(dict.fromkeys(Path(os.path.expanduser(f)).resolve() for f in folders))
    _shared, _budget = host not in LOCAL, None if budget is None else checked_seconds(budget)


def shared() -> bool:
    """Whether people on other machines can reach this server: then nothing of this user's own is offered or kept."""
    return _shared


def budget() -> float | None:
    """Give the seconds that one analysis may take; None: as long as it needs."""
    return _budget


def folders() -> tuple[Path, ...]:
    """Give the folders in which files may be named, whole and without links."""
    return _folders


def inside(text: str) -> Path:
    """Give the file that a person named, with links and ``..`` followed; a relative path is looked for in each folder.

    Raises
    ------
    InputError
        It lies in none of the folders (whether it exists is not said then), or it is no file there.
    """
    named = Path(text.strip())
    tried = [named] if named.is_absolute() else [folder / named for folder in _folders]
    there = []
    for path in tried:
        try:
            whole = path.resolve()
            within = any(whole.is_relative_to(folder) for folder in _folders)
            if within and whole.is_file():
                return whole
        except (OSError, ValueError, RuntimeError):  # a NUL, a name too long, links in a circle
            continue
        there.append(within)
    if any(there):
        raise InputError("Expected a file.", f"There is no file {text.strip()[:200]!r}.", "Choose one from the list.")
    raise InputError(
        f"Expected a file inside {' or '.join(map(str, _folders)) or 'a folder that the operator named'}.",
        f"{text.strip()[:200]!r} is not.",
        "Whoever starts modelglass names folders with --folder DIR.",
    )


def listed(endings: Iterable[str]) -> list[str]:
    """Give the files with these endings in the folders, a bounded number; links are not followed."""
    wanted, found = {e.lower() for e in endings}, []
    for folder in _folders:
        for place, below, names in os.walk(folder):
            below[:] = sorted(b for b in below if not b.startswith("."))
            if len(Path(place).relative_to(folder).parts) >= DEEPEST:
                below.clear()
            for name in sorted(names):
                if Path(name).suffix.lower() in wanted:
                    found.append(str(Path(place) / name))
                if len(found) >= MOST_LISTED:
                    return found
    return found
