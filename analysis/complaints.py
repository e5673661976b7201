"""What foreign code complains of, in words: its exceptions may be of any kind, and even fail to say what they are."""

from __future__ import annotations

__all__ = ["words_of"]


def words_of(error: BaseException, most: int = 120) -> str:
    r"""Give kind and text of an exception on one line; the kind alone where its text cannot be had.

    >>> words_of(ValueError("a\n  b")), words_of(KeyError())
    ('ValueError: a b', 'KeyError: ')
    """
    try:
        text = " ".join(str(error).split())[:most]
    except Exception:  # noqa: BLE001  the text of a foreign exception is foreign code too
        text = "(it does not say what)"
    return f"{type(error).__name__}: {text}"
