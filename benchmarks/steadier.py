"""How often the intervals of ``steadier_fit`` hold: ``python benchmarks/steadier.py [--runs 400]``.

Two trees are fitted once, one with noisy copies of its training rows; many samples of evaluation rows (and of clusters of five) are judged by both, with
noise drawn anew; the truth are the same two fits on 400,000 rows.
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from modelglass.analysis.groups import Rows
from modelglass.analysis.steadier_fit import measured

NOISE, DRAWS = 0.2, 4


def rows(
    rng: np.random.Generator, n: int, task: str, clusters: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Draw three columns, an outcome, and clusters of five rows that have a common shift."""
    cluster = np.arange(n) // 5 if clusters else None
    X = rng.normal(size=(n, 3))
    if cluster is not None:
        X = (X + rng.normal(size=(n // 5 + 1, 3))[cluster]) / np.sqrt(2)
    drive = X[:, 0] + X[:, 1] * (X[:, 2] > 0) + 0.5 * rng.normal(size=n)
    return X, drive if task == "regression" else (drive > 0.3).astype(int), cluster


def fits(task: str) -> list:
    """Fit one tree as it is, and one with noisy copies."""
    rng = np.random.default_rng(0)
    X, y, _ = rows(rng, 2_000, task, clusters=False)
    kind = DecisionTreeRegressor if task == "regression" else DecisionTreeClassifier
    noisy = np.concatenate([X] + [X + NOISE * rng.normal(size=X.shape) for _ in range(3)])
    return [kind(min_samples_leaf=10).fit(X, y), kind(min_samples_leaf=40).fit(noisy, np.tile(y, 4))]


def judged(models: list, rng: np.random.Generator, n: int, task: str, clusters: bool) -> np.ndarray:
    """Give estimate, low and high of the three measures, (3, 3)."""
    X, y, cluster = rows(rng, n, task, clusters)
    shaken = [X + NOISE * rng.normal(size=X.shape) for _ in range(DRAWS)]

    def of(model, x):
        return Rows(task=task, y=y, predicted=model.predict(x), cluster=cluster)

    clean = [of(m, X) for m in models]
    noisy = [[of(m, x) for x in shaken] for m in models]
    return measured(*clean, *noisy)[["estimate", "low", "high"]].to_numpy()


def main(runs: int) -> None:
    """Print the share of intervals that hold the truth."""
    print("| | changed (move) | right (error) without | right and steady (error with) |\n|---|---|---|---|")
    for task in ("binary", "regression"):
        models = fits(task)
        for clusters in (False, True):
            truth = judged(models, np.random.default_rng(1), 400_000, task, clusters)[:, 0]
            for n in (200, 1_000, 5_000):
                held = np.zeros(3)
                for seed in range(runs):
                    got = judged(models, np.random.default_rng((2, n, seed)), n, task, clusters)
                    held += (got[:, 1] <= truth) & (truth <= got[:, 2])
                name = f"{task}, {n:,} rows{' in clusters of 5' if clusters else ''}"
                print(f"| {name} | {' | '.join(f'{h:.0f}/{runs} = {h / runs:.1%}' for h in held)} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=400)
    main(parser.parse_args().runs)
