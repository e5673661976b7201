"""How often ``label_errors`` calls honest outcomes wrong, and whether its interval holds the share of labels that are.

Clean worlds: outcomes are drawn from true probabilities, so no label is wrong; "sure" there is a false alarm (level 5 %). They differ in the
number of classes, in the model (boosted trees, an over-fitted forest, naive Bayes, a line, trees that see half of the columns), in how hard
the outcome is and how common each class is, in weights (none, at random, or the repair of a sample by class), in clusters (rows of one
cluster share most of their columns, and a lean that no column tells), in columns of five levels each (so that rows of the same inputs have
outcomes of their own) and in copies (each row stands once to four times, with its label, and no cluster says so). Planted worlds flip a
share of the labels to another class at random.

Run: ``python benchmarks/label_errors.py [--worlds 60] [--noise 0.05] [--classes 2,3,6] [--plans plain,weights,sampled,clusters,levels,copies]``
"""

from __future__ import annotations

import argparse
import math
import os
import time
import warnings
from importlib.metadata import version

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.label_errors import label_errors

COLUMNS = ["a", "b", "c", "d", "kind"]
PLANS = ("plain", "weights", "sampled", "clusters", "levels", "copies")
MODELS = {
    "boosted": (lambda: HistGradientBoostingClassifier(max_iter=60, random_state=0), COLUMNS),
    "forest": (lambda: RandomForestClassifier(60, random_state=0), COLUMNS),
    "naive Bayes": (GaussianNB, COLUMNS),
    "line": (lambda: LogisticRegression(max_iter=300), COLUMNS),
    "half the columns": (lambda: HistGradientBoostingClassifier(max_iter=60, random_state=0), COLUMNS[2:]),
}


def world(seed: int, k: int, plan: str, noise: float) -> tuple[Evaluation, np.ndarray, str]:
    """Give a world, a mask of its wrong labels, and the name of its model."""
    rng = np.random.default_rng((seed, k, PLANS.index(plan)))
    name = list(MODELS)[seed % len(MODELS)]
    n, taught = int(rng.integers(1_500, 6_001)), 3_000
    x, cluster = _columns(rng, n, taught, plan == "clusters")
    if plan == "levels":
        x[:, :4] = np.clip(np.round(x[:, :4]), -2, 2)
    pull = 10 ** rng.uniform(-0.2, 0.7) * rng.normal(size=(4, k)) / 1.5
    eta = x[:, :4] @ pull + rng.normal(size=(5, k))[x[:, 4].astype(int)] + rng.normal(size=k)
    eta += np.maximum(x[:, [0]] * x[:, [1]], -2) * rng.normal(size=k) * rng.choice([0.0, 1.0])
    if cluster is not None:
        eta += rng.uniform(0.5, 1.5) * rng.normal(size=(cluster.max() + 1, k))[cluster]
    true = softmax(eta, axis=1)
    y = (true.cumsum(axis=1) < rng.random((len(x), 1))).sum(axis=1).clip(0, k - 1)
    frame = pd.DataFrame(x, columns=COLUMNS).assign(y=y, w=1.0)
    if cluster is not None:
        frame["of"] = cluster
    model, reads = MODELS[name]
    train, test = frame.iloc[:taught], frame.iloc[taught:].reset_index(drop=True)
    fitted = model().fit(train[reads], train["y"])
    if plan == "weights":
        test["w"] = rng.lognormal(0, 0.7, n)
    if plan == "sampled":  # of the commonest class a third was kept, and counts for three
        common = test["y"] == test["y"].mode()[0]
        test = test[~common | (rng.random(n) < 1 / 3)].reset_index(drop=True)
        test["w"] = np.where(test["y"] == frame["y"].mode()[0], 3.0, 1.0)
    wrong = rng.random(len(test)) < noise
    known = np.unique(train["y"])
    test = test[test["y"].isin(known)].reset_index(drop=True)
    wrong = wrong[: len(test)]
    place = np.searchsorted(known, test["y"])
    other = (place + rng.integers(1, len(known), len(test))) % len(known)
    test["y"] = known[np.where(wrong, other, place)]
    if plan == "copies":
        times = np.repeat(np.arange(len(test)), rng.integers(1, 5, len(test)))
        test, wrong = test.iloc[times].reset_index(drop=True), wrong[times]
    options: dict = (
        {"weight": "w"} if plan in ("weights", "sampled") else {"cluster": "of"} if plan == "clusters" else {}
    )
    if plan != "levels":  # there most rows stand in the training data by chance
        options["train"] = train
    ev = Evaluation(fitted, test, target="y", task=None if k > 2 else "binary", features=reads, **options)
    return ev, wrong, name


def _columns(rng: np.random.Generator, n: int, taught: int, clustered: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """Four numbers and a level, (taught + n, 5); rows of a cluster share a middle."""
    rows, cluster = taught + n, None
    x = rng.normal(size=(rows, 4))
    if clustered:
        size = int(rng.integers(3, 21))
        cluster = np.arange(rows) // size  # training rows and these share no cluster but one
        x = 0.8 * rng.normal(size=(cluster.max() + 1, 4))[cluster] + 0.6 * x
    return np.column_stack([x, rng.choice(5, rows, p=[0.4, 0.25, 0.2, 0.1, 0.05])]), cluster


def interval(hits: int, n: int) -> str:
    """Write a share with its Wilson interval."""
    z = 1.959964
    middle, half = (hits + z * z / 2) / (n + z * z), z * math.sqrt(hits * (n - hits) / n + z * z / 4) / (n + z * z)
    return f"{hits}/{n} = {hits / n:.0%} ({max(middle - half, 0):.0%} to {middle + half:.0%})"


def told(k: int, plan: str, worlds: int, noise: float) -> str:
    """Examine worlds of one cell of the table; give its line."""
    sure, holds, below, above, said, by_model = 0, 0, 0, 0, 0, {}
    began = time.process_time()
    for seed in range(worlds):
        ev, wrong, name = world(seed, k, plan, noise)
        try:
            found = label_errors(ev)
        except NotApplicable:
            continue
        if np.isnan(found.p):
            continue
        said += 1
        sure += found.sure
        by_model[name] = by_model.get(name, 0) + found.sure
        w = np.ones(ev.n) if ev.weight is None else ev.weight
        share = float(w @ wrong / w.sum())
        _, low, high = found.noise
        below += high < share - 1e-12
        above += low > share + 1e-12
        holds += low - 1e-12 <= share <= high + 1e-12
    if not said:
        return f"| {k} | {plan} | {noise:.0%} | 0 of {worlds} |||||"
    which = ", ".join(f"{m} {c}" for m, c in by_model.items() if c) if not noise else ""
    return (
        f"| {k} | {plan} | {noise:.0%} | {said} of {worlds} | {interval(int(sure), said)} {'(' + which + ')' if which else ''} | "
        f"{interval(int(holds), said)} | {below} / {above} | {time.process_time() - began:.0f} s |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=60)
    parser.add_argument("--noise", default="0,0.05,0.15")
    parser.add_argument("--classes", default="2,3,6")
    parser.add_argument("--plans", default=",".join(PLANS))
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    print(", ".join(f"{p} {version(p)}" for p in ("numpy", "scipy", "scikit-learn", "pandas")))
    print(
        "\n| classes | plan | labels wrong | said | surely wrong | interval holds | ends below / begins above | processor |"
    )
    print("|---" * 8 + "|")
    for noise in map(float, asked.noise.split(",")):
        for k in map(int, asked.classes.split(",")):
            for plan in asked.plans.split(","):
                print(told(k, plan, asked.worlds, noise), flush=True)


if __name__ == "__main__":
    main()
