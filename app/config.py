"""``--config FILE.yaml``: the options of a command from a file; what stands on the command line wins."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from modelglass.analysis.errors import GuestFailed, InputError, MissingPackage
from modelglass.analysis.models.named import names_object
from modelglass.analysis.yaml_file import Lines, check_keys, check_mapping, described, place, read_yaml

LISTS = frozenset({"features", "ignore", "by", "metrics"})
"""Names separated by commas on the command line; in a file also a list."""
PAIRS = {
    "label": "DATA: MODEL",
    "type": "COL: TYPE",
    "score": "CLASS: COL",
    "quantile": "SHARE: COL",
    "set": "NAME: VALUE",
}
"""LEFT=RIGHT on the command line; in a file also lines LEFT: RIGHT."""
PATHS = frozenset({"model", "data", "train", "reference", "baseline", "columns", "output"})
MOST_BYTES = 200_000


def key_of(parameter: click.Parameter) -> str:
    """Give the name that a parameter has in the file: its long option without dashes in front."""
    longest = max(parameter.opts, key=len)
    return longest.lstrip("-") if isinstance(parameter, click.Option) else str(parameter.name)


Origins = list[tuple[str, str, str]]
"""Of each text of the file that is used: its key, the text, and file and line."""


def apply_config(
    context: click.Context, path: str, given: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str], Origins]:
    """Put the values of a file under those of the command line.

    Parameters
    ----------
    context : click.Context
        Of the command; it knows its parameters and which of them a person typed.
    path : str
        The YAML file. Relative paths in it are taken from its folder.
    given : mapping
        Values by parameter name, as click read them.

    Returns
    -------
    values : dict
        By parameter name, read as click reads them (a list of names stays a list).
    unused : list of str
        Remarks on keys that belong to other commands.
    origins : list
        Where each text stands, for ``saying_where``.

    Raises
    ------
    InputError
        No such file, no YAML, an unknown key or a value of the wrong type: told with file, line, key and the nearest name.
    """
    said, lines = _said(path)
    own = {key_of(p): p for p in context.command.params if p.name not in ("config", "help")}
    elsewhere = _keys_elsewhere(context) - set(own)
    check_keys({k: v for k, v in said.items() if k not in elsewhere}, own, path, lines)
    values, origins = dict(given), []
    for key, written in said.items():
        parameter = own.get(key)
        if parameter is None or written is None:
            continue
        if context.get_parameter_source(str(parameter.name)) is not ParameterSource.COMMANDLINE:
            values[str(parameter.name)] = _read(context, parameter, key, written, path, lines)
            origins += [(key, text, place(path, lines, key, *below)) for text, below in _texts(written)]
    unused = [k for k in said if k in elsewhere]
    remarks = [f"{place(path, lines, k)}: {k} is not an option of this command and is not used." for k in unused]
    return values, remarks, origins


def _texts(written: Any) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Give each text of a value, and where it stands below its key."""
    if isinstance(written, dict):
        for name, value in written.items():
            yield str(name), (name,)
            yield str(value), (name,)
    elif isinstance(written, list):
        for at, value in enumerate(written):
            yield str(value), (at,)
    else:
        yield str(written), ()


@contextmanager
def saying_where(origins: Origins) -> Iterator[None]:
    """Add file, line and key to an error about a text of the file that only the data, the model or the analysis could refuse."""
    try:
        yield
    except (MissingPackage, GuestFailed):
        raise
    except InputError as error:
        found = _meant(error, origins)
        if found is None:
            raise
        key, where = found
        came = " ".join(filter(None, (error.came, f"See {where}, key {key!r}.")))
        raise InputError(error.expected, came, error.todo) from error


def _meant(error: InputError, origins: Origins) -> tuple[str, str] | None:
    """Give key and place of the text that an error is about; None if in doubt.

    It quotes the text (as a column in what it expected), names the key and holds the text, or quotes a part of a condition.
    """
    told = f"{error.expected} {error.came}"
    names_key = {key for key, _, _ in origins if re.search(rf"(?<!\w){re.escape(key)}(?!\w)", told)}
    quoted: dict[tuple[str, str], None] = {}
    named: dict[tuple[str, str], None] = {}
    for key, text, where in origins:
        inner = text.strip()
        if not inner:
            continue
        if key in PATHS and not names_object(inner):
            if Path(inner).name and Path(inner).name in told:
                named[key, where] = None
        elif repr(inner) in error.came or f"column {inner!r}" in error.expected:
            quoted[key, where] = None
        elif key in names_key and re.search(rf"(?<![\w.]){re.escape(inner)}(?![\w])", error.came):
            named[key, where] = None
    of_key = {at: None for at in quoted if at[0] in names_key}
    within = {(key, at): None for key, text, at in origins if key == "where" and any(q in text for q in _quoted(error))}
    return next((next(iter(found)) for found in (of_key, quoted, named, within) if len(found) == 1), None)


def _quoted(error: InputError) -> list[str]:
    return re.findall(r"'([^']+)'", error.came)


def _said(path: str) -> tuple[dict[str, Any], Lines]:
    """Read the file; ``trust_type`` is another writing of ``trust-type``."""
    value, lines = read_yaml(path, max_bytes=MOST_BYTES, texts=True)
    said: dict[str, Any] = {}
    first: dict[str, str] = {}
    for key, written in check_mapping(value, path, lines).items():
        name = key.replace("_", "-")
        if name in said:
            raise InputError(
                f"Expected the key {name!r} once in {place(path, lines, key)}.",
                f"It also stands in line {lines[(first[name],)]}, as {first[name]!r}.",
                "Take one of them out.",
            )
        said[name], first[name] = written, key
    renamed = {(str(at[0]).replace("_", "-"), *at[1:]) if at else at: line for at, line in lines.items()}
    return said, renamed


def _keys_elsewhere(context: click.Context) -> set[str]:
    """Give the keys of all commands that take such a file, so that one file can serve several."""
    group = context.find_root().command
    commands = group.commands.values() if isinstance(group, click.Group) else ()
    taking = [c for c in commands if any(p.name == "config" for p in c.params)]
    return {key_of(p) for c in taking for p in c.params} - {"config", "help"}


def _read(context: click.Context, parameter: click.Parameter, key: str, written: Any, path: str, lines: Lines) -> Any:
    if key in PAIRS and isinstance(written, dict):
        _check_texts(list(written.values()), key, path, lines, f"lines {PAIRS[key]}", list(written))
        return tuple(f"{left}={right}" for left, right in written.items())
    if isinstance(written, dict) or (isinstance(written, list) and not (key in LISTS or parameter.multiple)):  # type: ignore[attr-defined]
        raise _wrong(key, "one value", described(written), path, lines)
    if isinstance(written, list):
        _check_texts(written, key, path, lines, "a list of texts", range(len(written)))
        return [*written] if key in LISTS else tuple(written)
    written = _from_folder(written, path) if key in PATHS else written
    many = isinstance(parameter, click.Option) and parameter.multiple
    try:
        return parameter.type_cast_value(context, (written,) if many else written)
    except (click.BadParameter, ValueError) as error:  # a path that holds a NUL is no path
        why = error.message if isinstance(error, click.BadParameter) else str(error)
        raise _wrong(key, f"a usable value ({why.rstrip('.')})", described(written), path, lines) from None


def _check_texts(items: Sequence[Any], key: str, path: str, lines: Lines, expected: str, places: Sequence[Any]) -> None:
    for item, at in zip(items, places, strict=True):
        if not isinstance(item, str):
            raise _wrong(key, expected, f"{described(item)} in it", path, lines, at)


def _wrong(key: str, expected: str, came: str, path: str, lines: Lines, *below: Any) -> InputError:
    return InputError(
        f"Expected {expected} for the key {key!r} in {place(path, lines, key, *below)}.",
        f"Got {came}.",
        "Write it as the option is written on the command line; --help shows it.",
    )


def _from_folder(text: str, path: str) -> str:
    """Take a relative path from the folder of the file; what is no path stays."""
    if not text.strip() or text == "-" or "://" in text or names_object(text):
        return text
    return str(Path(os.path.expanduser(path)).parent / os.path.expanduser(text))
