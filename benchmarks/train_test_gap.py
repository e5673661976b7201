"""Does the interval of the train-test gap hold its level? Simulated, through the code that is shipped.

Two worlds, y ~ Bernoulli(0.5), 20 numeric columns of which 3 matter a little. ``fixed``: the model was fitted elsewhere, so both tables are
samples like any other, and the truth is 0. ``fitted``: the model is fitted anew to each training table (logistic regression, hardly
regularised), and two truths are asked for: the gap that this one training really has (its value on its own training rows, which is a fact, beside
its value on 100,000 new rows), and the mean gap over all trainings. Run: ``python benchmarks/train_test_gap.py [--draws N]``.
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.linear_model import LogisticRegression

from modelglass.analysis.groups import Rows
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.paired import value_of
from modelglass.analysis.train_test_gap import GAP, measure

NAMES = ("accuracy", "roc_auc", "log_loss", "brier_score", "f1")
COLUMNS, NEW = 20, 100_000


def table(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    X = rng.normal(size=(n, COLUMNS))
    y = (rng.random(n) < 1 / (1 + np.exp(-(0.8 * X[:, 0] - 0.6 * X[:, 1] + 0.4 * X[:, 2])))).astype(int)
    return X, y


def rows(model: LogisticRegression, X: np.ndarray, y: np.ndarray) -> Rows:
    p = model.predict_proba(X)[:, 1]
    return Rows(task="binary", y=y, predicted=(p >= 0.5).astype(int), score=p, probability=True)


def fitted(X: np.ndarray, y: np.ndarray) -> LogisticRegression:
    return LogisticRegression(C=100.0, max_iter=500).fit(X, y)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--train", type=int, default=300)
    parser.add_argument("--test", type=int, default=200)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    new = table(rng, NEW)
    elsewhere = fitted(*table(rng, 300))
    low, high, gap, own = (np.full((2, given.draws, len(NAMES)), np.nan) for _ in range(4))
    for d in range(given.draws):
        train, test = table(rng, given.train), table(rng, given.test)
        for world, model in enumerate((elsewhere, fitted(*train))):
            here, there = rows(model, *test), rows(model, *train)
            result = measure(here, there, metrics=list(NAMES))
            fresh = rows(model, *new)
            for m, name in enumerate(NAMES):
                row = result.of(name).loc[GAP]
                low[world, d, m], high[world, d, m], gap[world, d, m] = row["low"], row["high"], row["estimate"]
                if world:
                    own[world, d, m] = value_of(METRICS[name], fresh) - value_of(METRICS[name], there)
    truths = {
        "fixed model, truth 0": (0, np.zeros(len(NAMES))),
        "fitted, this training's own gap": (1, own[1]),
        "fitted, mean gap of all trainings": (1, gap[1].mean(axis=0)),
    }
    print(
        f"{given.draws:,} draws, {given.train} training rows, {given.test} rows beside; share of 95 % intervals that hold the truth"
    )
    print("| truth | " + " | ".join(NAMES) + " |\n|---|" + "---|" * len(NAMES))
    for name, (world, truth) in truths.items():
        held = ((low[world] <= truth) & (truth <= high[world])).mean(axis=0)
        print(f"| {name} | " + " | ".join(f"{h:.3f}" for h in held) + " |")
    print("mean gap when fitted: " + ", ".join(f"{n} {g:+.3f}" for n, g in zip(NAMES, gap[1].mean(axis=0))))


if __name__ == "__main__":
    main()
