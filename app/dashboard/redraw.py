"""Draw one part of a page anew from a smaller part within it.

Streamlit lets a part ask for itself or for the whole page, and by name only from a widget. The part around a piece of work must be drawn anew when the work
ends; the whole page instead cost 0.6 s of the server's processor and 1.4 s of the browser's each time, on a page with 14 pieces of work. So its request for
parts is made here by hand; where a later Streamlit knows another way, the whole page is drawn.
"""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

_FOLLOWS, _THEN = "mg.page_follows_work", "mg.then_the_page"


def around() -> str | None:
    """Give the part of the page that is being drawn; None outside of all parts."""
    with suppress(ImportError, AttributeError, RuntimeError):
        from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState

        return ThreadState.get().fragment_id
    return None


def page_follows(follows: bool) -> None:
    """Note whether other parts of the page wait for work to end: then all of it is drawn when some has ended."""
    st.session_state[_FOLLOWS] = follows
    st.session_state.pop(_THEN, None)


def only(part: str | None) -> None:
    """Draw this part anew, and after it the page where others follow; the page where there is no part. Nothing after this call happens."""
    if part is not None:
        with suppress(ImportError, AttributeError, TypeError):
            if st.session_state.get(_FOLLOWS, False):
                st.session_state[_THEN] = True
            _request(part)
            st.empty()  # Streamlit turns to the request where something is drawn
    st.rerun()


def then_the_page() -> None:
    """Draw the page where the part just drawn was to come first: people read it while the rest is made."""
    if st.session_state.pop(_THEN, False):
        st.rerun()


def _request(part: str) -> None:
    from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
    from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx

    now = get_script_run_ctx()
    if now is not None and now.script_requests is not None:
        now.script_requests.request_rerun(
            RerunData(
                query_string=now.query_string,
                page_script_hash=now.page_script_hash,
                fragment_id_queue=[part],
                is_fragment_scoped_rerun=True,
                cached_message_hashes=now.cached_message_hashes,
                context_info=now.context_info,
            )
        )
