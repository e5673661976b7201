"""On a first start the fast loops are compiled by a process of their own, so that pages are not held up; and pages say so."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys

import streamlit as st

from modelglass.app.dashboard.guard import part
from modelglass.explainers.loops import is_warm

OFF = "MODELGLASS_WARM"
SAID = (
    ":material/bolt: First start: fast loops are being compiled in the background (once, up to a minute or so). "
    "Until that is done an explanation may take some seconds longer."
)
EVERY = 3.0
_process: subprocess.Popen[bytes] | None = None


def begin() -> None:
    """Start compiling where nothing is compiled yet; ``MODELGLASS_WARM=0`` leaves it."""
    global _process
    if _process is not None or os.environ.get(OFF) == "0" or is_warm():
        return
    # a process, not a thread: compiling would hold Python's lock while pages wait for it
    lower = ["nice", "-n", "10"] if os.name == "posix" else []
    _process = subprocess.Popen(
        [*lower, sys.executable, "-m", "modelglass.explainers.warm"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    atexit.register(end)


def end() -> None:
    """Stop what is under way; what is compiled by then is kept."""
    if _process is not None and _process.poll() is None:
        _process.terminate()
        _process.wait(10)


def under_way() -> bool:
    """Tell whether loops are being compiled now."""
    return _process is not None and _process.poll() is None


def note() -> None:
    """Say so on the page while it lasts; the line goes away by itself."""
    if under_way():
        _line()


@part(run_every=EVERY)
def _line() -> None:
    if under_way():
        st.caption(SAID)
