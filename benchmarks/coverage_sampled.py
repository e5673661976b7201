"""Do the intervals hold that stand on background rows: mean |Shapley value| where sampled, and how far the explanation can be trusted?

``values``: ``shapley_values`` by its door on functions of three columns (200 rows explained, 100 background rows), against the mean over 3,000
rows of values worked out from all eight subsets and 3,000 background rows. ``quality``: ``explanation_quality`` of a forest on 200 of 1,000
rows drawn from adult, against 10,000 rows of it. Run: ``python benchmarks/coverage_sampled.py [--reps N] [--only values,quality]``.
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special
from sklearn.ensemble import RandomForestClassifier

from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import explanation_quality, shapley_values

ADULT = Path(__file__).parents[2] / "shared" / "data" / "adult_train.csv"
Drawn = Callable[[np.random.Generator, int], np.ndarray]
Function = Callable[[np.ndarray], np.ndarray]


def normal(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw three normal columns."""
    return rng.standard_normal((n, 3))


def skewed(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw three exponential columns."""
    return rng.exponential(size=(n, 3))


WORLDS: dict[str, tuple[Drawn, Function, bool]] = {  # weights: whether rows have some
    "a sum, skewed columns": (skewed, lambda x: x @ [1, 0.5, 0.2], False),
    "a product of three": (normal, lambda x: x.prod(axis=1), False),
    "all three high, seldom": (normal, lambda x: (x > 0.8).all(axis=1) + 0.1 * x[:, 0], False),
    "a weak column beside a product": (
        normal,
        lambda x: 3 * x[:, 0] * x[:, 1] + 0.3 * np.sin(3 * x[:, 2]) * x[:, 0],
        False,
    ),
    "a probability": (normal, lambda x: special.expit(-4 + 2 * x[:, 0] + 1.5 * x[:, 1] + 0.3 * x[:, 2]), False),
    "its sign only": (normal, lambda x: np.sign(x.prod(axis=1)), False),
    "a sum, weights, 400 rows": (skewed, lambda x: x @ [1, 0.5, 0.2], True),
}


class Said:
    """A function as a model."""

    def __init__(self, function: Function):
        self.function = function

    def fit(self, X: pd.DataFrame, y: pd.Series | None = None) -> Said:
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return self.function(np.asarray(X, dtype=float))


def truth(draw: Drawn, function: Function, rng: np.random.Generator, n: int = 3_000) -> np.ndarray:
    """Give mean |Shapley value| of each column, from its definition."""
    rows, others, p, worth = draw(rng, n), draw(rng, n), 3, {}
    for size in range(p + 1):
        for known in itertools.combinations(range(p), size):
            worth[known] = np.empty(n)
            for i, row in enumerate(rows):
                mixed = others.copy()
                mixed[:, list(known)] = row[list(known)]
                worth[known][i] = function(mixed).mean()
    values = np.zeros((n, p))
    for j in range(p):
        for size in range(p):
            share = math.factorial(size) * math.factorial(p - size - 1) / math.factorial(p)
            for known in itertools.combinations([i for i in range(p) if i != j], size):
                values[:, j] += share * (worth[tuple(sorted((*known, j)))] - worth[known])
    return np.abs(values).mean(axis=0)


def values(name: str, reps: int) -> str:
    """Simulate the intervals of mean |Shapley value|."""
    draw, function, weighted = WORLDS[name]
    rng = np.random.default_rng(1)
    true, held = truth(draw, function, rng), []
    for seed in range(reps):
        frame = pd.DataFrame(draw(rng, 2_000), columns=list("abc")).assign(t=rng.standard_normal(2_000))
        settings = {}
        if weighted:
            frame["w"], settings = np.exp(0.5 * rng.standard_normal(2_000)), {"weight": "w"}
        found = shapley_values(
            Evaluation(Said(function), frame, target="t", **settings), seed=seed, rows=400 if weighted else None
        )
        table = found.frame().set_index("feature").loc[list("abc")]
        held.append((table.low <= true) & (true <= table.high))
    return " | ".join(f"{100 * share:.1f}" for share in np.mean(held, axis=0))


def quality(reps: int) -> pd.Series:
    """Simulate the intervals of ``explanation_quality``."""
    every = pd.read_csv(ADULT)
    names = ["age", "education_num", "capital_gain", "hours_per_week", "fnlwgt", "capital_loss"]
    model = RandomForestClassifier(10, max_depth=5, random_state=0).fit(every[names][:3_000], every.income[:3_000])
    every = every[3_000:].reset_index(drop=True)

    def tests(frame: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
        ev = Evaluation(model, frame, target="income", positive=">50K")
        return explanation_quality(ev, rows=rows, seed=seed).frame().set_index("aspect").dropna(subset=["low"])

    rng, held = np.random.default_rng(0), []
    for seed in range(reps):
        found = tests(every.iloc[rng.choice(len(every), 1_000, replace=False)].reset_index(drop=True), 200, seed)
        if not seed:
            true = tests(every, 10_000, 999).estimate
        held.append((found.low <= true) & (true <= found.high))
    return 100 * pd.DataFrame(held).mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--reps", type=int, default=300)
    parser.add_argument("--only", default="values,quality")
    asked = parser.parse_args()
    if "values" in asked.only.split(","):
        print("| function | first column | second | third |\n|---|---|---|---|")
        for name in WORLDS:
            print(f"| {name} | {values(name, asked.reps)} |", flush=True)
    if "quality" in asked.only.split(","):
        print(quality(asked.reps).round(1).to_string())


if __name__ == "__main__":
    main()
