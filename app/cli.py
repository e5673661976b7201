"""The command ``modelglass``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import click

from modelglass.analysis.errors import AnalysisError, InputError, MachineError, Stopped, listed
from modelglass.analysis.odd_signs import one_line, visible
from modelglass.app import completion
from modelglass.app.inputs import IN_QUOTES, Inputs, at_terminal, checked, crossed_names, names, pairs
from modelglass.app.options import takes_address, takes_budget, takes_class, takes_inputs
from modelglass.app.telling import ask, complain, redraw, remark, tell

# Idle threads of OpenMP sleep instead of spinning, so that people who share the machine do not wait for nothing.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation
    from modelglass.analysis.registry import Outcome

WRONG_INPUT, MACHINE, INTERRUPTED = 2, 3, 130


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="modelglass")
@takes_address
@click.option(
    "--folder",
    multiple=True,
    metavar="DIR",
    help="Also offer the files of this folder on the start page. Repeatable; without it none.",
)
@click.pass_context
def cli(context: click.Context, host: str, port: int, headless: bool, folder: tuple[str, ...]) -> None:
    """See what a trained tabular model does on your data: where it fails, why, and how easily it breaks.

    Without a command: the start page, with samples, recent evaluations and your own files.
    """
    if context.invoked_subcommand is None:
        from modelglass.app.dashboard.launch import serve

        serve(None, host=host, port=port, headless=headless, folders=folder)
        return
    for name in ("host", "port", "headless", "folder"):
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError(
                f"--{name} before a command is for the start page alone; write it after the command."
            )


@cli.command()
@click.argument("name", required=False, shell_complete=completion.samples)
@click.option("--list", "listing", is_flag=True, help="Name the samples.")
@takes_address
def demo(name: str | None, listing: bool, host: str, port: int, headless: bool) -> None:
    """Train (once) and open a sample model."""
    from modelglass.sample_models.catalogue import SAMPLES, make

    if listing:
        for sample in SAMPLES.values():
            tell(f"{sample.name:22} {sample.task:11} {sample.title}")
        return
    made = make(name or next(iter(SAMPLES)))
    _serve(
        checked(model=str(made.model), data=str(made.data), train=str(made.train), **made.options),
        host,
        port,
        headless,
        quiet=False,
    )


@cli.command()
@takes_inputs
@takes_budget
@takes_address
def run(inputs: Inputs, quiet: bool, budget: float | None, host: str, port: int, headless: bool) -> None:
    """Open the dashboard on your own model and data; --budget bounds each longer analysis."""
    _serve(inputs, host, port, headless, quiet, budget=budget, remember=True)


def _serve(
    inputs: Inputs,
    host: str,
    port: int,
    headless: bool,
    quiet: bool,
    *,
    budget: float | None = None,
    remember: bool = False,
) -> None:
    from modelglass.app.dashboard.launch import serve
    from modelglass.app.dashboard.ports import check_address

    check_address(host, port)  # before anything is read, said or noted
    ev = _open(inputs)
    _say(ev, quiet)
    if remember:
        from modelglass.app import workspace

        try:
            workspace.record(inputs, ev)
        except AnalysisError as error:  # the page opens all the same
            tell(f"Not noted as recent: {error}", err=True)
    serve(ev, host=host, port=port, headless=headless, budget=budget)


@cli.command()
@takes_inputs
@takes_budget
@click.option("-o", "--output", type=click.Path(), metavar="FILE.html", help="Where to write it. Always needed.")
@click.option("--rows", is_flag=True, help="Include raw rows (the worst ones).")
@click.option("--cohort", multiple=True, metavar="SQL", help="Also show this cohort beside the whole. Repeatable.")
@click.option(
    "--add",
    multiple=True,
    metavar="ANALYSIS",
    shell_complete=completion.analyses,
    help="Also this analysis, which no report has by itself, such as what_if. Repeatable; those of one row need --rows.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="ANALYSIS.NAME=VALUE",
    help="A setting of an analysis, such as calibration.n_bins=20. Repeatable.",
)
def report(
    inputs: Inputs,
    quiet: bool,
    budget: float | None,
    output: str,
    rows: bool,
    cohort: tuple[str, ...],
    add: tuple[str, ...],
    settings: tuple[str, ...],
) -> None:
    """Write one self-contained HTML file."""
    from modelglass.analysis.budget import within_budget
    from modelglass.analysis.registry import get
    from modelglass.app.settings import of_analyses

    more, asked = [get(name) for name in add], of_analyses(pairs(settings, "--set", first=True))
    ev = _open(inputs)
    from modelglass.app.report import standing, written

    usual = standing(ev.task, cohort=bool(cohort) or ev.condition is not None)
    chosen = [*usual, *(a for a in more if a not in usual)] if more else None
    with _Bar(quiet) as bar, within_budget(budget):
        path, lacking = written(
            ev, output, cohorts=cohort, analyses=chosen, settings=asked, include_rows=rows, progress=bar
        )
    _say(ev, quiet)
    tell(str(path))
    if lacking:
        raise MachineError(f"the report is written, without {listed(lacking)}; their places say why.")


@cli.command()
@takes_inputs
@takes_budget
@click.option(
    "--by",
    metavar="A,B,A*B",
    help=f"Columns, and crossed columns; without it every column that can be sliced. {IN_QUOTES}",
)
@click.option("--metrics", metavar="M,N", shell_complete=completion.metrics, help="Metrics by scikit-learn's names.")
@click.option(
    "--find", is_flag=True, help="Search for the worst slices instead (by each of --metrics, in --by's columns)."
)
@takes_class
@click.option("--json", "as_json", is_flag=True, help="Strict JSON on standard output.")
def slices(
    inputs: Inputs,
    quiet: bool,
    budget: float | None,
    by: str | None,
    metrics: str | None,
    find: bool,
    of: dict[str, Any],
    as_json: bool,
) -> None:
    """Metrics by slice, each with an interval; or the worst slices of all that can be named."""
    if find:
        searched: list[dict[str, Any]] = [{"metric": name, **of} for name in names(metrics, "--metrics")] or [of]
        columns = names(by, "--by")
        asked = [("find_slices", {**one, "columns": columns} if columns else one) for one in searched]
    else:
        given = {"by": crossed_names(by, "--by"), "metrics": names(metrics, "--metrics")}
        asked = [("slice_metrics", {**of, **{name: value for name, value in given.items() if value}})]
    _answer(inputs, quiet, budget, asked, as_json)


@cli.command()
@takes_inputs
@takes_budget
@click.option("--most", type=click.IntRange(1, 100), default=12, help="Findings told at most (12).")
@click.option("--json", "as_json", is_flag=True, help="Strict JSON on standard output.")
def findings(inputs: Inputs, quiet: bool, budget: float | None, most: int, as_json: bool) -> None:
    """What is wrong with this model, ranked, in plain words.

    The budget (30 seconds without --budget) decides which checks run and on how many rows; both are listed.
    """
    settings = {"most": most} if budget is None else {"most": most, "budget": budget}
    _answer(inputs, quiet, None, [("findings", settings)], as_json)


@cli.command()
@takes_inputs
@takes_budget
@click.option(
    "--row", type=int, metavar="N", help="Explain this row (number in the data, from 0) instead of the whole model."
)
@takes_class
@click.option("--json", "as_json", is_flag=True, help="Strict JSON on standard output.")
def explain(
    inputs: Inputs, quiet: bool, budget: float | None, row: int | None, of: dict[str, Any], as_json: bool
) -> None:
    """What the model relies on: overall, or for one row."""
    whole: list[tuple[str, dict[str, Any]]] = [("permutation_importance", of), ("shapley_values", of)]
    one = [("shapley_row", {"row": row, **of}), ("lime_weights", {"row": row, **of})]
    _answer(inputs, quiet, budget, whole if row is None else one, as_json)


@cli.command()
@click.argument("analysis", shell_complete=completion.analyses)
@takes_inputs
@takes_budget
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the analysis. Repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Strict JSON on standard output.")
def show(
    analysis: str, inputs: Inputs, quiet: bool, budget: float | None, settings: tuple[str, ...], as_json: bool
) -> None:
    """Run any one analysis by name, also those of other packages (``modelglass analyses`` lists them)."""
    from modelglass.analysis.registry import get
    from modelglass.app.settings import from_text

    record = get(analysis)
    _answer(inputs, quiet, budget, [(analysis, from_text(record, pairs(settings, "--set", first=True)))], as_json)


@cli.command()
def analyses() -> None:
    """List every analysis, also those of other packages."""
    from modelglass.analysis.registry import analyses as declared

    for record in declared().values():
        tell(f"{record.name:32} {record.page:12} {record.question}")


@cli.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_(shell: str) -> None:
    """Print the script that lets your shell complete commands, options, columns, samples and analyses."""
    click.echo(completion.script(cli, shell))


# doing -------------------------------------------------------------------------------------------------------------


def _open(inputs: Inputs) -> Evaluation:
    from modelglass.analysis.patience import guarded

    with guarded():  # a model that hangs must not keep the command
        return inputs.open(ask=ask if at_terminal() else None)


def _say(ev: Evaluation, quiet: bool) -> None:
    """Say what a person should know of model and data, once nothing can be refused any more."""
    for note in () if quiet else ev.notes:
        remark(note.text)


def _answer(
    inputs: Inputs, quiet: bool, budget: float | None, asked: list[tuple[str, dict[str, Any]]], as_json: bool
) -> None:
    """Run analyses and print what came of them; where the machine gives out, what is finished is printed first."""
    from modelglass.analysis.budget import part_of_budget, within_budget
    from modelglass.app import engine

    ev = _open(inputs)
    outcomes: list[Outcome] = []
    try:
        with _Bar(quiet) as bar, within_budget(budget):
            engine.ahead((ev, name, settings) for name, settings in asked)
            for i, (name, settings) in enumerate(asked):
                with part_of_budget(1 / (len(asked) - i)):  # each its share, and what the others left
                    outcomes.append(engine.run(ev, name, progress=bar, **settings))
    except (MachineError, MemoryError, OSError, KeyboardInterrupt, Stopped):
        if outcomes:
            _print(ev, outcomes, as_json)
            left = ", ".join(name for name, _ in asked[len(outcomes) :])
            tell(f"What was finished is printed; {left} is not.", err=True)
        raise
    _say(ev, quiet)
    _print(ev, outcomes, as_json)


def _print(ev: Evaluation, outcomes: list[Outcome], as_json: bool) -> None:
    if not as_json:
        tell(_text(ev, outcomes))
        return
    from modelglass.app.answers import as_object

    click.echo(json.dumps(as_object(ev, outcomes), allow_nan=False))


def _text(ev: Evaluation, outcomes: list[Outcome]) -> str:
    parts = [visible(ev.source.text(), keep="")]
    for outcome in outcomes:
        if outcome.result is None:
            parts.append(
                f"{outcome.analysis.title}\nCannot say, because {visible((outcome.reason or '').rstrip('.'), keep='')}."
            )
        else:
            opening = visible(outcome.result.opening(), keep="")
            parts.append(f"{outcome.analysis.title}\n{opening}\n\n{outcome.result.text()}")
            recipe = outcome.result.recipe()
            if recipe is not None:
                parts.append(
                    f"What could be done\n{visible(recipe.text, keep='')}\n\n{visible(recipe.code, keep=chr(10))}"
                )
    return "\n\n".join(parts)


class _Bar:
    """A progress bar on a terminal, nothing elsewhere."""

    def __init__(self, quiet: bool):
        self._shown = not quiet and sys.stderr.isatty()

    def __enter__(self) -> Callable[[float, str], None]:
        return self._tell

    def _tell(self, share: float, what: str) -> None:
        if self._shown:
            redraw(f"{share:4.0%} {one_line(what, 70):70}")

    def __exit__(self, *_: object) -> None:
        if self._shown:
            redraw(" " * 76)
            redraw("")


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command; exit codes: 0 done, 2 the input or the call is wrong, 3 the machine could not."""
    try:
        code = cli.main(args=arguments, prog_name="modelglass", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        complain(error)
        sys.exit(WRONG_INPUT)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt, Stopped):
        tell("Stopped.", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stdout = None  # whoever read it has gone, as in "... | head"; nobody is left to tell
        sys.exit(0)
    except (MachineError, MemoryError, OSError) as error:
        tell(f"The machine could not: {str(error) or type(error).__name__}", err=True)
        sys.exit(MACHINE)
    except (InputError, AnalysisError) as error:
        tell("\n".join(str(error).splitlines()[:5]), err=True)
        sys.exit(WRONG_INPUT)


if __name__ == "__main__":
    main()
