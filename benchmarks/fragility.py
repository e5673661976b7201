"""How often the findings about fragile columns and rows speak where nothing was planted, and where it was: ``python benchmarks/fragility.py``.

Clean worlds: outcomes that follow smoothly from columns of several shapes, and models of five kinds fitted to other rows. Planted worlds: the
same, but three rows in ten stand within 0.15 spreads of a step of the outcome (column ``a``); or a model that has learnt noise by heart.
Then the coverage of the intervals of ``fragile_rows``, and how often it names a slice of columns that the model does not read.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import expit, ndtr
from scipy.stats import binom
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import modelglass as mg
from modelglass.analysis import adversarial_find, crowding, fragile_rows_find
from modelglass.analysis.crossfit import judged
from modelglass.analysis.discovery import searched_codings
from modelglass.analysis.estimates_values import mean_of
from modelglass.analysis.finding import Budget
from modelglass.analysis.fragile_rows import ALL, HARDEST, STRENGTH, hardest, measure
from modelglass.analysis.groups import Groups, Rows, rows_of
from modelglass.analysis.intervals import wilson
from modelglass.analysis.probing import moves
from modelglass.analysis.ranking import one
from modelglass.analysis.robust_threshold import measure as steadier

MODELS = {
    "logistic": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000)),
    "boosted trees": lambda: HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=8, learning_rate=0.1),
    "forest": lambda: RandomForestClassifier(60, min_samples_leaf=10, random_state=0),
    "perceptron": lambda: make_pipeline(
        StandardScaler(), MLPClassifier((16,), alpha=1.0, max_iter=300, random_state=0)
    ),
    "neighbours": lambda: make_pipeline(StandardScaler(), KNeighborsClassifier(51)),
}


def table(rng: np.random.Generator, n: int, planted: bool) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw columns of several shapes and a binary outcome that follows from some of them."""
    X = pd.DataFrame(
        {
            "a": rng.normal(size=n),
            "b": rng.laplace(size=n),
            "c": np.exp(rng.normal(size=n)),
            "d": rng.poisson(6, n).astype(float),
            "e": rng.uniform(size=n),
            "f": rng.normal(size=n),
        }
    )
    size = rng.normal(size=(4, 1))
    drive = 1.2 * X.a + size[0] * X.b + size[1] * (np.log(X.c)) + size[2] * (X.d - 6) / 2.4 + size[3] * X.e * X.a
    if planted:
        X["a"] = np.where(rng.random(n) < 0.3, 0.4 + 0.15 * rng.random(n), X.a)
        drive = drive - 1.2 * X.a + 6 * ((X.a > 0.4) - 0.5)
    return X, np.where(drive + rng.logistic(size=n) > 0, "yes", "no")


def said(kind: str, seed: int, planted: bool) -> tuple[list[str], int]:
    """Give the columns named, and the number of findings about rows, of one world."""
    rng = np.random.default_rng((seed, 1_000))
    X, y = table(rng, 6_000, planted)
    model = MODELS[kind]().fit(X.iloc[:3_000], y[:3_000])
    ev = mg.Evaluation(model, X.iloc[3_000:].assign(y=y[3_000:]), target="y", positive="yes", seed=seed)
    columns = [f.features[0] for f in adversarial_find.find(ev, Budget(60.0))]
    return columns, len(fragile_rows_find.find(ev, Budget(60.0)))


def by_heart(seed: int) -> int:
    """Give the number of findings about rows where the nearest row of noisy outcomes decides."""
    rng = np.random.default_rng((seed, 1_000))
    X = pd.DataFrame(rng.normal(size=(4_000, 2)), columns=["a", "b"])
    y = np.where(X.a + 2 * rng.logistic(size=len(X)) > 0, "yes", "no")
    model = KNeighborsClassifier(1).fit(X.iloc[:2_000], y[:2_000])
    ev = mg.Evaluation(model, X.iloc[2_000:].assign(y=y[2_000:]), target="y", positive="yes", seed=seed)
    return len(fragile_rows_find.find(ev, Budget(60.0)))


def coverage(worlds: int, n: int, clustered: bool) -> None:
    """Print how often the intervals hold the truth where the decision is the sign of one normal column, so that all of it is known.

    A row at x changes in a draw with the chance Phi(-|x| / 0.1). With ``clustered`` five rows stand at each x and are one cluster.
    """
    everyone = ndtr(-np.abs(np.random.default_rng(1).normal(size=400_000)) / STRENGTH)
    held = hard = tried = 0
    for seed in range(worlds):
        rng = np.random.default_rng((seed, n))
        cluster = np.repeat(np.arange(n // 5), 5) if clustered else None
        x = np.repeat(rng.normal(size=n // 5), 5) if clustered else rng.normal(size=n)
        changed = (rng.random((8, n)) < ndtr(-np.abs(x) / STRENGTH)).astype(float)
        rows = Rows(task="binary", y=np.zeros(n, int), predicted=np.zeros(n, int), cluster=cluster)
        parts = measure(rows, changed, []).parts.set_index("part")
        held += bool(parts.loc[ALL, "low"] <= everyone.mean() <= parts.loc[ALL, "high"])
        if HARDEST in parts.index and np.isfinite(parts.loc[HARDEST, "low"]):
            first = changed[::2].mean(axis=0)
            chosen = binom.sf(4 * first[hardest(first, None, 0.1)].min() - 0.5, 4, everyone)
            truth = float(np.average(everyone, weights=chosen))
            tried += 1
            hard += bool(parts.loc[HARDEST, "low"] <= truth <= parts.loc[HARDEST, "high"])
    how = "clusters of 5" if clustered else "rows"
    print(f"| {n:,}, {how} | {shown(held, worlds)} | {shown(hard, tried)} |")


def false_slices(worlds: int, n: int) -> None:
    """Print how often a slice of columns is named that have nothing to do with which rows change (level 5 %)."""
    named = 0
    for seed in range(worlds):
        rng = np.random.default_rng((seed, 9))
        chance = ndtr(-np.abs(rng.normal(size=n)) / STRENGTH)
        X = pd.DataFrame({f"x{i}": rng.normal(size=n) for i in range(4)} | {"kind": rng.choice(list("pqr"), n)})
        ev = mg.Evaluation.from_predictions(rng.integers(0, 2, n), prediction=rng.integers(0, 2, n), frame=X)
        changed = (rng.random((8, n)) < chance).astype(float)
        named += not measure(rows_of(ev), changed, searched_codings(ev), seed=seed).slices.empty
    print(f"| {n:,} | {shown(named, worlds)} |")


def coverage_of_moves(worlds: int, n: int) -> None:
    """Print how often the interval of the mean move of an answer holds the true one: of a smooth score, and of one that moves in few rows."""
    rng = np.random.default_rng(2)
    x, by = rng.normal(size=2_000_000), STRENGTH * rng.normal(size=2_000_000)
    answers = (lambda v: expit(3 * v), lambda v: (v > 1.5).astype(float))
    truth = [float(np.abs(f(x + by) - f(x)).mean()) for f in answers]
    held, given = [0, 0], [0, 0]
    for seed in range(worlds):
        rng = np.random.default_rng((seed, n, 1))
        x, by = rng.normal(size=n), STRENGTH * rng.normal(size=n)
        for i, f in enumerate(answers):
            rows = Rows(task="regression", y=f(x), predicted=f(x + by))
            _, low, high = one(
                mean_of(Groups(rows, np.zeros(n, int), 1), moves(replace(rows, predicted=rows.y), rows), 0.95)
            )
            held[i] += bool(low <= truth[i] <= high)
            given[i] += bool(np.isfinite(low))  # none is given where no row moves
    print(f"| {n:,} | {shown(held[0], given[0])} | {shown(held[1], given[1])} |")


def level_of_crowding(worlds: int) -> None:
    """Print how often a column is said to crowd where its share is exactly the largest that counts as smooth (level 5 %)."""
    part = crowding.TIMES * crowding.SMALL / crowding.WIDE
    for n, wide in ((500, 0.1), (2_000, 0.05), (2_000, 0.3)):
        found = 0
        for seed in range(worlds):
            rng = np.random.default_rng((seed, n))
            inside = rng.random(n) < wide
            near = inside & (rng.random(n) < part)
            rows = Rows(task="regression", y=np.zeros(n), predicted=np.zeros(n))
            found += judged(rows, [near - part * inside], 0.95).p <= 0.05
        print(f"| {n:,}, {wide:.0%} within {crowding.WIDE} | {shown(found, worlds)} |")


def false_thresholds(worlds: int) -> None:
    """Print how often another threshold is said to be surely steadier where one half is the best there is (level 5 %)."""
    for n, times in ((400, 1), (2_000, 1), (2_000, 5)):
        found = 0
        for seed in range(worlds):
            rng = np.random.default_rng((seed, n, 7))
            score = rng.random(n // times)
            y = np.repeat((rng.random(len(score)) < score).astype(int), times)
            cluster = None if times == 1 else np.repeat(np.arange(len(score)), times)
            made = [np.repeat(score + s * rng.normal(size=len(score)), times) for s in (0, *[0.04] * 4)]
            clean, *draws = (
                Rows(task="binary", y=y, predicted=(p >= 0.5).astype(int), score=p, cluster=cluster) for p in made
            )
            found += steadier(clean, tuple(draws), seed=seed).sure
        print(f"| {n:,}, {f'clusters of {times}' if times > 1 else 'rows'} | {shown(found, worlds)} |")


def shown(count: int, of: int) -> str:
    """Write a share with its interval."""
    low, high = wilson(count / max(of, 1), max(of, 1))
    return f"{count}/{of} = {count / max(of, 1):.1%} ({float(low):.1%} to {float(high):.1%})"


def main(worlds: int, draws: int) -> None:
    """Run all, and print."""
    print(
        "| model | clean: a column is named | clean: rows are named | planted: `a` is named | planted: another is named |\n|---|---|---|---|---|"
    )
    for kind in MODELS:
        clean, planted = ([said(kind, seed, p) for seed in range(worlds)] for p in (False, True))
        print(
            f"| {kind} | {shown(sum(bool(c) for c, _ in clean), worlds)} | {shown(sum(r > 0 for _, r in clean), worlds)} | "
            f"{shown(sum('a' in c for c, _ in planted), worlds)} | {shown(sum(bool(set(c) - {'a'}) for c, _ in planted), worlds)} |",
            flush=True,
        )
    print(
        f"\nNoise learnt by heart (one nearest row): rows are named in {shown(sum(by_heart(s) > 0 for s in range(worlds)), worlds)}"
    )
    print("\n| rows | interval of all rows holds | of the most fragile rows |\n|---|---|---|")
    for n in (200, 500, 2_000):
        for clustered in (False, True):
            coverage(draws, n, clustered)
    print("\n| rows | a slice of columns without a part in it is named |\n|---|---|")
    false_slices(draws // 5, 2_000)
    print(
        "\n| rows | interval of the mean move holds, smooth score | 0/1 answer that 1 % of rows change |\n|---|---|---|"
    )
    for n in (200, 500, 2_000):
        coverage_of_moves(draws, n)
    print("\n| rows | another threshold is said to be steadier than the best |\n|---|---|")
    false_thresholds(draws // 2)
    print("\n| rows | said to crowd, at the limit |\n|---|---|")
    level_of_crowding(draws)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--draws", type=int, default=1_000)
    given = parser.parse_args()
    main(given.worlds, given.draws)
