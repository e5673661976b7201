"""Words from data, made safe for Streamlit's Markdown, and numbers for people."""

from __future__ import annotations

import math
import re
from typing import Any

from modelglass.analysis.odd_signs import visible

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|$:~&])")
_BEAUTIFIED = re.compile(r"(?<!\S)(<->|->|<-|--|>=|<=|~=)(?!\S)")
"""What Streamlit would print as an arrow, a dash or another sign."""
_CUT = ":small[]"
"""An empty span: nothing is seen or copied of it, but the signs around it are no longer one text."""


def plain(text: Any) -> str:
    r"""Escape a text so that Markdown shows it as it is: no emphasis, link, formula, icon, HTML, new line or prettier sign.

    Control characters and marks that turn text round are written as escapes.

    >>> plain("price_$ :red[x]")
    'price\\_\\$ \\:red\\[x\\]'
    """
    words = visible(" ".join(str(text).split()))
    parts = _BEAUTIFIED.split(words)
    return "".join(_CUT.join(map(_escaped, part)) if i % 2 else _escaped(part) for i, part in enumerate(parts))


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def short(condition: Any, letters: int = 240) -> str:
    """Shorten a condition that names thousands of rows; the side bar has all of it.

    >>> short("a" * 9, 5)
    'aaaa…'
    """
    text = str(condition)
    return text if len(text) <= letters else text[: letters - 1] + "…"


def number(value: Any, digits: int = 3) -> str:
    """Write a number for a card: enough digits to compare, no more.

    >>> number(0.87654), number(1234.5), number(float("nan"))
    ('0.877', '1,234', 'cannot say')
    """
    if value is None or not math.isfinite(value):
        return "cannot say"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.1f}"
    return f"{value:.{digits}f}" if size < 10 else f"{value:.2f}"


def interval(low: Any, high: Any) -> str:
    """Write an interval.

    >>> interval(0.8, 0.9)
    '0.800 to 0.900'
    """
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return "no interval"
    return f"{number(low)} to {number(high)}"


def file_name(text: Any) -> str:
    """Turn any text into the stem of a file name.

    >>> file_name("a/b c")
    'a-b-c'
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", str(text)).strip("-.")[:80] or "table"
