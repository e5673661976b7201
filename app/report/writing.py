"""A file is written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from modelglass.analysis.errors import InputError, MachineError


def checked_path(path: str | os.PathLike[str]) -> Path:
    """Check, before any work, that a file can be written there.

    Raises
    ------
    InputError
        The path is a folder, its folder does not exist, or nothing can be written in it.
    """
    path = Path(os.path.expanduser(path))
    folder = path.absolute().parent
    expected = "Expected a path for the report, such as report.html."
    if path.is_dir():
        raise InputError(expected, f"{path} is a folder.", f"Name a file in it: {path / 'report.html'}")
    if not folder.is_dir():
        raise InputError(expected, f"The folder {folder} does not exist.", "Make the folder first, or choose another.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(expected, f"Nothing may be written in the folder {folder}.", "Choose a folder that is yours.")
    return path


def write_whole(path: Path, text: str) -> Path:
    """Write text so that the file is there whole or not at all, whatever happens meanwhile.

    Raises
    ------
    MachineError
        The disk is full or gave out; an older file of that name is untouched.
    """
    handle, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8", "replace"))
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())
        os.replace(name, path)
    except OSError as error:
        raise MachineError(
            f"The report could not be written to {path}: {error.strerror or error}. Nothing was left there."
        ) from error
    finally:
        Path(name).unlink(missing_ok=True)
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
