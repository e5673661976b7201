"""Asking a server that speaks the Open Inference Protocol (version 2, over HTTP). The only file that uses HTTP.

Only the address that was named is asked: no proxy of the environment, no redirect, no second try.
"""

from __future__ import annotations

import base64
import json
import math
import ssl
import time
from collections.abc import Mapping
from functools import partial
from http import client
from typing import Any

from modelglass.analysis.errors import AnalysisError, InputError, MachineError
from modelglass.analysis.models.address import Address, masked, read_address
from modelglass.analysis.models.base import Model
from modelglass.analysis.patience import limit, said, within

OPENING_SECONDS = 30.0
"""Seconds that a server may take to say what it serves; its answers to rows have the limit of any model (patience.py)."""
MOST_SAID, MOST_ANSWER = 2**20, 2**26
"""Bytes of the description of a model, and of one answer."""
BUSY = (408, 429, 502, 503, 504)
"""What a server answers when it, or what stands before it, could not; anything else from 400 on is about the request."""
NOT_TOLD = (401, 403, 404, 405)
"""A gateway may keep to itself whether the server is ready."""
WORDS = 200


class RefusedByServer(Exception):
    """The server took the request and said no, in these words; whoever asks finds out which rows it is about."""


def load_remote(text: str) -> Model:
    """Ask a server what it serves, and give it as a Model.

    Raises
    ------
    InputError
        The address is none, nothing listens there, or what answers does not speak the protocol.
    MachineError
        It is not ready, or does not answer within 30 seconds.
    """
    from modelglass.analysis.models.served import ServedModel

    server = Server(read_address(text))
    try:
        described = within(server.described, OPENING_SECONDS, 1)
    except MachineError as error:
        if str(error) == said(OPENING_SECONDS, 1):
            raise MachineError(f"{server.name} did not answer within {OPENING_SECONDS:g} seconds.") from None
        raise
    return ServedModel(server, described, name=server.name)


class Server:
    """One served model: what it says of itself, and its answers. Holds no connection, so that it may be copied and sent elsewhere."""

    def __init__(self, address: Address):
        self.address = address

    @property
    def name(self) -> str:
        """The address for people, without a password."""
        return self.address.text()

    def described(self) -> dict[str, Any]:
        """Give what the server says of the model (name, versions, platform, inputs, outputs), once it says that it is ready."""
        status, body = self._exchange("GET", f"{self.address.base}/v2/health/ready", None, MOST_SAID)
        if status >= 400 and status not in NOT_TOLD:
            raise MachineError(f"{self.name} says that it is not ready{_in_words(body)} Wait, or look at its log.")
        status, body = self._exchange("GET", self.address.base + self.address.model, None, MOST_SAID)
        try:
            self._check_status(status, body)
        except RefusedByServer as error:
            raise InputError(
                f"Expected {self.name} to describe the model.", f"It refused: {error}", "Look at the server's log."
            ) from None
        return self._read(body)

    def infer(self, request: Mapping[str, Any], rows: int) -> dict[str, Any]:
        """Give the server's answer to a request of so many rows.

        Raises
        ------
        RefusedByServer
            It refuses the request.
        InputError
            It does not speak the protocol, wants another address or a password.
        MachineError
            It is gone, busy, or does not answer in time.
        """
        sent = json.dumps(request, allow_nan=False, separators=(",", ":")).encode()
        where = f"{self.address.base}{self.address.model}/infer"
        status, body = self._exchange("POST", where, sent, MOST_ANSWER, rows)
        if status == 413:
            raise InputError(
                f"Expected {self.name} to take {rows:,} rows at once ({len(sent):,} bytes).",
                f"It does not{_in_words(body)}",
                "Set the variable MODELGLASS_REQUEST_ROWS to fewer rows.",
            )
        self._check_status(status, body)
        return self._read(body)

    def _check_status(self, status: int, body: bytes) -> None:
        if status < 400:
            return
        if status in (401, 403):
            raise InputError(
                f"Expected {self.name} to answer.",
                f"It wants to know who asks (status {status}){_in_words(body)}",
                "Put name and password into the address: https://NAME:PASSWORD@host/v2/models/...",
            )
        if status in (404, 405, 410):
            raise InputError(
                f"Expected a model that is served at {self.name}.",
                f"The server knows none there (status {status}){_in_words(body)}",
                "Check the name and the version of the model, and that the server speaks the Open Inference Protocol v2.",
            )
        if status in BUSY:
            raise MachineError(
                f"{self.name} could not answer (status {status}){_in_words(body)} It was not asked again."
            )
        raise RefusedByServer(f"status {status}{_in_words(body)}")

    def _read(self, body: bytes) -> dict[str, Any]:
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise InputError(
                f"Expected an answer in JSON, as the Open Inference Protocol v2 has it, from {self.name}.",
                f"Got {len(body):,} bytes that are none{_in_words(body)}",
                "Check the address, and that the server speaks this protocol over HTTP.",
            )
        return found

    def _exchange(
        self, method: str, path: str, sent: bytes | None, most: int, rows: int | None = None
    ) -> tuple[int, bytes]:
        """Send one request over a connection of its own; give status and body."""
        opening = rows is None
        seconds = min(limit(), OPENING_SECONDS) if opening else limit()
        connection = self._connection(None if math.isinf(seconds) else seconds)
        end = time.monotonic() + seconds
        try:
            connection.request(method, path, sent, self._headers(sent is not None))
            socket, answer = connection.sock, connection.getresponse()
            if 300 <= answer.status < 400:
                raise self._redirected(answer)
            return answer.status, self._body(answer, most, partial(_left, socket, end))
        except AnalysisError:
            raise
        except TimeoutError:
            raise MachineError(
                f"{self.name} did not answer within {seconds:g} seconds." if rows is None else said(seconds, rows)
            ) from None
        except (OSError, client.HTTPException) as error:
            raise self._unreached(error, opening) from None
        finally:
            connection.close()

    def _connection(self, seconds: float | None) -> client.HTTPConnection:
        host, port = self.address.host, self.address.port
        if self.address.scheme == "http":
            return client.HTTPConnection(host, port, timeout=seconds)
        return client.HTTPSConnection(host, port, timeout=seconds, context=ssl.create_default_context())

    def _headers(self, sends: bool) -> dict[str, str]:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "Connection": "close"}
        if sends:
            headers["Content-Type"] = "application/json"
        if self.address.user:
            headers["Authorization"] = "Basic " + base64.b64encode(self.address.user.encode()).decode()
        return headers

    def _body(self, answer: client.HTTPResponse, most: int, wait: Any) -> bytes:
        if answer.getheader("Content-Encoding", "identity").lower() != "identity":
            raise InputError(
                f"Expected an answer that is not compressed from {self.name}.",
                f"It is ({answer.getheader('Content-Encoding')}).",
                "Ask the server without what stands before it.",
            )
        parts, size = [], 0
        while True:
            wait()
            part = answer.read1(2**16)
            if not part:
                break
            size += len(part)
            if size > most:
                raise InputError(
                    f"Expected at most {most:,} bytes in one answer of {self.name}.",
                    "It sends more.",
                    "Check the address; or set the variable MODELGLASS_REQUEST_ROWS to fewer rows.",
                )
            parts.append(part)
        if answer.length:  # what was promised did not come
            raise client.IncompleteRead(b"", answer.length)
        return b"".join(parts)

    def _redirected(self, answer: client.HTTPResponse) -> InputError:
        where = _plain(masked(answer.getheader("Location", "")))[:WORDS]
        return InputError(
            f"Expected {self.name} to answer itself.",
            f"It leads to another address (status {answer.status}): {where or 'which it does not name'}.",
            "Only the address that you name is asked. Give the other one, if that is what you want.",
        )

    def _unreached(self, error: Exception, opening: bool) -> AnalysisError:
        why = _plain(getattr(error, "strerror", None) or str(error) or type(error).__name__)[:WORDS]
        if isinstance(error, ssl.SSLError):
            why = (
                f"no trusted connection ({_plain(getattr(error, 'verify_message', '') or error.reason or why)[:WORDS]})"
            )
        if not opening:
            return MachineError(f"{self.name} was lost while it was asked: {why}. It was not asked again.")
        return InputError(
            f"Expected a server that speaks the Open Inference Protocol v2 at {self.name}.",
            f"It cannot be reached: {why}.",
            "Start the server, or check scheme, host and port.",
        )


def _left(socket: Any, end: float) -> None:
    """Let the next part of a body take what is left of the time."""
    if math.isinf(end):
        return
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    if socket is not None and socket.fileno() >= 0:
        socket.settimeout(left)


def _plain(text: str) -> str:
    """Keep what may be printed, on one line."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


def _in_words(body: bytes) -> str:
    """Give what a server says in the body of an error: the protocol's ``error``, else the beginning of the text."""
    text = body[:4_096].decode("utf-8", "replace")
    try:
        found = json.loads(body[: 2**16])
        if isinstance(found, dict):
            text = str(next((found[key] for key in ("error", "detail", "message") if found.get(key)), text))
    except (ValueError, RecursionError):
        pass
    text = _plain(text)[:WORDS]
    return f": {text}" + ("" if text.endswith((".", "!", "?")) else ".") if text else "."
