"""A pinned environment for each tool that is measured: made once under ``benchmarks/.env/NAME``, and a script run in it that prints JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FOLDER = HERE / ".env"


def python_of(name: str, *requirements: str) -> Path:
    """Give the interpreter of an environment with these requirements, making it the first time."""
    folder = FOLDER / name
    done = folder / ".done"
    python = folder / "bin" / "python"
    if not done.exists() or done.read_text() != "\n".join(requirements):
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements], check=True)
        done.write_text("\n".join(requirements))
    return python


def run(python: Path | str | None, script: str, *arguments: str, seconds: float = 1200) -> dict[str, Any]:
    """Run a script of this folder and read the JSON object it prints last; {"failed": why} where it could not."""
    command = [str(python or sys.executable), str(HERE / script), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return {"failed": f"stopped after {seconds:g} s"}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1][:300]}
    return json.loads(done.stdout.strip().splitlines()[-1])
