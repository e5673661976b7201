"""How often a concept that means nothing is called one: columns that the network never saw, by modelglass's test and by a t-test over runs.

For each of many small worlds a perceptron is fitted and a concept is drawn that has nothing to do with it (a condition on a column of
noise). The t-test is that of Kim et al. (2018): TCAV scores of the concept against several random sets of rows, beside the scores of
random sets against each other. Power is shown by a concept on a column that the network uses.

Run: ``python benchmarks/concept_false_alarms.py [--worlds 200] [--runs 20]``
"""

from __future__ import annotations

import argparse
import warnings
from importlib.metadata import version

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.neural_network import MLPClassifier

from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import concept_activation
from modelglass.explainers.concept_activation import DIRECTIONS, directions
from modelglass.explainers.hidden_layers import network_of

ROWS, COLUMNS = 400, 4
LAYERS = ("layer 1", "layer 2")


def world(seed: int) -> Evaluation:
    rng = np.random.default_rng(seed)
    names = [f"x{i}" for i in range(COLUMNS)]
    X = pd.DataFrame(rng.normal(size=(ROWS, COLUMNS)), columns=names)
    drive = np.sin(2 * X.x0) + X.x1 * X.x2 + 0.5 * X.x3
    frame = X.assign(y=(drive + 0.5 * rng.normal(size=ROWS) > 0).astype(int), noise=rng.normal(size=ROWS))
    net = MLPClassifier((8, 6), solver="lbfgs", max_iter=80, alpha=0.1, random_state=seed)
    return Evaluation(net.fit(X, frame.y), frame, target="y", features=names, seed=seed)


def t_tests(ev: Evaluation, inside: np.ndarray, runs: int, rng: np.random.Generator) -> list[float]:
    """Give the p-value of the t-test over runs in each layer: concept against random sets, random sets against random sets."""
    network = network_of(ev)
    numbers = network.numbers(ev.inputs())
    held, slopes = network.hidden(numbers), network.gradients(numbers, 0)
    size, found = min(int(inside.sum()), ROWS // 3), []
    own = rng.choice(np.flatnonzero(inside), size, replace=False)
    for layer in LAYERS:
        scores: list[list[float]] = [[], []]
        for _ in range(runs):
            for kind in (0, 1):
                members = own if kind == 0 else rng.choice(ROWS, size, replace=False)
                against = rng.choice(np.setdiff1d(np.arange(ROWS), members), size, replace=False)
                rows = np.concatenate([members, against])
                way = directions(held[layer][rows], (np.arange(2 * size) < size)[None], kind="separating")[0]
                scores[kind].append(float((slopes[layer][ev.y == 1] @ way > 0).mean()))
        spread = np.std(scores[0]) + np.std(scores[1])
        found.append(float(stats.ttest_ind(*scores).pvalue) if spread > 0 else 1.0)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--worlds", type=int, default=200)
    parser.add_argument("--runs", type=int, default=20)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    print(", ".join(f"{p} {version(p)}" for p in ("numpy", "scipy", "scikit-learn")))
    theirs: list[list[float]] = []
    ours: dict[str, list[list[float]]] = {f"{c}, {d}": [] for d in DIRECTIONS for c in ("noise", "used")}
    for seed in range(asked.worlds):
        ev = world(seed)
        for kind in DIRECTIONS:
            concepts = {"noise": "noise > 0.3", "used": "x3 > 0.3"}
            found = concept_activation(ev, concepts=concepts, random=99, direction=kind).frame()
            for name in concepts:
                ours[f"{name}, {kind}"].append(found.p[found.concept == name].tolist())
        theirs.append(t_tests(ev, (ev.frame.noise > 0.3).to_numpy(), asked.runs, np.random.default_rng(seed)))
    print(f"\n| p <= 0.05, {asked.worlds} worlds | {' | '.join(LAYERS)} |\n|---|---|---|")
    for name, table in (
        *((f"{name}, modelglass", table) for name, table in ours.items()),
        (f"noise, t-test over {asked.runs} runs", theirs),
    ):
        rates = (np.array(table) <= 0.05).mean(axis=0)
        print(f"| {name} | {' | '.join(f'{r:.1%}' for r in rates)} |")


if __name__ == "__main__":
    main()
