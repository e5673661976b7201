"""Coverage of the intervals of accumulated local effects: share of nominal 95 % intervals that hold the curve of the whole population.

Two columns that go together and one of levels; the model is a known function with an interaction and a jump. The grid is fixed; the
population is 400,000 rows. Coverage is averaged over the points of a curve, and the worst point is given.

With ``--joint`` surfaces of two columns instead, on a grid of ten values each: a smooth function, 60 boosted trees and one tree of depth 6
(all read a third column, too); columns that do not go together, or do (correlation 0.8: a fifth of the cells is empty at 500 rows). The
surface of the population is compared with the interval as shipped, the same without leaving any value out, and the percentile bootstrap
(``--bootstrap`` resamples). The worst place is the worst of those where at least a quarter of the samples gave an interval.

Run: ``python benchmarks/coverage_effects.py [--samples 400] [--joint] [--rows 500,2000,10000] [--bootstrap 0]``
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

if __name__ == "__main__":
    sys.path.pop(0)  # this folder, whose coverage.py would hide the package that numba looks for

import numpy as np

from modelglass.explainers import joint_intervals
from modelglass.explainers import rows as shared
from modelglass.explainers.accumulated_local_effects import Steps, measure
from modelglass.explainers.joint_steps import SecondOrder, pairs_of

EDGES, POPULATION = 10, 400_000
Answer = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


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


def bent(x: np.ndarray, z: np.ndarray, s: np.ndarray) -> np.ndarray:
    return x * z + np.exp(0.7 * x) + (x > 0.5) * (1 + np.abs(s)) * z * 0.3 + np.sin(2 * z) * s * 0.5 * x


def models() -> Iterator[tuple[str, Answer]]:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.tree import DecisionTreeRegressor

    yield "smooth", bent
    rng = np.random.default_rng(5)
    X = rng.normal(size=(4_000, 3))
    y = bent(*X.T) + rng.normal(size=4_000)
    for name, made in (
        ("60 boosted trees", HistGradientBoostingRegressor(max_iter=60, random_state=0)),
        ("one tree", DecisionTreeRegressor(max_depth=6, random_state=0)),
    ):
        made.fit(X, y)
        yield name, lambda x, z, s, f=made: f.predict(np.column_stack(np.broadcast_arrays(x, z, s)))


def drawn_pair(n: int, rng: np.random.Generator, together: float, size: int) -> tuple[np.ndarray, ...]:
    """Draw rows of three columns; those of a cluster of ``size`` share half of what moves them."""
    group = np.arange(n) // size
    shift = rng.normal(size=(3, group.max() + 1))[:, group] if size > 1 else np.zeros((3, n))
    a, b, c = np.sqrt(0.5) * (shift + rng.normal(size=(3, n))) if size > 1 else rng.normal(size=(3, n))
    return a, together * a + np.sqrt(1 - together**2) * b, 0.3 * a + c, np.exp(0.5 * rng.normal(size=n)), group


def surface_of(
    answer: Answer, rows: tuple[np.ndarray, ...], edges: np.ndarray, weight: np.ndarray | None
) -> tuple[np.ndarray, SecondOrder, np.ndarray, Any]:
    """Work out the surface of one sample, and what its intervals are worked out from, as ``joint_effect`` does."""
    x, z, s = rows
    n, taken = len(x), []
    for column in (x, z):
        place = np.clip(np.searchsorted(edges, column), 1, len(edges) - 1) - 1
        grid: Any = SimpleNamespace(values=edges)
        taken.append(Steps(grid=grid, rows=np.arange(n), row=np.arange(n), step=place, place=place, each_once=True))
    pairs = pairs_of(*taken)
    i, j = pairs.step, pairs.other_step
    moves = [answer(edges[i + 1], edges[j + b], s) - answer(edges[i], edges[j + b], s) for b in (0, 1)]
    second, differences = SecondOrder(pairs, weight), moves[1] - moves[0]
    one = answer(edges[i + 1], z, s) - answer(edges[i], z, s)
    other = answer(x, edges[j + 1], s) - answer(x, edges[j], s)
    alone, first = second.first_order(answer(x, z, s), one, other)
    return alone + second.surface(differences), second, differences, first


def bootstrapped(
    answer: Answer, rows: tuple[np.ndarray, ...], edges: np.ndarray, rng: np.random.Generator, times: int
) -> tuple[np.ndarray, np.ndarray]:
    n, found = len(rows[0]), []
    for _ in range(times):
        at = rng.integers(n, size=n)
        found.append(surface_of(answer, tuple(c[at] for c in rows), edges, None)[0])
    return tuple(np.quantile(found, [0.025, 0.975], axis=0))  # type: ignore[return-value]


def covered(low: np.ndarray, high: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(low), (low <= truth) & (truth <= high), np.nan)


def told(held: list[np.ndarray]) -> str:
    every = np.array(held).reshape(len(held), -1)
    given = np.isfinite(every).sum(axis=0)
    often = given >= len(held) / 4
    place = np.nansum(every, axis=0)[often] / given[often] if often.any() else np.array([np.nan])
    share = np.nansum(every) / given.sum() if given.any() else np.nan
    return f"{share:.1%} | {place.min():.1%} | {given.mean() / len(held):.0%}".replace("nan%", "-")


def joint(samples: int, sizes: list[int], times: int) -> None:
    print("| model | columns | rows | n | shipped: mean over places | lowest place | given | without leaving out: mean | lowest | given | percentile bootstrap: mean | lowest | given |")  # fmt: skip
    print("|" + "---|" * 13)
    for name, answer in models():
        for together in (0.0, 0.8):
            whole = drawn_pair(POPULATION, np.random.default_rng(0), together, 1)
            edges = np.quantile(whole[0], np.linspace(0, 1, EDGES))
            edges[[0, -1]] = np.quantile(whole[0], [0.002, 0.998])
            for kind in ("alike", "weights", "clusters of 5") if name == "smooth" and not times else ("alike",):
                truth = surface_of(answer, whole[:3], edges, whole[3] if kind == "weights" else None)[0]
                for n in sizes:
                    rng, held = np.random.default_rng(n), ([], [], [])  # type: ignore[var-annotated]
                    for _ in range(samples):
                        *rows, w, group = drawn_pair(n, rng, together, 5 if kind == "clusters of 5" else 1)
                        weight = w if kind == "weights" else None
                        ev: Any = SimpleNamespace(weight=weight, cluster=group if kind == "clusters of 5" else None)
                        surface, second, differences, first = surface_of(answer, tuple(rows), edges, weight)
                        for k, limits in enumerate(((0.5, 0.3), (np.inf, 1.0))):
                            joint_intervals.OFF, joint_intervals.SHARE = limits
                            low, high, _ = joint_intervals.intervals(ev, second, differences, first, surface, 0.95)
                            held[k].append(covered(low, high, truth))
                        if times and kind == "alike":
                            held[2].append(covered(*bootstrapped(answer, tuple(rows), edges, rng, times), truth))
                    last = told(held[2]) if held[2] else "| | "
                    print(f"| {name} | {'correlation 0.8' if together else 'independent'} | {kind} | {n:,} | {told(held[0])} | {told(held[1])} | {last} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=400)
    parser.add_argument("--joint", action="store_true")
    parser.add_argument("--rows", default="500,2000,10000")
    parser.add_argument("--bootstrap", type=int, default=0)
    asked = parser.parse_args()
    if asked.joint:
        joint(asked.samples, [int(n) for n in asked.rows.split(",")], asked.bootstrap)
    else:
        main(asked.samples)
