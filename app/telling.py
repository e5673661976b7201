"""The one way by which the command prints for people: nothing that stands in data or files reaches the terminal as a command to it.

What programs read (``--json``, the script of ``completion``) does not pass here.
"""

from __future__ import annotations

import io

import click

from modelglass.analysis.odd_signs import visible


def tell(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print a text of one or several lines, control characters and marks that turn text round written as escapes."""
    click.echo(visible(text, keep="\n"), err=err, nl=nl)


def remark(text: str) -> None:
    """Print a note on standard error, one line."""
    tell(f"Note: {visible(text, keep='')}", err=True)


def redraw(text: str) -> None:
    """Write one line of progress over the last."""
    click.echo("\r" + visible(text, keep=""), err=True, nl=False)


def ask(question: str) -> bool:
    """Ask yes or no on standard error."""
    return click.confirm(visible(question, keep=""), err=True)


def complain(error: click.ClickException) -> None:
    """Print what click says of a call; it quotes what was typed or stands in a file of options."""
    said = io.StringIO()
    error.show(file=said)
    tell(said.getvalue(), err=True, nl=False)
