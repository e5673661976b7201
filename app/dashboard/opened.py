"""The evaluations open in this process, by token: handed over by whoever loaded them, fetched by the page."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from modelglass.analysis.errors import InputError

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

_lock = threading.Lock()
_evaluations: dict[str, Evaluation] = {}
_first: str | None = None
_private: OrderedDict[str, Evaluation] = OrderedDict()
MOST_PRIVATE = 8
"""Uploads kept at a time; the one not looked at for longest goes first."""


def hand_over(ev: Evaluation, *, first: bool = False) -> str:
    """Keep an evaluation and give its token; ``first`` makes it the one a link without a token means."""
    global _first
    token = hashlib.sha256(f"{ev.fingerprint}|{ev.source.text()}".encode()).hexdigest()[:10]
    with _lock:
        _evaluations[token] = ev
        if first:
            _first = token
    return token


def fetch(token: str | None) -> Evaluation | None:
    """Give an evaluation by token; without one, the first; None where nothing was opened.

    Raises
    ------
    InputError
        The token of a model that is not open here.
    """
    with _lock:
        token = token or _first
        if token is None:
            return None
        if token in _private:
            _private.move_to_end(token)
            return _private[token]
        if token not in _evaluations:
            raise InputError(
                "Expected a link to a model that is open here.",
                "The link names another model, or one of an earlier run.",
                "Open the model again, then use the new address.",
            )
        return _evaluations[token]


def hand_over_privately(ev: Evaluation) -> str:
    """Keep an evaluation that belongs to one person: it is listed nowhere, and its token cannot be guessed."""
    token = "own-" + secrets.token_urlsafe(18)
    with _lock:
        _private[token] = ev
        while len(_private) > MOST_PRIVATE:
            _private.popitem(last=False)
    return token


def is_open(token: str) -> bool:
    """Whether a token still means an evaluation."""
    with _lock:
        return token in _evaluations or token in _private


def opened() -> dict[str, Evaluation]:
    """Give all that is open, by token."""
    with _lock:
        return dict(_evaluations)


def first_token() -> str | None:
    """Give the token that a link without one means."""
    return _first
