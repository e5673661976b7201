"""The address of a served model: what it may be, its parts, and how it is shown (never with a password)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from modelglass.analysis.errors import InputError

SCHEMES = {"http": 80, "https": 443}
EXAMPLE = "http://host:8080/v2/models/NAME"
MODEL_PATH = re.compile(r"(?P<base>(?:/.*)?)(?P<model>/v2/models/[^/]+(?:/versions/[^/]+)?)(?:/(?:infer|ready))?/?")
HIDDEN = "***"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_USER = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^/?#]*@")


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where a model is served.

    scheme, host, port   of the server; base is the path before ``/v2``, model the path of the model, ``/v2/models/NAME[/versions/V]``
    user                 "NAME:PASSWORD" where the address holds one; sent as HTTP basic authentication, never shown
    """

    scheme: str
    host: str
    port: int
    base: str
    model: str
    user: str = field(default="", repr=False)

    def text(self) -> str:
        """Give it for people and files: without name and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == SCHEMES[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{HIDDEN + '@' if self.user else ''}{host}{port}{self.base}{self.model}"


def is_address(text: str) -> bool:
    """Say whether a text is an address rather than a path.

    >>> is_address("http://host/v2/models/m"), is_address("C:/models/m.skops")
    (True, False)
    """
    return _SCHEME.match(text) is not None


def masked(text: str) -> str:
    """Hide name and password in an address; any other text stays as it is.

    >>> masked("https://me:secret@host/v2/models/m"), masked("model.skops")
    ('https://***@host/v2/models/m', 'model.skops')
    """
    return _USER.sub(rf"\g<scheme>{HIDDEN}@", text)


def read_address(text: str) -> Address:
    """Take the address of a served model apart.

    Raises
    ------
    InputError
        Another scheme than http and https, no model in the path, or what no address holds.
    """
    expected = f"Expected the address of a served model, such as {EXAMPLE}."
    scheme = text.partition("://")[0].lower()
    if scheme not in SCHEMES:
        raise InputError(
            expected,
            f"Got {masked(text)!r}; only http:// and https:// are asked.",
            "Save the model as a file otherwise.",
        )
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise InputError(expected, f"Got {masked(text)!r}.", "Write other characters than plain ones as %20 and so on.")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port or SCHEMES[scheme]
    except ValueError as error:
        raise InputError(expected, f"Got {masked(text)!r}: {error}.", "Check the host and the port.") from None
    if not host:
        raise InputError(expected, f"Got {masked(text)!r}, which names no host.", "Add the host.")
    if parts.query or parts.fragment:
        raise InputError(
            expected,
            f"Got {masked(text).split('?')[0].split('#')[0]!r} and more behind a ? or #.",
            "Leave that out: the protocol has no such part.",
        )
    path = MODEL_PATH.fullmatch(parts.path)
    if path is None:
        raise InputError(expected, f"Got {masked(text)!r}.", "Add /v2/models/ and the name of the model to the server's address.")  # fmt: skip
    user = unquote(parts.netloc.rpartition("@")[0])
    return Address(scheme=scheme, host=host, port=port, base=path["base"], model=path["model"], user=user)
