"""The findings begin with the server, or when a browser asks for the first page of a model opened later.

They are under way while the server starts and the browser loads, which takes about as long as most of them take.
"""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import parse_qs

from modelglass.analysis.errors import AnalysisError
from modelglass.analysis.registry import analyses
from modelglass.app.dashboard import opened, work


def begin(query: str) -> None:
    """Begin them where the address says no more than which model: otherwise it is not known yet what the page will ask for.

    Parameters
    ----------
    query : str
        What follows the ? in the address of the first page.
    """
    asked = parse_qs(query)
    if not set(asked) <= {"model"} or "findings" not in analyses():
        return
    with suppress(AnalysisError):  # of a model that is not open here, or a full queue: the page says so
        ev = opened.fetch(asked.get("model", [None])[-1])
        if ev is not None:
            work.ahead(analyses()["findings"], ev)
