"""Memory of cheapest changes and of the noise sweep, over the data: ``python benchmarks/stress_memory.py FOLDER`` (FOLDER holds adult).

Each case in a process of its own; the process's memory is watched every 5 ms while the call runs (``Memory`` of ``shapley.py``), above that before
the call, after all the data were predicted once. The goal is 1 GiB.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from environments import run
from shapley import Memory

COLUMNS = 20


def numbers(rows: int, linear: bool = False) -> Any:
    """Boosted trees of 20 columns of numbers, or a linear model."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    from modelglass.analysis import Evaluation

    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(rows, COLUMNS)), columns=[f"x{i}" for i in range(COLUMNS)])
    y = (X.x0 + X.x1 * X.x2 + rng.logistic(size=rows) > 0).astype(int)
    fitted = slice(0, min(rows, 20_000))
    model = LogisticRegression() if linear else HistGradientBoostingClassifier(max_iter=100)
    return Evaluation(model.fit(X[fitted], y[fitted]), X.assign(y=y), target="y")


def adult(folder: Path, final: Any) -> Any:
    """Adult behind imputers, scaler and one-hot columns."""
    from certified import piped
    from sklearn.preprocessing import OneHotEncoder

    from modelglass.analysis import Evaluation

    train, test = (pd.read_csv(folder / f"adult_{part}.csv", na_values="?") for part in ("train", "test"))
    columns = list(train.select_dtypes("number").columns)
    words = [c for c in train.columns if c not in (*columns, "income")]
    model = piped(columns, words, OneHotEncoder(handle_unknown="ignore", sparse_output=False), final)
    return Evaluation(model.fit(train.drop(columns="income"), train.income), test, target="income", train=train)


def case_of(name: str, folder: Path) -> tuple[Any, Any]:
    """Give the evaluation and the call of a case."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    from modelglass.analysis import adversarial, noise_robustness

    if name == "noise, 100,000 rows of 20 columns, 5 strengths":
        return numbers(100_000), lambda ev: noise_robustness(ev, rows=None)
    if name == "cheapest, 1,000 rows of 20 columns":
        return numbers(1_000), lambda ev: adversarial(ev, rows=None, budget=None)
    if name == "cheapest, 100 of 100,000 rows of 20 columns":
        return numbers(100_000), lambda ev: adversarial(ev, budget=None)
    if name == "cheapest, 100,000 rows of 20 columns, 30 seconds":
        return numbers(100_000), lambda ev: adversarial(ev, rows=None, budget=30.0)
    if name == "cheapest, 100,000 rows of 20 columns, linear, 30 seconds":
        return numbers(100_000, linear=True), lambda ev: adversarial(ev, rows=None, budget=30.0)
    final = HistGradientBoostingClassifier(random_state=0) if "trees" in name else LogisticRegression(max_iter=2_000)
    return adult(folder, final), lambda ev: adversarial(ev, rows=5_000, budget=None)


CASES = (
    "noise, 100,000 rows of 20 columns, 5 strengths",
    "cheapest, 1,000 rows of 20 columns",
    "cheapest, 100 of 100,000 rows of 20 columns",
    "cheapest, 100,000 rows of 20 columns, 30 seconds",
    "cheapest, 100,000 rows of 20 columns, linear, 30 seconds",
    "cheapest, 5,000 rows of adult, trees",
    "cheapest, 5,000 rows of adult, linear",
)


def one(name: str, folder: Path) -> dict[str, Any]:
    """Run a case in this process."""
    ev, call = case_of(name, folder)
    ev.answer(ev.inputs())
    with Memory() as memory:
        began, spent = time.perf_counter(), time.process_time()
        got = call(ev)
        wall, spent = time.perf_counter() - began, time.process_time() - spent
    return {
        "more": memory.more, "before": memory.before, "wall": wall, "processor": spent, "asked": got.asked,
        "stopped": bool(getattr(got, "stopped", False)),
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--case", default="")
    given = parser.parse_args()
    if given.case:
        print(json.dumps(one(given.case, given.folder)))
        sys.exit()
    print("| | memory over the data | before the call | wall | processor | rows asked |\n|---|---|---|---|---|---|")
    for case in CASES:
        got = run(None, "stress_memory.py", str(given.folder), "--case", case)
        print(
            got.get("failed")
            or f"| {case} | {got['more']:.0f} MiB | {got['before']:.0f} MiB | {got['wall']:.0f} s{', stopped' if got['stopped'] else ''} | "
            f"{got['processor']:.0f} s | {got['asked']:,} |",
            flush=True,
        )
