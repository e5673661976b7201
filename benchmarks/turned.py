"""How often ``turned_effect`` is told of sets where nothing is wrong, and of sets where a stretch was turned round in training.

Clean: a model fitted as usual on 4,000 rows of a kind that it can learn (linear ones on a linear mean), judged on other rows of that kind;
of every second model columns go together. Planted: in the training rows the outcome falls with x0 in its middle third, where it should rise, so
that the model learns this stretch the wrong way round; the rows it is judged on are as they should be. One model is
judged on many sets; effects are worked out here from the model's answers on all rows, and handed to the test of ``turned_find``.

Run: ``OMP_NUM_THREADS=1 python benchmarks/turned.py [--sets 25] [--models 4] [--rows 500,2000] [--kinds linear,boosted,forest] [--only clean,planted] [--weights]``

With ``--weights`` every row weighs something: a log-normal number with a coefficient of variation of 1, twice as much where x1 is positive.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np

COLUMNS, TRAINED = 8, 4_000
STRETCH = (-0.4307, 0.4307)
"""The middle third of a normal column."""


def numbers(rng: np.random.Generator, n: int, together: bool) -> np.ndarray:
    X = rng.normal(size=(n, COLUMNS))
    if together:
        X[:, 1:4] = 0.8 * X[:, [0]] + 0.6 * X[:, 1:4]
    return X


def mean_of(X: np.ndarray, kind: str, mirrored: bool) -> np.ndarray:
    if kind == "linear":
        return 1.5 * X[:, 0] + X[:, 1] - 0.5 * X[:, 2] + 0.5 * X[:, 5]
    steep = (-3 if mirrored else 3) * np.clip(X[:, 0], *STRETCH)
    return steep + 0.7 * X[:, 0] + X[:, 1] * X[:, 4] + np.sin(2 * X[:, 2]) + 0.5 * X[:, 5]


def outcome(rng: np.random.Generator, X: np.ndarray, kind: str, task: str, mirrored: bool = False) -> np.ndarray:
    mean = mean_of(X, kind, mirrored)
    if task == "regression":
        return mean + (0.5 + np.abs(X[:, 5])) * rng.normal(size=len(X))
    return (rng.random(len(X)) < 1 / (1 + np.exp(-mean))).astype(int)


def model_of(kind: str, task: str) -> Any:
    from sklearn import ensemble, linear_model

    number = task == "regression"
    if kind == "linear":
        return linear_model.LinearRegression() if number else linear_model.LogisticRegression()
    if kind == "forest":
        make = ensemble.RandomForestRegressor if number else ensemble.RandomForestClassifier
        return make(30, min_samples_leaf=5, random_state=0)
    make = ensemble.HistGradientBoostingRegressor if number else ensemble.HistGradientBoostingClassifier
    return make(max_iter=60, early_stopping=False)


def weights(rng: np.random.Generator, X: np.ndarray, wanted: bool) -> np.ndarray:
    return rng.lognormal(0, np.sqrt(np.log(2)), len(X)) * (1 + (X[:, 1] > 0)) if wanted else np.ones(len(X))


def answers(model: Any, task: str, X: np.ndarray) -> np.ndarray:
    return model.predict(X) if task == "regression" else model.predict_proba(X)[:, 1]


def told(model: Any, task: str, X: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[list[int], bool]:
    """Give the columns of which a stretch is told, and whether any would be told were its size of no matter."""
    from modelglass.explainers import turned_find

    answer = answers(model, task, X)
    found: list[dict[str, Any]] = []
    for j in range(X.shape[1]):
        x, shares = X[:, j], np.linspace(0, 1, turned_find.STRETCHES + 1)
        edges = np.unique(np.quantile(x, shares, method="inverted_cdf"))
        place = np.maximum(np.searchsorted(edges, x, side="left"), 1)
        low, high = X.copy(), X.copy()
        low[:, j], high[:, j] = edges[place - 1], edges[place]
        both = answers(model, task, np.vstack([high, low]))
        moves = both[: len(x)] - both[len(x) :]
        count = np.bincount(place, weights=weight, minlength=len(edges))[1:]
        total = np.bincount(place, weights=weight * moves, minlength=len(edges))[1:]
        effect = np.concatenate([[0.0], np.cumsum(total / count)])
        others = np.delete(X, j, axis=1)
        judged = turned_find.turned(x, y - answer, edges, effect, (others - others.mean(0)) / others.std(0), weight)
        found += [{"feature": j} | one for one in judged]
    sure = [f for f in found if f["p"] * len(found) <= turned_find.LEVEL]
    return [f["feature"] for f in sure if abs(f["model"]) >= turned_find.WORTH * answer.std()], bool(sure)


def main(given: argparse.Namespace) -> None:
    sys.path.pop(0)
    print(
        "| sets | rows | model | task | told | of them x0 | told were size of no matter |\n|---|---|---|---|---|---|---|"
    )
    kinds = given.kinds.split(",")
    for planted in [p == "planted" for p in given.only.split(",")]:
        for n in map(int, given.rows.split(",")):
            for kind, task in [
                (k, t) for k in kinds for t in ("binary", "regression") if not (planted and k == "linear")
            ]:
                found = []
                for m in range(given.models):
                    rng = np.random.default_rng(1000 * m + 7)
                    train = numbers(rng, TRAINED, bool(m % 2))
                    model = model_of(kind, task).fit(train, outcome(rng, train, kind, task, planted))
                    for _ in range(given.sets):
                        X = numbers(rng, n, bool(m % 2))
                        found.append(told(model, task, X, outcome(rng, X, kind, task), weights(rng, X, given.weights)))
                some, first, any_size = (sum(v) for v in zip(*((bool(f), 0 in f, s) for f, s in found), strict=True))
                name = "planted" if planted else "clean"
                print(
                    f"| {name} | {n:,} | {kind} | {task} | {some} of {len(found)} | {first} | {any_size} |", flush=True
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=25)
    parser.add_argument("--models", type=int, default=4)
    parser.add_argument("--rows", default="500,2000")
    parser.add_argument("--kinds", default="linear,boosted,forest")
    parser.add_argument("--only", default="clean,planted")
    parser.add_argument("--weights", action="store_true")
    main(parser.parse_args())
