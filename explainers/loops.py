"""Which files hold compiled loops, whether their compiled code is kept on disk, and whether loops are held back until it is; no numba is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

ROOM = Path(__file__).resolve().parent
LOOPS = (
    ROOM / "abreast_kernels.py",
    ROOM / "bin_kernels.py",
    ROOM / "effect_kernels.py",
    ROOM / "interaction_kernels.py",
    ROOM / "mask_kernels.py",
    ROOM / "neighbour_kernels.py",
    ROOM / "shuffle_kernels.py",
    ROOM / "step_kernels.py",
    ROOM / "tree_kernels.py",
    ROOM / "tree_walks.py",
    ROOM.parent / "analysis" / "search_kernels.py",
)
_held_back: ContextVar[bool] = ContextVar("loops_held_back", default=False)


def is_warm(loops: tuple[Path, ...] = LOOPS) -> bool:
    """Tell whether each file of loops has compiled code beside it that is not older.

    Compiled code is kept for each kind of input, so a model of another kind may still wait for its own. Where numba keeps its cache elsewhere
    (``NUMBA_CACHE_DIR``, a folder that cannot be written), the answer is no.
    """
    return all(any(found.stat().st_mtime >= loop.stat().st_mtime for found in kept(loop)) for loop in loops)


def kept(loop: Path) -> list[Path]:
    """Give the files of compiled code of a file of loops."""
    return list((loop.parent / "__pycache__").glob(f"{loop.stem}.*.nbi"))


@contextmanager
def asked_while_cold() -> Iterator[None]:
    """Ask the model where the loops of effects would have to be compiled first: that takes longer than asking about few rows."""
    before = _held_back.set(not is_warm())
    try:
        yield
    finally:
        _held_back.reset(before)


def held_back() -> bool:
    """Tell whether loops of effects are to be left alone, because they are cold and whoever asks does not wait for them."""
    return _held_back.get()
