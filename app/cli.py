"""The command ``modelglass``."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import click

from modelglass.analysis.errors import AnalysisError, InputError, MachineError, Stopped
from modelglass.app.inputs import Inputs, at_terminal, checked, names, pairs

# Idle threads of OpenMP sleep instead of spinning, so that people who share the machine do not wait for nothing.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation
    from modelglass.analysis.registry import Outcome

WRONG_INPUT, MACHINE, INTERRUPTED = 2, 3, 130

_INPUT_OPTIONS = [
    click.option("--target", required=True, metavar="COL", help="Column of outcomes."),
    click.option(
        "--task",
        type=click.Choice(["binary", "multiclass", "regression"]),
        help="Without it: as the model or the data say.",
    ),
    click.option("--positive", metavar="LABEL", help="The positive class (two classes)."),
    click.option(
        "--label", multiple=True, metavar="DATA=MODEL", help="Map a label of the data to the model's. Repeatable."
    ),
    click.option("--features", metavar="A,B,C", help="Order of the input columns for a model that recorded no names."),
    click.option(
        "--output-column",
        metavar="NAME|N",
        help="Which value is judged where a model gives several a row (without it: the one named like the target).",
    ),
    click.option("--weight", metavar="COL", help="Column of sample weights."),
    click.option("--time", metavar="COL", help="Column of times."),
    click.option("--id", metavar="COL", help="Column of row names."),
    click.option(
        "--cluster", metavar="COL", help="Rows of one cluster are not independent: intervals respect clusters."
    ),
    click.option("--ignore", metavar="A,B", help="Columns neither fed to the model nor offered."),
    click.option(
        "--type",
        multiple=True,
        metavar="COL=TYPE",
        help="numeric, categorical, boolean, datetime, text or id. Repeatable.",
    ),
    click.option("--na", multiple=True, metavar="VALUE", help="Also counts as missing in a CSV. Repeatable."),
    click.option("--where", metavar="SQL", help="Only rows for which this condition is true."),
    click.option(
        "--threshold",
        type=float,
        metavar="X",
        help="Positive when score >= X; without it the model's own predict decides.",
    ),
    click.option("--train", metavar="DATA", help="What the model was fitted on."),
    click.option("--prediction", metavar="COL", help="With MODEL -: column of predictions."),
    click.option("--score", multiple=True, metavar="[CLASS=]COL", help="With MODEL -: column of scores. Repeatable."),
    click.option("--seed", type=int, default=0, show_default=True, help="For everything that draws."),
    click.option("--trust", is_flag=True, help="Load a pickle. It can run any code on this machine."),
    click.option("--trust-type", multiple=True, metavar="NAME", help="Allow this type in a skops file. Repeatable."),
    click.option("--quiet", is_flag=True, help="No progress and no remarks."),
]


def takes_inputs(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add MODEL, DATA and their options to a command, which receives ``inputs`` and ``quiet`` instead."""

    @functools.wraps(command)
    def wrapped(model: str, data: str, quiet: bool, **given: Any) -> Any:
        known = {k: given.pop(k) for k in list(given) if k in Inputs.model_fields}
        known |= {
            "type": pairs(known["type"], "--type"),
            "features": names(known["features"]) or None,
            "ignore": names(known["ignore"]),
        }
        inputs = checked(
            model=model, data=data, **{k: list(v) if isinstance(v, tuple) else v for k, v in known.items()}
        )
        return command(inputs=inputs, quiet=quiet, **given)

    for option in reversed(_INPUT_OPTIONS):
        wrapped = option(wrapped)
    return click.argument("model")(click.argument("data")(wrapped))


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


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="modelglass")
@click.pass_context
def cli(context: click.Context) -> None:
    """See what a trained tabular model does on your data: where it fails, why, and how easily it breaks."""
    if context.invoked_subcommand is None:
        from modelglass.app.dashboard.launch import serve

        serve(None)


@cli.command()
@click.argument("name", required=False)
@click.option("--list", "listing", is_flag=True, help="Name the samples.")
@takes_address
def demo(name: str | None, listing: bool, host: str, port: int, headless: bool) -> None:
    """Train (once) and open a sample model."""
    from modelglass.sample_models.catalogue import SAMPLES, make

    if listing:
        for sample in SAMPLES.values():
            click.echo(f"{sample.name:22} {sample.task:11} {sample.title}")
        return
    made = make(name or next(iter(SAMPLES)))
    _serve(checked(model=str(made.model), data=str(made.data), **made.options), host, port, headless, quiet=False)


@cli.command()
@takes_inputs
@takes_address
def run(inputs: Inputs, quiet: bool, host: str, port: int, headless: bool) -> None:
    """Open the dashboard on your own model and data."""
    _serve(inputs, host, port, headless, quiet)


def _serve(inputs: Inputs, host: str, port: int, headless: bool, quiet: bool) -> None:
    ev = _open(inputs)
    _say(ev, quiet)
    from modelglass.app.dashboard.launch import serve

    serve(ev, host=host, port=port, headless=headless)


@cli.command()
@takes_inputs
@click.option("-o", "--output", required=True, metavar="FILE.html", help="Where to write it.")
@click.option("--rows", is_flag=True, help="Include raw rows (the worst ones).")
@click.option("--cohort", multiple=True, metavar="SQL", help="Also show this cohort beside the whole. Repeatable.")
def report(inputs: Inputs, quiet: bool, output: str, rows: bool, cohort: tuple[str, ...]) -> None:
    """Write one self-contained HTML file."""
    ev = _open(inputs)
    from modelglass.app.report import report as write_report

    with _Bar(quiet) as bar:
        path = write_report(ev, output, cohorts=cohort, include_rows=rows, progress=bar)
    _say(ev, quiet)
    click.echo(str(path))


@cli.command()
@takes_inputs
@click.option(
    "--by", metavar="A,B,A*B", help="Columns, and crossed columns; without it every column that can be sliced."
)
@click.option("--metrics", metavar="M,N", help="Metrics by scikit-learn's names.")
@click.option("--json", "as_json", is_flag=True, help="Strict JSON on standard output.")
def slices(inputs: Inputs, quiet: bool, by: str | None, metrics: str | None, as_json: bool) -> None:
    """Metrics by slice, each with an interval."""
    settings = {k: v for k, v in {"by": names(by), "metrics": names(metrics)}.items() if v}
    _answer(inputs, quiet, [("slice_metrics", settings)], as_json)


@cli.command()
@takes_inputs
@click.option(
    "--row", type=int, metavar="N", help="Explain this row (number in the data, from 0) instead of the whole model."
)
@click.option("--json", "as_json", is_flag=True, help="Strict JSON on standard output.")
def explain(inputs: Inputs, quiet: bool, row: int | None, as_json: bool) -> None:
    """What the model relies on: overall, or for one row."""
    whole: list[tuple[str, dict[str, Any]]] = [("permutation_importance", {}), ("shapley_values", {})]
    one = [("shapley_row", {"row": row}), ("lime_weights", {"row": row})]
    _answer(inputs, quiet, whole if row is None else one, as_json)


@cli.command()
@click.argument("analysis")
@takes_inputs
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the analysis. Repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Strict JSON on standard output.")
def show(analysis: str, inputs: Inputs, quiet: bool, settings: tuple[str, ...], as_json: bool) -> None:
    """Run any one analysis by name, also those of other packages (``modelglass analyses`` lists them)."""
    from modelglass.analysis.registry import get
    from modelglass.app.settings import from_text

    record = get(analysis)
    _answer(inputs, quiet, [(analysis, from_text(record, pairs(settings, "--set")))], as_json)


@cli.command()
def analyses() -> None:
    """List every analysis, also those of other packages."""
    from modelglass.analysis.registry import analyses as declared

    for record in declared().values():
        click.echo(f"{record.name:32} {record.page:12} {record.question}")


# doing -------------------------------------------------------------------------------------------------------------


def _open(inputs: Inputs) -> Evaluation:
    from modelglass.analysis.patience import guarded

    with guarded():  # a model that hangs must not keep the command
        return inputs.open(ask=(lambda text: click.confirm(text, err=True)) if at_terminal() else None)


def _say(ev: Evaluation, quiet: bool) -> None:
    """Say what a person should know of model and data, once nothing can be refused any more."""
    for note in () if quiet else ev.notes:
        click.echo(f"Note: {note.text}", err=True)


def _answer(inputs: Inputs, quiet: bool, asked: list[tuple[str, dict[str, Any]]], as_json: bool) -> None:
    from modelglass.analysis.registry import run as run_analysis

    ev = _open(inputs)
    with _Bar(quiet) as bar:
        outcomes = [run_analysis(ev, name, progress=bar, **settings) for name, settings in asked]
    _say(ev, quiet)
    click.echo(_json(ev, outcomes) if as_json else _text(ev, outcomes))


def _json(ev: Evaluation, outcomes: list[Outcome]) -> str:
    from modelglass import __version__
    from modelglass.analysis.result import as_json, result_json

    results = [
        result_json(o.analysis.name, o.result)
        if o.result is not None
        else {"analysis": o.analysis.name, "not_applicable": o.reason}
        for o in outcomes
    ]
    return json.dumps(
        {
            "modelglass": __version__,
            "source": as_json(ev.source.as_dict()),
            "notes": [{"level": n.level, "text": n.text} for n in ev.notes],
            "results": results,
        },
        allow_nan=False,
    )


def _text(ev: Evaluation, outcomes: list[Outcome]) -> str:
    parts = [ev.source.text()]
    for outcome in outcomes:
        if outcome.result is None:
            parts.append(f"{outcome.analysis.title}\nCannot say, because {outcome.reason}")
        else:
            table = outcome.result.frame().to_string(
                index=False, max_rows=60, max_colwidth=40, float_format=lambda v: f"{v:.4g}"
            )
            parts.append(f"{outcome.analysis.title}\n{outcome.result.sentence()}\n\n{table}")
    return "\n\n".join(parts)


class _Bar:
    """A progress bar on a terminal, nothing elsewhere."""

    def __init__(self, quiet: bool):
        self._shown = not quiet and sys.stderr.isatty()

    def __enter__(self) -> Callable[[float, str], None]:
        return self._tell

    def _tell(self, share: float, what: str) -> None:
        if self._shown:
            click.echo(f"\r{share:4.0%} {what[:70]:70}", err=True, nl=False)

    def __exit__(self, *_: object) -> None:
        if self._shown:
            click.echo("\r" + " " * 76 + "\r", err=True, nl=False)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command; exit codes: 0 done, 2 the input or the call is wrong, 3 the machine could not."""
    try:
        code = cli.main(args=arguments, prog_name="modelglass", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(WRONG_INPUT)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt, Stopped):
        click.echo("Stopped.", err=True)
        sys.exit(INTERRUPTED)
    except (MachineError, MemoryError, OSError) as error:
        click.echo(f"The machine could not: {str(error) or type(error).__name__}", err=True)
        sys.exit(MACHINE)
    except (InputError, AnalysisError) as error:
        click.echo("\n".join(str(error).splitlines()[:5]), err=True)
        sys.exit(WRONG_INPUT)


if __name__ == "__main__":
    main()
