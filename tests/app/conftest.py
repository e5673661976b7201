"""What the tests of the command share."""

from __future__ import annotations

import pytest

from modelglass.app import cli


@pytest.fixture
def command(place, capsys, monkeypatch):
    """A function: run the command in the module's folder ``place``; give exit code, standard output and standard error."""
    monkeypatch.chdir(place)

    def run(*words):
        with pytest.raises(SystemExit) as stop:
            cli.main(list(words))
        out, err = capsys.readouterr()
        return stop.value.code, out, err

    return run
