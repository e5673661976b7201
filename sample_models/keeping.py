"""Where sample models are kept, and how a folder is written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from modelglass.analysis.errors import InputError, MachineError

STAMP = "stamp.json"
_MOVING = threading.Lock()  # threads of one process (sessions of the dashboard) look and move one at a time
STAMPED = ("modelglass", "scikit-learn", "skops", "numpy")


def home() -> Path:
    """Give the folder where modelglass keeps what it makes for this user (it need not exist yet).

    ``$MODELGLASS_HOME`` decides; else ``$XDG_DATA_HOME/modelglass``; else the platform's own place.
    """
    if chosen := os.environ.get("MODELGLASS_HOME"):
        return Path(os.path.expanduser(chosen))
    if data := os.environ.get("XDG_DATA_HOME"):
        return Path(data) / "modelglass"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "modelglass"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "modelglass"
    return Path.home() / ".local" / "share" / "modelglass"


@cache
def stamp() -> dict[str, str]:
    """Give what a kept sample depends on: the versions that trained it and a hash of these scripts."""
    scripts = hashlib.sha256()
    for script in sorted(Path(__file__).parent.glob("*.py")):
        scripts.update(script.read_bytes())
    return {**{name: _version(name) for name in STAMPED}, "scripts": scripts.hexdigest()[:16]}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def key() -> str:
    """Give the stamp in eight letters: environments that differ keep their samples apart."""
    return hashlib.sha256(json.dumps(stamp(), sort_keys=True).encode()).hexdigest()[:8]


def is_whole(folder: Path) -> bool:
    """Say whether ``folder`` holds a sample of this stamp with every file at its full size."""
    try:
        noted = json.loads((folder / STAMP).read_text("utf-8"))
        return noted["stamp"] == stamp() and all(
            (folder / name).stat().st_size == size for name, size in noted["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False  # absent, cut short or of another shape: each means "make it again"


def keep(folder: Path, write: Callable[[Path], None]) -> Path:
    """Give ``folder`` with the files that ``write(empty folder)`` makes, making them only where needed.

    The files are written beside it and moved in at once, so nobody ever sees half a sample. Where several
    processes make the same one, the first to finish wins and the others use it.

    Raises
    ------
    InputError
        The place is taken by something that is not a sample.
    MachineError
        It cannot be written: no permission, no space.
    """
    if is_whole(folder):
        return folder
    if folder.exists() and not _is_ours(folder):
        raise InputError(
            f"Expected {folder} to be free for a sample model.",
            "It exists and was not made by modelglass.",
            "Move it away, or choose another folder.",
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            write(draft)
            sizes = {path.name: path.stat().st_size for path in sorted(draft.iterdir())}
            (draft / STAMP).write_text(json.dumps({"stamp": stamp(), "files": sizes}, indent=1), "utf-8")
            draft.chmod(0o755)  # mkdtemp closes it to others; a sample is nothing private
            _move_in(draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise MachineError(
            f"Could not write the sample model to {folder}.\n{error}\n"
            "Free some space, or set MODELGLASS_HOME to a folder that you may write to."
        ) from error
    return folder


def _is_ours(folder: Path) -> bool:
    return folder.is_dir() and ((folder / STAMP).exists() or not any(folder.iterdir()))


def _move_in(draft: Path, folder: Path) -> None:
    """Put ``draft`` at ``folder``; leave a whole sample that another process put there meanwhile."""
    aside = Path(f"{draft}-old")
    for _ in range(10):
        try:
            with _MOVING:
                if is_whole(folder):
                    return
                if folder.exists():
                    folder.replace(aside)
                draft.replace(folder)
                return
        except OSError:
            # Another process moved first, and the next look finds its sample; or this one cannot be moved.
            if not folder.exists():
                raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    raise OSError(f"{folder} is being changed by another process")
