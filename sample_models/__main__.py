"""``python -m modelglass.sample_models [NAME | --list] [--folder FOLDER]``: train one, print its files."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence

from modelglass.analysis.errors import AnalysisError, InputError
from modelglass.sample_models.catalogue import SAMPLES, Made, make


def _listed() -> str:
    width = max(map(len, SAMPLES))
    return "\n".join(f"{name:<{width}}  {sample.title}" for name, sample in SAMPLES.items())


def _told(made: Made) -> str:
    options = " ".join(f"--{name} {shlex.quote(value)}" for name, value in made.options.items())
    model, data, train = (shlex.quote(str(path)) for path in (made.model, made.data, made.train))
    lines = [f"model  {made.model}", f"data   {made.data}", f"train  {made.train}"]
    if made.truth is not None:
        lines.append(f"truth  {made.truth}")
    return "\n".join([*lines, f"open   modelglass run {model} {data} {options} --train {train}"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code: 0 done, 2 wrong call, 3 the machine could not."""
    parser = argparse.ArgumentParser("python -m modelglass.sample_models", description="Train a sample model.")
    parser.add_argument("name", nargs="?", default="credit", help="which sample (default: credit)")
    parser.add_argument("--list", action="store_true", help="name the samples and stop")
    parser.add_argument("--folder", help="put the files in FOLDER/NAME (default: the user's own folder)")
    chosen = parser.parse_args(arguments)
    if chosen.list:
        sys.stdout.write(_listed() + "\n")
        return 0
    try:
        sys.stdout.write(_told(make(chosen.name, chosen.folder)) + "\n")
    except AnalysisError as error:
        sys.stderr.write(f"{error}\n")
        return 2 if isinstance(error, InputError) else 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
