"""Whether the threshold was slid on the page that is shown: then no work that asks the model begins by itself."""

from __future__ import annotations

import streamlit as st

_ON = "mg.slid"


def note() -> None:
    """Note it, for the page that is drawn next."""
    st.session_state[_ON] = None


def turned_to(page: str) -> None:
    """Say which page is drawn: on another one work begins as it does in a fresh browser."""
    if _ON in st.session_state:
        if st.session_state[_ON] in (None, page):
            st.session_state[_ON] = page
        else:
            del st.session_state[_ON]


def here() -> bool:
    """Tell whether it was."""
    return _ON in st.session_state
