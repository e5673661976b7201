"""Any group of analyses: settings, question, sentence, figure and table of each."""

from __future__ import annotations

from modelglass.app.dashboard import pages
from modelglass.app.dashboard.section import section
from modelglass.app.dashboard.state import Desk


def page(desk: Desk, group: str) -> None:
    """Draw every analysis of a group."""
    for analysis in pages.analyses_of(group, desk.whole.task):
        section(desk, analysis)
