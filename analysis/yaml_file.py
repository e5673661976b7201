"""YAML that a person wrote: plain values, and the line of each key for messages. Bounded, and nothing in it is run.

Scalars are read by the core schema of YAML 1.2: only ``true`` and ``false`` are yes-or-no, so a label ``no`` stays the text "no",
and dates, times and versions stay texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from modelglass.analysis.errors import InputError, listed, nearest

Key = tuple[str | int, ...]
Lines = Mapping[Key, int]

MAX_BYTES = 1_000_000
MAX_DEPTH = 30
_TEXT_TAGS = (None, "!", "tag:yaml.org,2002:str")
_INTEGER = re.compile(r"[-+]?[0-9]{1,300}|0x[0-9a-fA-F]{1,200}|0o[0-7]{1,200}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **{sign + word: float(sign + "inf") for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")},
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}


def read_yaml(path: str | Path, *, max_bytes: int = MAX_BYTES, texts: bool = False) -> tuple[Any, dict[Key, int]]:
    """Read one YAML document.

    Parameters
    ----------
    path : str or Path
    max_bytes : int
        A larger file is refused before it is read.
    texts : bool
        Leave every value the text that is written (nothing at all, and ``~`` and ``null``, are None).

    Returns
    -------
    value
        dict (keys are texts, as written), list, str, int, float, bool or None.
    lines
        The line (from 1) of every key and list item by its path: ``lines[("income", "unit")]``, ``lines[("score", 0)]``;
        ``lines[()]`` is where the document begins.

    Raises
    ------
    InputError
        No such file, too large, not UTF-8, not YAML (with the line), empty, several documents, a key given twice in one
        mapping, an alias or a tag (a small file could unfold without end, or make objects), nesting beyond 30 levels.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise _no_file(path) from None
    except IsADirectoryError:
        raise InputError(f"Expected a YAML file at {path}.", "It is a folder.", "Give the file in it.") from None
    except PermissionError:
        raise InputError(f"Expected to be allowed to read {path}.", "This user is not.", "Change its rights.") from None
    if len(raw) > max_bytes:
        raise InputError(
            f"Expected at most {max_bytes:,} bytes of YAML in {path}.",
            "It is larger.",
            "Check that this is the file meant.",
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(
            f"Expected text in UTF-8 in {path}.",
            f"Line {line} holds the byte 0x{raw[error.start]:02x}, which is not.",
            "Save the file as UTF-8.",
        ) from None
    return parse_yaml(text, str(path), texts=texts)


def parse_yaml(text: str, name: str, *, texts: bool = False) -> tuple[Any, dict[Key, int]]:
    """Do the same with a text; ``name`` stands in messages."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    builder = _Builder(name, texts)
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if "nesting" in (error.problem or ""):  # libyaml bounds the depth too, before its first event
            raise builder.too_deep(mark.line + 1 if mark else 1) from None
        raise _broken(name, mark.line + 1 if mark else None, error.problem or "it cannot be read") from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1 if isinstance(error.position, int) else None
        raise _broken(name, line, f"a character that YAML does not allow ({error.reason})") from None
    if not builder.documents:
        raise InputError(
            f"Expected keys and values in {name}.", "The file is empty.", "Write at least one line, key: value."
        )
    return builder.value, builder.lines


def place(name: str | Path, lines: Lines, *key: str | int) -> str:
    """Say where a key stands: ``"run.yaml, line 3"``; the nearest enclosing key where this one has no line.

    >>> place("run.yaml", {(): 1, ("seed",): 3}, "seed")
    'run.yaml, line 3'
    """
    while key and key not in lines:
        key = key[:-1]
    return f"{name}, line {lines.get(key, 1)}"


def check_mapping(
    value: Any, name: str | Path, lines: Lines, *key: str | int, what: str = "key: value"
) -> dict[str, Any]:
    """Give a mapping, or say where there is something else."""
    if isinstance(value, dict):
        return value
    raise InputError(f"Expected lines of {what} in {place(name, lines, *key)}.", f"Got {described(value)}.")


def check_keys(given: Mapping[str, Any], known: Iterable[str], name: str | Path, lines: Lines, *key: str | int) -> None:
    """Refuse the first key of a mapping that is not known: file, line, key, and the nearest name."""
    known = list(known)
    for k in given:
        if k not in known:
            close = nearest(k, known)
            raise InputError(
                f"Expected one of these keys in {place(name, lines, *key, k)}: {listed(known, 30)}.",
                f"Got {k!r}, which is none of them.",
                f"Did you mean {close[0]!r}?" if close else "Choose one of these, or take the line out.",
            )


def described(value: Any) -> str:
    """Describe a value for a message.

    >>> described([1, 2]), described("a"), described(None), described(True)
    ('a list', "'a'", 'nothing', 'true')
    """
    if isinstance(value, dict):
        return "keys and values"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if len(repr(value)) < 80 else repr(value)[:77] + "..."


class _Builder:
    """Makes values from a stream of events, with a stack of its own, so that depth is ours to bound."""

    def __init__(self, name: str, texts: bool):
        self.texts = texts
        self.name, self.lines, self.documents, self.value = name, {}, 0, None
        self.stack: list[tuple[Any, Key, int]] = []  # container, its path, its line
        self.key: list[str | None] = []  # key waiting for its value, for each container

    lines: dict[Key, int]

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise self._refused(line, "one document", "A second one begins with ---", "Make it a file of its own.")
        elif isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise self._refused(
                line,
                "no anchors and aliases",
                f"Got {'*' if isinstance(event, yaml.AliasEvent) else '&'}{event.anchor}",
                "Write the value out.",
            )
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._tag(event, line)
            if len(self.stack) >= MAX_DEPTH:
                raise self.too_deep(line)
            container: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
            where = self._put(container, line)
            self.stack.append((container, where, line))
            self.key.append(None)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self.stack.pop()
            self.key.pop()

    def too_deep(self, line: int) -> InputError:
        return self._refused(line, f"at most {MAX_DEPTH} levels of nesting", "There are more", "")

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        self._tag(event, line)
        if self.stack and isinstance(self.stack[-1][0], dict) and self.key[-1] is None:
            container, where, _ = self.stack[-1]
            if event.value in container:
                first = self.lines[(*where, event.value)]
                raise self._refused(
                    line, f"the key {event.value!r} once", f"It also stands in line {first}", "Take one of them out."
                )
            self.key[-1] = event.value
            self.lines[(*where, event.value)] = line
        else:
            plain = not event.style and event.tag is None  # C and Python loaders differ: "" and None
            value = scalar(event.value) if plain else event.value
            self._put(event.value if self.texts and value is not None else value, line)

    def _put(self, value: Any, line: int) -> Key:
        if not self.stack:
            self.value = value
            self.lines[()] = line
            return ()
        container, where, _ = self.stack[-1]
        if isinstance(container, list):
            container.append(value)
            here = (*where, len(container) - 1)
            self.lines[here] = line
            return here
        key = self.key[-1]
        if key is None:
            raise self._refused(line, "keys that are texts", f"Got {described(value)} as a key", "")
        container[key] = value
        self.key[-1] = None
        return (*where, key)

    def _tag(self, event: Any, line: int) -> None:
        allowed = _TEXT_TAGS if isinstance(event, yaml.ScalarEvent) else (None,)
        if event.tag not in allowed:
            raise self._refused(line, "plain values without a tag", f"Got the tag {event.tag}", "Take the tag out.")

    def _refused(self, line: int, expected: str, came: str, todo: str) -> InputError:
        return InputError(f"Expected {expected} in {self.name}, line {line}.", f"{came}.", todo)


def scalar(text: str) -> Any:
    """Read an unquoted value by the core schema of YAML 1.2.

    >>> scalar("12"), scalar("1e-3"), scalar("no"), scalar("true"), scalar("2024-05-01"), scalar("~")
    (12, 0.001, 'no', True, '2024-05-01', None)
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _no_file(path: Path) -> InputError:
    near = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    close = nearest(path.name, near)
    return InputError(
        f"Expected a YAML file at {path}.",
        "There is none." if near or path.parent.is_dir() else f"There is no folder {path.parent}.",
        f"Did you mean {path.parent / close[0]}?" if close else "Check the path.",
    )


def _broken(name: str, line: int | None, why: str) -> InputError:
    where = "" if line is None else f", line {line}"
    return InputError(
        f"Expected YAML (lines of key: value) in {name}{where}.",
        f"Got something else: {why}.",
        "Check the indentation, colons and quotes there.",
    )
