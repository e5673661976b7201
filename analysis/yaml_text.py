"""YAML that people write, read with bounds: no aliases, no tags, no deep nesting, no huge files; errors name file and line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from modelglass.analysis.errors import InputError, nearest

MOST_BYTES = 1_000_000
"""A file that a person writes is far smaller."""
DEEPEST = 8


def read_tree(path: str | Path, what: str) -> Any:
    """Read a YAML file as a tree of nodes that know their lines; every scalar stays the text it is written as.

    Parameters
    ----------
    path : str or Path
    what : str
        What the file should be, for messages: "a file of column descriptions".

    Returns
    -------
    yaml.Node or None
        None for a file that holds nothing but comments.

    Raises
    ------
    InputError
        Not there, not readable, too large, not UTF-8, no YAML, several documents, aliases or tags, nested too deep.
    """
    import yaml

    path = Path(path).expanduser()
    text = _text(path, what)
    try:
        _check_events(yaml.parse(text, Loader=yaml.BaseLoader), path.name)
        return yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise broken(path.name, error) from error


def _text(path: Path, what: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        close = nearest(path.name, [f.name for f in path.parent.glob("*.y*ml")]) if path.parent.is_dir() else []
        raise InputError(
            f"Expected {what} at {path}.",
            f"It cannot be read: {error.strerror}.",
            f"Did you mean {close[0]}?" if close else "Check the path.",
        ) from error
    if len(data) > MOST_BYTES:
        raise InputError(
            f"Expected {what} of at most {MOST_BYTES:,} bytes in {path.name}.",
            "It is larger.",
            "Check that it is the right file.",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"Expected UTF-8 text in {path.name}.",
            f"Byte {data[error.start]:#04x} on line {line:,} is not UTF-8.",
            "Save it again as UTF-8.",
        ) from error


def _check_events(events: Iterable[Any], name: str) -> None:
    """Walk the file once before anything is built: what could grow without bound is refused by name and line."""
    import yaml

    depth = documents = 0
    for event in events:
        line = event.start_mark.line + 1
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            raise InputError(
                f"Expected one document in {name}.", f"A second one begins on line {line:,}.", "Remove the line ---."
            )
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise InputError(
                f"Expected plain YAML in {name}.",
                f"Line {line:,} uses an anchor or alias ({event.anchor!r}), which could unfold without bound.",
                "Write the values out; put texts that begin with & or * in quotes.",
            )
        if getattr(event, "tag", None):
            raise InputError(
                f"Expected plain YAML in {name}.", f"Line {line:,} uses the tag {event.tag!r}.", "Write it without."
            )
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise InputError(
                f"Expected at most {DEEPEST} levels of nesting in {name}.",
                f"Line {line:,} goes deeper.",
                "Put texts that begin with [ or { in quotes.",
            )


def broken(name: str, error: Any) -> InputError:
    """Say where and why a text is no YAML."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where = f"line {mark.line + 1:,}, character {mark.column + 1:,}: " if mark is not None else ""
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    return InputError(
        f"Expected YAML in {name}.",
        f"It breaks at {where}{said}.",
        "Indent with blanks, not tabs; put texts that hold : or # in quotes.",
    )


def entries(node: Any, name: str, what: str) -> Iterator[tuple[str, int, Any]]:
    """Give (key, line, node of the value) of a mapping, in order; refuses what is no mapping, and keys that stand twice."""
    import yaml

    if not isinstance(node, yaml.MappingNode):
        raise InputError(
            f"Expected {what} as lines KEY: VALUE in {name}.", f"Line {node.start_mark.line + 1:,} holds {kind(node)}."
        )
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise InputError(f"Expected a plain name as key in {name}.", f"Line {line:,} has {kind(key)}.")
        if key.value in seen:
            raise InputError(
                f"Expected each key once in {name}.",
                f"{key.value!r} stands on line {seen[key.value]:,} and again on line {line:,}.",
                "Remove one of them.",
            )
        seen[key.value] = line
        yield key.value, line, value


def kind(node: Any) -> str:
    """Say what a node is."""
    import yaml

    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return f"the text {node.value[:40]!r}" if node.value else "nothing"


def scalar(node: Any, name: str, key: str) -> str:
    """Give the text of a value, or refuse what is none."""
    import yaml

    if not isinstance(node, yaml.ScalarNode):
        raise InputError(
            f"Expected one text for {key} in {name}.", f"Line {node.start_mark.line + 1:,} holds {kind(node)}."
        )
    return node.value


def scalars(node: Any, name: str, key: str) -> tuple[str, ...]:
    """Give the texts of a list, or refuse what is none."""
    import yaml

    if not isinstance(node, yaml.SequenceNode):
        raise InputError(
            f"Expected a list for {key} in {name}, for example [low, middle, high].",
            f"Line {node.start_mark.line + 1:,} holds {kind(node)}.",
        )
    return tuple(scalar(item, name, key) for item in node.value)
