"""Planted defects: what ``findings`` finds, misses and raises for nothing, beside the scans of deepchecks and giskard.

Worlds come from ``tests/defects/planted`` (12 kinds of defect at two strengths, 4 more that nobody built for, clean worlds beside them) and, with
``--others``, from ``other_defects.py`` (18 more kinds); what counts as found stands in ``planted/truth.py``. Every world is examined once; lines go to
a file, and those already in it are not examined again. Another tool runs in an environment of its own, made with pip, or by ``--python``.

Run: ``python benchmarks/defects.py [--tool modelglass] [--seeds 20] [--clean 60] [--kinds "label noise,clean"] [--strengths larger] [--held-out] [--others] [--python PATH]
[--out FILE.jsonl] [--table FILE.jsonl ...]``
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE.parent / "tests" / "defects"), str(HERE)]
TASKS = ("classification", "regression")
REQUIREMENTS = {
    "deepchecks": ("deepchecks==0.19.1", "setuptools<81", "numpy<2", "pandas<2.2", "scikit-learn<1.5"),
    "giskard": ("giskard==2.19.2", "pandas<2.3", "numpy<2", "scikit-learn<1.6"),
}


def wilson(k: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Give the interval of a share (Wilson 1927)."""
    middle, half = (k + z * z / 2) / (n + z * z), z * math.sqrt(k * (n - k) / n + z * z / 4) / (n + z * z)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def share(k: int, n: int) -> str:
    low, high = wilson(k, n)
    return f"{k}/{n} = {k / n:.0%} ({low:.0%} to {high:.0%})"


def examine(given: argparse.Namespace, out: Path) -> None:
    """Let workers examine the worlds, a share of the seeds each."""
    worlds = [f"{task}/{seed}" for seed in range(given.seeds) for task in TASKS]
    if "clean" in given.kinds:
        worlds += [f"{task}/{seed}/clean" for seed in range(given.seeds, given.clean) for task in TASKS]
    python = sys.executable
    if given.python:
        python = given.python
    elif given.tool != "modelglass":
        from environments import python_of

        python = str(python_of(given.tool, *REQUIREMENTS[given.tool]))
    workers = []
    for part in range(given.jobs):
        mine = worlds[part :: given.jobs]
        if mine:
            command = [python, str(HERE / "defects_tools.py"), given.tool, str(out), *mine]
            command += ["--kinds", ",".join(given.kinds), "--strengths", given.strengths]
            workers.append(subprocess.Popen(command))
    if max(worker.wait() for worker in workers):
        raise SystemExit("A worker broke down; run again to go on where it stopped.")


def told(lines: list[dict], order: list[str]) -> str:
    """Give the tables: found by kind, then false alarms."""
    tools = list(dict.fromkeys(r["tool"] for r in lines))
    out = [
        "| kind | task | strength | oracle: median (surest tenth-lowest) | "
        + " | ".join(f"{t}: found" for t in tools)
        + " | unrelated high |"
    ]
    out.append("|---" * (5 + len(tools)) + "|")
    for kind in order:
        for task in TASKS:
            for strength in ("larger", "smaller"):
                rows = [r for r in lines if (r["kind"], r["task"], r["strength"]) == (kind, task, strength)]
                if rows:
                    out.append(_line(kind, task, strength, rows, tools))
    for strength in ("larger", "smaller"):
        rows = [r for r in lines if r["strength"] == strength and r["kind"] in order]
        if rows:
            out.append(_line("all", "", strength, rows, tools))
    return "\n".join(out)


def _line(kind: str, task: str, strength: str, rows: list[dict], tools: list[str]) -> str:
    cells = []
    for tool in tools:
        mine = [r for r in rows if r["tool"] == tool]
        broke = sum("failed" in r for r in mine)
        cells.append(
            (share(sum(bool(r.get("found")) for r in mine), len(mine)) if mine else "")
            + (f", {broke} broke down" if broke else "")
        )
    seen = sorted((r["oracle_sure"], r["oracle_value"]) for r in rows if r["tool"] == tools[0] and "oracle" in r)
    oracle = ""
    if seen and kind != "all":
        middle = sorted(abs(v) for _, v in seen)[len(seen) // 2]
        sure = seen[len(seen) // 10][0]
        oracle = f"{middle:.3g} {rows[0].get('oracle', '').split(' (')[0]}" + (
            f" ({sure:.1f} SE)" if sure < 999 else ""
        )
    local = [r for r in rows if r["tool"] == tools[0] and r.get("local")]
    unrelated = share(sum(r["unrelated"] > 0 for r in local), len(local)) if local else ""
    return f"| {kind} | {task} | {strength} | {oracle} | " + " | ".join(cells) + f" | {unrelated} |"


def alarms(lines: list[dict]) -> str:
    """Give the table of clean sets: how many have a high finding, and how many medium ones there are on average."""
    out = [
        "| tool | task | clean sets with a high finding | medium findings a set | median processor time |",
        "|---|---|---|---|---|",
    ]
    for tool in dict.fromkeys(r["tool"] for r in lines):
        for task in (*TASKS, "all"):
            rows = [
                r
                for r in lines
                if r["tool"] == tool and r["kind"] == "clean" and task in (r["task"], "all") and "failed" not in r
            ]
            if rows:
                seconds = sorted(r["cpu"] for r in rows)[len(rows) // 2]
                medium = sum(r["medium"] for r in rows) / len(rows)
                out.append(
                    f"| {tool} | {task} | {share(sum(r['high'] > 0 for r in rows), len(rows))} | {medium:.1f} | {seconds:.1f} s |"
                )
    return "\n".join(out)


def missed(lines: list[dict]) -> str:
    """List what was missed at the larger strength, and every false alarm, with what was said."""
    out = []
    for r in lines:
        where = f"{r['kind']} {r['strength']} {r['task']} seed {r['seed']}"
        if "failed" in r:
            out.append(f"BROKE DOWN {where}: {r['failed']}")
        elif r["kind"] == "clean" and r["high"]:
            out += [
                f"FALSE ALARM {where} (truly off {t}): {c[1]}: {c[2]}"
                for c, t in zip(r["claims"], r["true"])
                if c[0] == "high"
            ]
        elif r["kind"] != "clean" and r["strength"] == "larger" and not r["found"]:
            out.append(
                f"MISSED {where}: {r['size']} (oracle {r['oracle_value']:.3g}, {r['oracle_sure']:.1f} SE); said: {[c[:2] + c[3:] for c in r['claims']]}"
            )
    return "\n".join(out)


def main() -> None:
    from other_defects import OTHERS
    from planted import HELD_OUT, KINDS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", default="modelglass", choices=["modelglass", *REQUIREMENTS])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--clean", type=int, default=60, help="seeds of clean worlds")
    parser.add_argument("--kinds", default=",".join([*KINDS, "clean"]), help="names, separated by commas")
    parser.add_argument("--strengths", default="larger,smaller")
    parser.add_argument("--held-out", action="store_true", help="the kinds kept out of all tuning instead")
    parser.add_argument("--others", action="store_true", help="the kinds of other_defects.py instead")
    parser.add_argument("--python", default="", help="interpreter of the tool's environment, where it is made by hand")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", default="", help="file of lines; an existing one is completed")
    parser.add_argument("--table", nargs="*", default=[], help="examine nothing, print the tables of these files")
    parser.add_argument("--missed", action="store_true", help="list what was missed, and every false alarm")
    given = parser.parse_args()
    given.kinds = list(HELD_OUT) if given.held_out else list(OTHERS) if given.others else given.kinds.split(",")
    files = [Path(f) for f in given.table]
    if not files:
        out = Path(given.out or HERE / ".env" / f"defects-{given.tool}.jsonl")
        out.parent.mkdir(exist_ok=True)
        if not given.out:
            out.unlink(missing_ok=True)
        examine(given, out)
        files = [out]
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    for names in (list(KINDS), list(HELD_OUT), list(OTHERS)):
        if any(r["kind"] in names for r in lines):
            print(told(lines, names), end="\n\n")
    print(alarms(lines))
    late = sum(bool(r.get("late")) for r in lines)
    if late:
        print(f"\nIn {late} worlds the time was too short for some of the analyses.")
    print(f"\n{sum(r.get('cpu', 0) for r in lines):.0f} s of processor time for {len(lines)} worlds")
    if given.missed:
        print("\n" + missed(lines))


if __name__ == "__main__":
    main()
