"""Check that wheel and sdist hold what they should: only `modelglass/`, and all of it."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("analysis", "explainers", "app", "sample_models")


def wanted() -> set[str]:
    """Files of the four rooms and the front door that git tracks and a wheel must hold."""
    tracked = subprocess.run(
        ["git", "ls-files", *ROOMS, "modelglass"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\n")
    inside = {f"modelglass/{name}" for name in tracked if name.startswith(ROOMS)}
    front = {name for name in tracked if name.startswith("modelglass/") and not (ROOT / name).is_symlink()}
    return {name for name in inside | front if name}


def main(folder: str) -> int:
    """Compare; print what is wrong; give the exit code."""
    wheel = next(Path(folder).glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    tops = {name.split("/")[0] for name in held}
    strange = {t for t in tops if t != "modelglass" and not t.endswith(".dist-info")}
    missing = sorted(wanted() - held)
    with tarfile.open(next(Path(folder).glob("*.tar.gz"))) as archive:
        source = {name.split("/", 1)[-1] for name in archive.getnames()}
    lost = sorted(n for n in wanted() if n not in source and n.removeprefix("modelglass/") not in source)
    for label, names in [
        ("strange in the wheel", sorted(strange)),
        ("missing from the wheel", missing),
        ("missing from the sdist", lost),
    ]:
        if names:
            print(f"{label}: {names}")
    print(f"{wheel.name}: {len(held)} files")
    return bool(strange or missing or lost)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
