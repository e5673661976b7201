"""What a shell can complete: commands and options (click does that), and the names of columns, metrics, samples and analyses."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path

import click
from click.shell_completion import get_completion_class

VARIABLE = "_MODELGLASS_COMPLETE"
HEADER_BYTES = 1 << 16

Completer = Callable[[click.Context, click.Parameter, str], list[str]]


def script(command: click.Command, shell: str) -> str:
    """Give the script that a shell reads once."""
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"No completion for {shell}.")
    return found(command, {}, "modelglass", VARIABLE).source()


def _offered(give: Callable[[click.Context], Iterable[str]]) -> Completer:
    """Offer the names that begin like what is typed, after the last comma; nothing at all where they cannot be had."""

    @wraps(give)
    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        try:
            return [before + comma + name for name in give(context) if name.startswith(last)]
        except Exception:  # noqa: BLE001  a shell waits for names, not for complaints
            return []

    return complete


@_offered
def samples(context: click.Context) -> Iterable[str]:
    """Names of sample models."""
    from modelglass.sample_models.catalogue import SAMPLES

    return SAMPLES


@_offered
def analyses(context: click.Context) -> Iterable[str]:
    """Names of analyses, also of other packages."""
    from modelglass.analysis.registry import analyses as declared

    return declared()


@_offered
def metrics(context: click.Context) -> Iterable[str]:
    """Names of metrics."""
    from modelglass.analysis.metrics import METRICS

    return METRICS


@_offered
def columns(context: click.Context) -> Iterable[str]:
    """Names of the columns of DATA, from its first line or footer only."""
    # an option that still waits for its value leaves everything unread: then DATA is among the words
    words = [context.params.get("data"), *reversed(context.args)]
    paths = [Path(os.path.expanduser(w)) for w in words if isinstance(w, str)]
    return next((found for found in map(header, filter(Path.is_file, paths)) if found), [])


def header(path: Path) -> list[str]:
    """Read the names of columns without reading the data; [] for what has none that are cheap to read."""
    ending = path.suffix.lower()
    if ending == ".csv":
        with path.open("rb") as file:
            first = file.read(HEADER_BYTES).decode("utf-8-sig", "replace")
        return next(csv.reader(first.splitlines()), [])
    if ending == ".parquet":
        import pyarrow.parquet

        return list(pyarrow.parquet.read_schema(path).names)
    if ending in (".feather", ".arrow"):
        import pyarrow

        with pyarrow.memory_map(str(path)) as file:
            return list(pyarrow.ipc.open_file(file).schema.names)
    return []
