"""The address and port that the dashboard listens on: whether they can be had, and the next free one."""

from __future__ import annotations

import errno
import os
import socket
import sys

from modelglass.analysis.errors import InputError, MachineError

LISTENED = 2048
"""Connections that wait while the server starts; as many as uvicorn lets wait."""
_TAKEN = (errno.EADDRINUSE, errno.EACCES) if os.name == "nt" else (errno.EADDRINUSE,)


def check_address(host: str, port: int) -> bool:
    """Say whether an address and port can be listened on; False where another program has taken the port.

    Raises
    ------
    InputError
        The host is no address of this machine, or the port is not for everybody.
    """
    found = _bound(host, port)
    if found is not None:
        found.close()
    return found is not None


def _bound(host: str, port: int) -> socket.socket | None:
    """Give a socket at an address and port; None where another program has taken the port. Raises as ``check_address`` does."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        if os.name == "posix":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(LISTENED)
    except OSError as error:
        made.close()
        if isinstance(error, socket.gaierror):
            raise InputError(
                "Expected an address of this machine as --host.", f"Got {host!r}: {error.strerror}.", "Use 127.0.0.1."
            ) from error
        if error.errno not in _TAKEN:
            raise InputError(
                "Expected an address and port that may be listened on.",
                f"{host}:{port}: {error.strerror}.",
                "Use --host 127.0.0.1 and a port above 1023.",
            ) from error
        return None
    return made


def listening(host: str, port: int) -> socket.socket:
    """Listen on the port, or the next free one (said on standard error): from here on nobody else can take it.

    Raises
    ------
    InputError
        The host is no address of this machine.
    MachineError
        None of a hundred ports is free.
    """
    for candidate in range(port, min(port + 100, 65_536)):
        found = _bound(host, candidate)
        if found is None:
            continue
        if candidate != port:
            print(f"Port {port} is taken; using {candidate}.", file=sys.stderr)  # noqa: T201
        return found
    raise MachineError(f"No port from {port} to {port + 99} is free on {host}. Name another with --port.")
