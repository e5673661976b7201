r"""Signs that are not seen but do something: control characters and marks that turn text round. Here they become visible.

Every face shows words from data through ``visible``: a terminal would run what ``\x1b`` begins, and U+202E would turn the
rest of a label round (Boucher and Anderson 2023, "Trojan Source").
"""

from __future__ import annotations

import re

_ODD = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
SPACES = "\t\n\r"
"""Control characters that only part words and lines."""
LONGEST_NAME = 120
"""Letters of a name in a message."""
_SHORT = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}


def visible(text: object, keep: str = SPACES) -> str:
    r"""Write C0 and C1 control characters, DEL, marks of direction, line separators and lone surrogates as escapes.

    Parameters
    ----------
    text : object
        Taken as ``str(text)``.
    keep : str
        Signs that stay as they are; "" for a text that must be one line.

    Examples
    --------
    >>> visible("\x1b[31mMale\x07"), visible("2.0 \u202e to 8.0")
    ('\\x1b[31mMale\\x07', '2.0 \\u202e to 8.0')
    >>> visible("two\nlines"), visible("two\nlines", keep="")
    ('two\nlines', 'two\\nlines')
    """
    return _ODD.sub(lambda found: found[0] if found[0] in keep else _written(found[0]), str(text))


def _written(sign: str) -> str:
    return _SHORT.get(sign) or (f"\\x{ord(sign):02x}" if ord(sign) < 0x100 else f"\\u{ord(sign):04x}")


def one_line(name: object, letters: int = LONGEST_NAME) -> str:
    r"""Write a name for a message: on one line, and a very long one without its middle.

    >>> one_line("two\nlines"), one_line("abcdefghij", 6)
    ('two\\nlines', 'abc…ij')
    """
    text = visible(name, keep="")
    tail = (letters - 1) // 2
    return text if len(text) <= letters else f"{text[: letters - 1 - tail]}…{text[len(text) - tail :]}"
