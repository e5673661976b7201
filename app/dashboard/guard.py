"""Whatever goes wrong in a part of a page becomes a box in its place; the other parts stand. The trace goes to the log."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from modelglass.analysis.errors import AnalysisError, GuestFailed, MissingPackage, NotApplicable
from modelglass.app.dashboard import state
from modelglass.app.dashboard.text import plain

log = logging.getLogger(__name__)
UNEXPECTED = "Something went wrong here that modelglass did not expect. The terminal shows the details; the other pages still work."


@contextmanager
def guarded() -> Iterator[None]:
    """Turn whatever goes wrong inside into a box in its place: three beats, "cannot say", or a short apology."""
    try:
        yield
    except NotApplicable as answer:
        cannot_say(answer.reason)
    except GuestFailed as error:
        log.exception("An analysis of another package failed")
        refuse(error)
    except AnalysisError as error:
        refuse(error)
    except Exception:
        log.exception("A part of the page failed")
        st.error(UNEXPECTED, icon=":material/error:")


def part(function: Callable[..., Any] | None = None, *, run_every: float | None = None) -> Any:
    """Make a function a fragment of the page: it reruns alone, and what it raises is a box and not Streamlit's stack trace.

    Every fragment of the dashboard is made with this one; ``st.fragment`` itself is used nowhere else.
    """

    def made(inner: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(inner)
        def safe(*args: Any, **named: Any) -> Any:
            if state.is_to_run_again():
                st.rerun()
            with guarded():
                return inner(*args, **named)

        return st.fragment(safe, run_every=run_every)

    return made if function is None else made(function)


def callback(function: Callable[..., Any]) -> Callable[..., None]:
    """Make a widget's callback safe: what it raises is told at the top of the page or part that is drawn next."""

    @functools.wraps(function)
    def safe(*args: Any, **named: Any) -> None:
        try:
            function(*args, **named)
        except AnalysisError as error:
            state.problem(error)
        except Exception:
            log.exception("A change on the page failed")
            state.problem(UNEXPECTED)

    return safe


def refuse(error: AnalysisError | str) -> None:
    """Show an error, one line a beat; a package that is not installed is no error."""
    text = "  \n".join(plain(line) for line in str(error).splitlines())
    if isinstance(error, MissingPackage):
        st.info(text, icon=":material/extension_off:")
    else:
        st.error(text, icon=":material/error:")


def cannot_say(reason: str) -> None:
    """Show why there is no answer."""
    st.info(plain(f"Cannot say, because {reason.rstrip('.')}."), icon=":material/help:")
