"""How often a bootstrap over rows holds the TCAV score of a concept: why ``concept_activation`` gives no interval.

A perceptron is fitted once for each world; the true score is that of 20,000 rows. Samples of them are resampled with the direction made
anew each time, and the middle 95 % of the scores are taken for the interval. Run: ``python benchmarks/coverage_concepts.py [--worlds 8] [--samples 40]``
"""

from __future__ import annotations

import argparse
import warnings
from importlib.metadata import version

import numpy as np
import pandas as pd
from sklearn.neural_network import MLPClassifier

from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers.concept_activation import directions
from modelglass.explainers.hidden_layers import network_of

POPULATION, FITTED, DRAWS = 20_000, 400, 200
NAMES = ["x0", "x1", "x2", "x3"]
EDGES = ((0.0, 0.02), (0.02, 0.1), (0.1, 0.3), (0.3, 0.5))
"""How far the true score is from 0 or 1."""


def population(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(POPULATION, 4)), columns=NAMES)
    drive = np.sin(2 * X.x0) + X.x1 * X.x2 + 0.5 * X.x3
    y = (drive + 0.5 * rng.normal(size=POPULATION) > 0).astype(int)
    return X.assign(y=y, noise=rng.normal(size=POPULATION))


def score(held: np.ndarray, slope: np.ndarray, inside: np.ndarray, of: np.ndarray, weight: np.ndarray) -> float:
    along = slope[of] @ directions(held, inside[None], weight)[0]
    return float(weight[of] @ (along > 0) / weight[of].sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--worlds", type=int, default=8)
    parser.add_argument("--samples", type=int, default=40)
    parser.add_argument("--rows", type=int, nargs="+", default=[300, 1_000])
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    print(", ".join(f"{p} {version(p)}" for p in ("numpy", "scikit-learn")))
    held_it: dict[tuple[str, int, tuple[float, float]], list[bool]] = {}
    for seed in range(asked.worlds):
        frame, rng = population(seed), np.random.default_rng((seed, 1))
        few = frame.iloc[:FITTED]
        net = MLPClassifier((8, 6), solver="lbfgs", max_iter=80, alpha=0.1, random_state=seed).fit(few[NAMES], few.y)
        network = network_of(Evaluation(net, frame, target="y", features=NAMES, seed=seed))
        numbers, of = network.numbers(frame[NAMES]), frame.y.to_numpy() == 1
        hidden, slopes = network.hidden(numbers), network.gradients(numbers, 0)
        concepts = {"noise": frame.noise > 0.3, "used": frame.x3 > 0.3, "both": (frame.x0 > 0) & (frame.x2 > 0)}
        for name, members in concepts.items():
            held, slope, inside = hidden["layer 1"], slopes["layer 1"], members.to_numpy()
            truth = score(held, slope, inside, of, np.ones(POPULATION))
            edge = next(e for e in EDGES if e[0] <= min(truth, 1 - truth) <= e[1])
            for n in asked.rows:
                for _ in range(asked.samples):
                    at = rng.choice(POPULATION, n, replace=False)
                    drawn = rng.multinomial(n, np.full(n, 1 / n), DRAWS).astype(float)
                    scores = [score(held[at], slope[at], inside[at], of[at], w) for w in drawn]
                    low, high = np.quantile(scores, [0.025, 0.975])
                    held_it.setdefault((name, n, edge), []).append(bool(low <= truth <= high))
    print("| concept | rows | true score from 0 or 1 | samples | holds the true score |\n|---|---|---|---|---|")
    for (name, n, edge), found in sorted(held_it.items()):
        print(f"| {name} | {n:,} | {edge[0]:g} to {edge[1]:g} | {len(found)} | {np.mean(found):.1%} |")


if __name__ == "__main__":
    main()
