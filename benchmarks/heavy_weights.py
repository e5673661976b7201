"""Findings, found slices and changes of a metric under weights that differ a lot, where nothing is wrong: how often something is said, or the truth left out.

Run: ``python benchmarks/heavy_weights.py findings|slices|changes [--weights giant1e6,lognormal2] [--rows 1500] [--sets 100]``
Weights: equal; giantW (one row of weight W, the others 1); fewW (twenty of them); lognormalS (sigma S); paretoA (exponent A).
"""

from __future__ import annotations

import argparse
import os
import re
from collections import Counter
from functools import lru_cache

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from scipy import special
from sklearn.linear_model import LinearRegression, LogisticRegression

from modelglass.analysis import findings
from modelglass.analysis.discovery import measure, searched_codings
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.groups import Rows, rows_of
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.paired import change
from modelglass.analysis.weighted import equal_rows

NUMBERS, SLOPES = [f"x{i}" for i in range(5)], np.array([1, -0.8, 0.6, 0.5, 0.4])
SEARCHED = {"regression": ("bias", "mae", "rmse"), "binary": ("calibration_gap", "excess_brier_score")}
CHANGED = {"regression": ("rmse", "r2", "mae"), "binary": ("roc_auc", "log_loss", "accuracy", "recall", "precision", "balanced_accuracy")}  # fmt: skip


def weights(rng: np.random.Generator, n: int, kind: str) -> np.ndarray | None:
    """Draw weights of a kind; None where all weigh the same."""
    name, number = re.fullmatch(r"([a-z]+?)([0-9].*)?", kind).groups()
    if name == "lognormal":
        return rng.lognormal(0, float(number), n)
    if name == "pareto":
        return rng.pareto(float(number), n) + 1
    if name in ("giant", "few"):
        w = np.ones(n)
        w[rng.choice(n, 1 if name == "giant" else 20, replace=False)] = float(number)
        return w
    return None


def drawn(rng: np.random.Generator, n: int, task: str) -> pd.DataFrame:
    """Draw rows of five numbers and two categories that say nothing."""
    frame = pd.DataFrame({c: rng.normal(size=n) for c in NUMBERS})
    frame["g"], frame["h"] = rng.choice(list("xyz"), n, p=[0.6, 0.3, 0.1]), rng.choice(list("pq"), n)
    middle = frame[NUMBERS].to_numpy() @ SLOPES
    noisy = middle + rng.normal(size=n)
    return frame.assign(y=noisy if task == "regression" else (rng.random(n) < special.expit(middle)).astype(int))


@lru_cache
def model(task: str):
    """Fit on so many rows that the model is right."""
    frame = drawn(np.random.default_rng(99), 300_000, task)
    return (LinearRegression() if task == "regression" else LogisticRegression(C=1e6)).fit(frame[NUMBERS], frame["y"])


def world(task: str, kind: str, n: int, seed: int) -> Evaluation:
    """Evaluate the right model on weighted rows."""
    rng = np.random.default_rng(seed)
    frame = drawn(rng, n, task)
    weight = weights(rng, n, kind)
    frame = frame if weight is None else frame.assign(w=weight)
    return Evaluation(model(task), frame, target="y", weight=None if weight is None else "w")


def of_findings(task: str, kind: str, n: int, sets: int) -> str:
    """Count sets with findings of high, and of medium or high severity, by kind; and what cannot say."""
    severe, kinds, silent = Counter(), Counter(), Counter()
    for seed in range(sets):
        found = findings(world(task, kind, n, seed), most=50)
        told = {(f.kind, f.severity) for f in found.found if f.severity != "low"}
        severe["high"] += any(s == "high" for _, s in told)
        severe["medium or high"] += bool(told)
        kinds.update(f"{k}, {s}" for k, s in told)
        silent.update(found.looked.loc[~found.looked["ran"], "analysis"])
    return f"high {severe['high']}, medium or high {severe['medium or high']} of {sets}: {dict(kinds)}; cannot say: {dict(silent)}"


def of_slices(task: str, kind: str, n: int, sets: int) -> str:
    """Count sets in which ``find_slices`` reports any slice at 5 %."""
    any_, silent, equal = Counter(), Counter(), []
    for seed in range(sets):
        ev = world(task, kind, n, seed)
        rows, codings = rows_of(ev), searched_codings(ev, [*NUMBERS, "g", "h"])
        equal.append(equal_rows(rows.weight, n))
        for metric in SEARCHED[task]:
            try:
                any_[metric] += len(measure(rows, codings, metric, seed=seed).frame()) > 0
            except NotApplicable:
                silent[metric] += 1
    return f"reported in { ({m: any_[m] for m in SEARCHED[task]}) } of {sets}; cannot say: {dict(silent)}; rows count for {np.median(equal):.0f} (median)"


def pair(rng: np.random.Generator, task: str, n: int, weight: np.ndarray | None) -> list[Rows]:
    """Give two predictions of the same rows, one of which reads a column more."""
    x = rng.normal(size=(n, 2))
    if task == "regression":
        y = x.sum(1) + 0.7 * rng.normal(size=n)
        return [Rows(task=task, y=y, predicted=p, weight=weight) for p in (0.9 * x[:, 0], 0.9 * x.sum(1))]
    y = (rng.random(n) < special.expit(1.2 * x[:, 0] + x[:, 1] - 0.5)).astype(int)
    scores = special.expit(0.9 * x[:, 0] - 0.5), special.expit(1.1 * x[:, 0] + 0.9 * x[:, 1] - 0.5)
    return [
        Rows(task=task, y=y, predicted=(p > 0.5).astype(int), score=p, probability=True, weight=weight) for p in scores
    ]


def of_changes(task: str, kind: str, n: int, sets: int) -> str:
    """Say how many of the intervals of a change hold the truth, and how often one is given."""
    one, other = pair(np.random.default_rng(99), task, 400_000, None)
    held: dict[str, list[float]] = {m: [] for m in CHANGED[task]}
    truth = {m: change(METRICS[m], one, [other]).estimate for m in held}
    for seed in range(sets):
        rng = np.random.default_rng((seed, 7))
        one, other = pair(rng, task, n, weights(rng, n, kind))
        for m, inside in held.items():
            found = change(METRICS[m], one, [other])
            inside.append(float(found.low <= truth[m] <= found.high) if np.isfinite(found.low) else np.nan)
    known = {m: np.array(v)[np.isfinite(v)] for m, v in held.items()}
    return ", ".join(f"{m} {v.mean():.1%} ({len(v) / sets:.0%} given)" if len(v) else f"{m} none given" for m, v in known.items())  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["findings", "slices", "changes"])
    parser.add_argument("--weights", default="equal,giant1e6,giant100,lognormal1,lognormal2,lognormal3,pareto1.2")
    parser.add_argument("--rows", type=int, default=1_500)
    parser.add_argument("--sets", type=int, default=100)
    asked = parser.parse_args()
    run = {"findings": of_findings, "slices": of_slices, "changes": of_changes}[asked.what]
    for kind in asked.weights.split(","):
        for task in ("regression", "binary"):
            print(f"{kind}, {task}: {run(task, kind, asked.rows, asked.sets)}", flush=True)
