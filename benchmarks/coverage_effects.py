"""Coverage of the intervals of accumulated local effects: share of nominal 95 % intervals that hold the curve of the whole population.

Two columns that go together and one of levels; the model is a known function with an interaction and a jump. The grid is fixed; the
population is 400,000 rows. Coverage is averaged over the points of a curve, and the worst point is given.

Run: ``python benchmarks/coverage_effects.py [--samples 400]``
"""

from __future__ import annotations

import argparse
import sys
from types import SimpleNamespace

if __name__ == "__main__":
    sys.path.pop(0)  # this folder, whose coverage.py would hide the package that numba looks for

import numpy as np

from modelglass.explainers import rows as shared
from modelglass.explainers.accumulated_local_effects import measure

EDGES, POPULATION = 10, 400_000


def model(x: np.ndarray, z: np.ndarray, s: np.ndarray) -> np.ndarray:
    return x * z + np.exp(0.7 * x) + (x > 0.5) * (1 + s)


def draw(n: int, rng: np.random.Generator, size: int) -> tuple[np.ndarray, ...]:
    """Draw rows; those of a cluster of ``size`` share half of what moves them."""
    group = np.arange(n) // size
    shift = rng.normal(size=group.max() + 1)[group]
    x = 0.7 * shift + 0.7 * rng.normal(size=n)
    z = 0.8 * x + 0.6 * rng.normal(size=n)
    s = np.minimum(rng.geometric(0.45, size=n) - 1, 3)
    return x, z, s, np.exp(0.5 * rng.normal(size=n)), group


def curve(x, z, s, edges, column, weight):  # type: ignore[no-untyped-def]
    rows = np.arange(len(x))
    if column == "number":
        step = np.clip(np.searchsorted(edges, x), 1, len(edges) - 1) - 1
        differences = model(edges[step + 1], z, s) - model(edges[step], z, s)
        return measure(differences, rows, step, np.column_stack([step, step + 1]), weight)
    up, down = np.flatnonzero(s < 3), np.flatnonzero(s > 0)
    row, step = np.concatenate([up, down]), np.concatenate([s[up], s[down] - 1])
    differences = model(x[row], z[row], step + 1) - model(x[row], z[row], step)
    return measure(differences, row, step, np.column_stack([s, s]), weight)


def main(samples: int) -> None:
    rng = np.random.default_rng(0)
    whole = draw(POPULATION, rng, 1)
    edges = np.quantile(whole[0], np.linspace(0, 1, EDGES))
    print("| n | column | rows | coverage, mean over points | lowest point | given |\n|---|---|---|---|---|---|")
    for column in ("number", "levels"):
        for kind in ("alike", "weights", "clusters of 5"):
            truth = curve(*whole[:3], edges, column, whole[3] if kind == "weights" else None)[0]
            for n in (300, 1000, 5000):
                held, given = np.zeros(len(truth)), np.zeros(len(truth))
                for _ in range(samples):
                    x, z, s, w, group = draw(n, rng, 5 if kind == "clusters of 5" else 1)
                    weight = w if kind == "weights" else None
                    estimate, influence = curve(x, z, s, edges, column, weight)
                    ev = SimpleNamespace(weight=weight, cluster=group if kind == "clusters of 5" else None)
                    low, high = shared.influence_interval(ev, estimate, influence, 0.95)
                    given += np.isfinite(low)
                    held += (low <= truth) & (truth <= high)
                share = held / np.maximum(given, 1)
                print(f"| {n:,} | {column} | {kind} | {share.mean():.1%} | {share.min():.1%} | {given.mean() / samples:.0%} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=400)
    main(parser.parse_args().samples)
