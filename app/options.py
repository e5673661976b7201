"""Options that commands share: MODEL, DATA and what is what in them; how to work; where to listen."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import click

from modelglass.app.completion import columns
from modelglass.app.inputs import IN_QUOTES, Inputs, checked, names, pairs
from modelglass.app.telling import remark
from modelglass.app.working import limit_threads

_INPUT_OPTIONS = [
    click.option("--target", metavar="COL", shell_complete=columns, help="Column of outcomes. Always needed."),
    click.option(
        "--task",
        type=click.Choice(["binary", "multiclass", "regression"]),
        help="Without it: as the model or the data say.",
    ),
    click.option("--positive", metavar="LABEL", help="The positive class (two classes)."),
    click.option(
        "--label", multiple=True, metavar="DATA=MODEL", help="Map a label of the data to the model's. Repeatable."
    ),
    click.option(
        "--features",
        metavar="A,B,C",
        help=f"Order of the input columns for a model that recorded no names. {IN_QUOTES}",
    ),
    click.option(
        "--output-column",
        metavar="NAME|N",
        help="Which value is judged where a model gives several a row (without it: the one named like the target).",
    ),
    click.option("--weight", metavar="COL", shell_complete=columns, help="Column of sample weights."),
    click.option("--time", metavar="COL", shell_complete=columns, help="Column of times."),
    click.option("--id", metavar="COL", shell_complete=columns, help="Column of row names."),
    click.option(
        "--cluster",
        metavar="COL",
        shell_complete=columns,
        help="Rows of one cluster are not independent: intervals respect clusters.",
    ),
    click.option("--ignore", metavar="A,B", help=f"Columns neither fed to the model nor offered. {IN_QUOTES}"),
    click.option(
        "--type",
        multiple=True,
        metavar="COL=TYPE",
        help="numeric, categorical, boolean, datetime, text or id. Repeatable.",
    ),
    click.option("--na", multiple=True, metavar="VALUE", help="Also counts as missing in a CSV. Repeatable."),
    click.option(
        "--columns",
        type=click.Path(),
        metavar="FILE.yaml",
        help="For each column: description, unit, order of levels, expected direction (rising or falling).",
    ),
    click.option(
        "--where",
        metavar="SQL",
        help="Only rows for which this condition is true; also of --train and --reference. It may name _outcome, _prediction, _score, _error, _row.",
    ),
    click.option(
        "--threshold",
        type=float,
        metavar="X",
        help="Positive when score >= X; without it the model's own predict decides.",
    ),
    click.option("--train", type=click.Path(), metavar="DATA", help="What the model was fitted on."),
    click.option("--reference", type=click.Path(), metavar="DATA", help="An earlier period."),
    click.option("--baseline", type=click.Path(), metavar="MODEL", help="Another model to compare with."),
    click.option("--prediction", metavar="COL", shell_complete=columns, help="With MODEL -: column of predictions."),
    click.option("--score", multiple=True, metavar="[CLASS=]COL", help="With MODEL -: column of scores. Repeatable."),
    click.option(
        "--quantile",
        multiple=True,
        metavar="SHARE=COL",
        help="Column with a promised quantile of a number, such as 0.05=low. Repeatable.",
    ),
    click.option("--seed", type=int, default=0, show_default=True, help="For everything that draws."),
    click.option("--trust", is_flag=True, help="Load a pickle. It can run any code on this machine."),
    click.option("--trust-type", multiple=True, metavar="NAME", help="Allow this type in a skops file. Repeatable."),
    click.option(
        "--config", type=click.Path(), metavar="FILE.yaml", help="These options from a file; what is typed here wins."
    ),
    click.option(
        "--jobs", type=click.IntRange(1), metavar="N", help="Threads to compute with; without it all of them."
    ),
    click.option(
        "--engine",
        metavar="local|ADDRESS",
        help="Where analyses run: here, or on the Dask cluster whose scheduler has this address (tcp://host:8786). "
        "It is sent the model and the data as a pickle, and what a pickle holds runs there.",
    ),
    click.option("--quiet", is_flag=True, help="No progress and no remarks."),
]


def takes_inputs(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add MODEL, DATA and their options to a command, which receives ``inputs`` and ``quiet`` instead."""

    @functools.wraps(command)
    @click.pass_context
    def wrapped(context: click.Context, config: str | None, **given: Any) -> Any:
        if config is None:
            return _called(context, command, given)
        from modelglass.app.config import apply_config, saying_where

        given, remarks, origins = apply_config(context, config, given)
        for said in () if given["quiet"] else remarks:
            remark(said)
        with saying_where(origins):
            return _called(context, command, given)

    for option in reversed(_INPUT_OPTIONS):
        wrapped = option(wrapped)
    data = click.argument("data", required=False, type=click.Path())
    return click.argument("model", required=False, type=click.Path())(data(wrapped))


def _called(context: click.Context, command: Callable[..., Any], given: dict[str, Any]) -> Any:
    """Call a command with its options: those that name model and data as ``inputs``, the others by name."""
    _check_given(context, given)
    limit_threads(given.pop("jobs"))
    known = {k: given.pop(k) for k in list(given) if k in Inputs.model_fields}
    known |= {
        "type": pairs(known["type"], "--type"),
        "features": names(known["features"], "--features") or None,
        "ignore": names(known["ignore"], "--ignore"),
    }
    inputs = checked(**{k: list(v) if isinstance(v, tuple) else v for k, v in known.items()})
    with _engine(given.pop("engine"), given["quiet"]):
        return command(inputs=inputs, **given)


def _engine(engine: str | None, quiet: bool) -> AbstractContextManager[None]:
    """Choose where analyses run; a cluster is reached before anything is read."""
    from modelglass.app.engine import using

    return using(engine, lambda text: None if quiet else remark(text))


def _check_given(context: click.Context, given: dict[str, Any]) -> None:
    """Refuse a call that lacks what only typing or a file can give."""
    for parameter in context.command.params:
        name = str(parameter.name)
        if name in ("model", "data", "target", "output") and given.get(name) is None:
            raise click.MissingParameter(ctx=context, param=parameter)


def takes_budget(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--budget`` to a command."""

    def checked(context: click.Context, parameter: click.Parameter, seconds: float | None) -> float | None:
        from modelglass.analysis.budget import checked_seconds

        return None if seconds is None else checked_seconds(seconds, name="a --budget")

    return click.option(
        "--budget",
        type=float,
        callback=checked,
        metavar="SECONDS",
        help="What is not done by then is left out, and this is said.",
    )(command)


def takes_class(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--class`` to a command, which receives ``of``: the setting that it makes, empty where it is not given."""

    @functools.wraps(command)
    def wrapped(class_: str | None, **given: Any) -> Any:
        return command(of={} if class_ is None else {"class_": class_}, **given)

    return click.option("--class", "class_", metavar="LABEL", help="Of several classes: this one against the rest.")(
        wrapped
    )


def takes_address(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a server to a command."""
    for option in [
        click.option("--headless", is_flag=True, help="Do not open a browser."),
        click.option(
            "--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="The next free one if taken."
        ),
        click.option(
            "--host", default="127.0.0.1", show_default=True, help="Address to listen on; others can see what you show."
        ),
    ]:
        command = option(command)
    return command
