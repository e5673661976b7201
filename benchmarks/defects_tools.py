"""The tools that sit the examination of ``defects.py``: each turns what it says about a world into claims. Run in the tool's own environment.

Run: ``python benchmarks/defects_tools.py TOOL OUT.jsonl TASK/SEED ... --kinds a,b --strengths larger,smaller``: a line a world.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # workers share the cores
HERE = Path(__file__).resolve().parent
sys.path = [
    p for p in sys.path if Path(p or ".").resolve() != HERE
]  # this folder's coverage.py would hide the package of that name
sys.path += [str(HERE.parent / "tests" / "defects"), str(HERE)]

import numpy as np  # noqa: E402
from other_defects import OTHERS  # noqa: E402
from planted import HELD_OUT, KINDS, Claim, World, evidence, make, planted, true_gap  # noqa: E402

SECONDS = float(os.environ.get("MODELGLASS_BUDGET", "30"))
"""Budget of ``findings``. More on a loaded machine: the rows that are looked at are the same from 30 s on, because no world has more."""
NOT_RUN = "not run"
"""Kind of a claim that says that the time was too short for something: no finding, but told in the lines."""


def modelglass(world: World) -> list[Claim]:
    """What ``findings`` shows, with its usual settings."""
    import modelglass as mg
    from modelglass.analysis import findings

    ev = mg.Evaluation(
        world.model, world.test, target=world.target, positive=world.positive, train=world.train, **world.options
    )
    found = findings(ev, budget=SECONDS)
    late = found.looked[~found.looked["ran"] & found.looked["note"].str.contains("budget|time|ran out")]
    claims = [Claim(severity="low", text=str(name), kind=NOT_RUN) for name in late["analysis"]]
    for f in found.found:
        rows = None
        if f.where:
            rows = np.zeros(len(world.test), dtype=bool)
            rows[ev.where(f.where).rows] = True
        claims.append(Claim(severity=f.severity, text=f.sentence, rows=rows, columns=f.features, kind=f.kind))
    return claims


def deepchecks(world: World) -> list[Claim]:
    """Conditions of the full suite that did not pass: failed ones count as high, warnings as medium."""
    from deepchecks.tabular import Dataset
    from deepchecks.tabular.suites import full_suite

    kinds = list(world.made.categories)
    roles = {
        "label": world.target,
        "cat_features": kinds,
        "datetime_name": world.options["time"],
        "features": world.features,
    }
    label_type = {"regression": "regression"}.get(
        world.made.task, "binary" if len(world.made.classes) == 2 else "multiclass"
    )
    sides = [Dataset(frame, label_type=label_type, **roles) for frame in (world.train, world.test)]
    found = full_suite().run(train_dataset=sides[0], test_dataset=sides[1], model=world.model)
    claims = []
    for check in found.get_not_passed_checks():
        name = check.get_header()
        for condition in check.conditions_results:
            category = condition.category.value
            if category not in ("FAIL", "WARN"):
                continue
            text = f"{name}: {condition.name}: {condition.details}"
            rows, columns = _segment(world, check) if "Segment" in name else (None, _named(world, text))
            claims.append(
                Claim(
                    severity="high" if category == "FAIL" else "medium",
                    text=text,
                    rows=rows,
                    columns=columns,
                    kind=name,
                )
            )
    return claims


def _segment(world: World, check: object) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """The rows of the weakest segment, by its ranges."""
    table = check.value["weak_segments_list"]  # type: ignore[attr-defined]
    if not len(table):
        return None, ()
    worst = table.iloc[0]
    rows, columns = np.ones(len(world.test), dtype=bool), []
    for side in ("Feature1", "Feature2"):
        name, cut = worst[side], worst[f"{side} Range"]
        if not name:
            continue
        columns.append(str(name))
        values = world.test[name]
        if name in world.made.categories:
            rows &= values.isin(list(cut)).to_numpy()
        else:
            rows &= ((values >= cut[0]) & (values <= cut[1])).to_numpy()
    return rows, tuple(columns)


def giskard(world: World) -> list[Claim]:
    """Issues of the scan (no language model): major ones count as high, medium ones as medium."""
    import giskard as gk

    gk.llm.set_llm_client(None) if hasattr(gk, "llm") and hasattr(gk.llm, "set_llm_client") else None
    frame = world.test.copy()
    frame[world.options["time"]] = frame[world.options["time"]].astype(str)
    kinds = dict.fromkeys(world.made.categories, "category") | dict.fromkeys(world.made.numbers, "numeric")
    kinds = {c: kinds.get(c, "numeric") for c in world.features} | {world.options["time"]: "text"}
    data = gk.Dataset(frame, target=world.target, column_types=kinds)
    regression = world.made.task == "regression"

    def predict(frame):
        asked = world.model.predict if regression else world.model.predict_proba
        return asked(frame[world.features])

    more = {} if regression else {"classification_labels": list(world.model.classes_)}
    model = gk.Model(
        predict, model_type="regression" if regression else "classification", feature_names=world.features, **more
    )
    found = gk.scan(model, data, verbose=False, raise_exceptions=False)
    claims = []
    for issue in found.issues:
        rows = None
        if issue.slicing_fn is not None:
            kept = data.slice(issue.slicing_fn).df.index
            rows = np.asarray(frame.index.isin(kept))
        columns = tuple(c for c in (issue.features or ()) if c in frame.columns)
        text = f"{issue.group.name}: {issue.description}"
        columns = columns or _named(world, text)
        level = {"major": "high", "medium": "medium"}.get(str(issue.level.value), "low")
        claims.append(
            Claim(severity=level, text=re.sub(r"\s+", " ", text), rows=rows, columns=columns, kind=issue.group.name)
        )
    return claims


def _named(world: World, text: str) -> tuple[str, ...]:
    return tuple(c for c in world.test.columns if re.search(rf"\b{re.escape(c)}\b", text))


TOOLS: dict[str, Callable[[World], list[Claim]]] = {
    "modelglass": modelglass,
    "deepchecks": deepchecks,
    "giskard": giskard,
}


def examined(tool: str, kind: str, strength: str, task: str, seed: int) -> dict:
    """Give one line of the results: was it found, and what else was said."""
    world = planted(OTHERS[kind][0], kind, task, strength, seed) if kind in OTHERS else make(kind, strength, task, seed)
    wall, cpu = time.perf_counter(), time.process_time()
    line: dict = {"tool": tool, "kind": kind, "strength": strength, "task": task, "seed": seed}
    try:
        claims = TOOLS[tool](world)
    except Exception as error:  # noqa: BLE001  a tool that breaks down has found nothing, and that is told
        return line | {"failed": f"{type(error).__name__}: {error}"[:300]}
    line |= {"wall": round(time.perf_counter() - wall, 2), "cpu": round(time.process_time() - cpu, 2)}
    line |= {"high": sum(c.severity == "high" for c in claims), "medium": sum(c.severity == "medium" for c in claims)}
    line["claims"] = [[c.severity, c.kind, c.text[:240], list(c.columns)] for c in claims if c.severity != "low"]
    line["late"] = [c.text for c in claims if c.kind == NOT_RUN]
    if world.truth is None:  # whether a claim here is chance, or a true imperfection of a real model
        line["true"] = [
            None if c.rows is None else round(true_gap(world, c.rows), 3) for c in claims if c.severity != "low"
        ]
    else:
        line |= {"found": world.truth.found(claims), "unrelated": sum(world.truth.unrelated(c) for c in claims)}
        line |= {"local": world.truth.local, "size": world.truth.size}
        line["found_high"] = world.truth.found([c for c in claims if c.severity == "high"])
        there = evidence(world)
        line |= {"oracle": there.what, "oracle_value": there.value, "oracle_sure": min(there.sure, 999.0)}
    return line


def wanted(kinds: list[str], strengths: list[str], task: str, clean_only: bool) -> list[tuple[str, str]]:
    """Give the kinds and strengths to examine in a task, the clean world first."""
    asked = [("clean", "")] if "clean" in kinds else []
    if clean_only:
        return asked
    return asked + [
        (k, s) for k in kinds if k != "clean" and task in (KINDS | HELD_OUT | OTHERS)[k][1] for s in strengths
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", choices=list(TOOLS))
    parser.add_argument("out")
    parser.add_argument("worlds", nargs="+", help="TASK/SEED, or TASK/SEED/clean for the clean world only")
    parser.add_argument("--kinds", required=True)
    parser.add_argument("--strengths", default="larger,smaller")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    done = set()
    if Path(given.out).exists():
        lines = map(json.loads, Path(given.out).read_text().splitlines())
        done = {(r["kind"], r["strength"], r["task"], r["seed"]) for r in lines}
    for place in given.worlds:
        task, seed, *only = place.split("/")
        for kind, strength in wanted(given.kinds.split(","), given.strengths.split(","), task, bool(only)):
            if (kind, strength, task, int(seed)) in done:
                continue
            line = json.dumps(examined(given.tool, kind, strength, task, int(seed)))
            with open(given.out, "a") as out:
                out.write(line + "\n")


if __name__ == "__main__":
    main()
