"""How often ``unexpected_direction`` is told where the model's average answer does not move with a column, and where a stretch was turned round.

Still: every column from x0 on that is expected to rise moves the answer of single rows, up or down by another column or one of long tails, and the average
row's not at all (in the population the curve is 0). How often any stretch is told, with and without the rule that a move must be worth telling. Boosted models, planted: as in ``turned.py``
the training rows fall with x0 in its middle third. Clean: the training rows rise with x0 all along, with a monotone constraint and without.

Run: ``OMP_NUM_THREADS=1 python benchmarks/expected.py [--sets 400] [--rows 500,2000] [--only still,boosted]``
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd

COLUMNS = 8
NAMES = [f"x{j}" for j in range(COLUMNS)]
KINDS = ("one column", "five columns", "long tails", "weights", "clusters of 5")


def still(kind: str, rng: np.random.Generator, n: int) -> tuple[Any, pd.DataFrame, dict[str, Any], list[str]]:
    """Give a model whose average answer does not move with the columns named last."""
    X = pd.DataFrame(rng.normal(size=(n, COLUMNS)), columns=NAMES)
    named, given = (NAMES[:5] if kind == "five columns" else NAMES[:1]), {}
    if kind == "clusters of 5":
        X["k"] = np.arange(n) // 5
        X["x7"] = rng.normal(size=n // 5)[X["k"]]  # what turns the effect is the same for a whole cluster
        given = {"cluster": "k"}
    if kind == "weights":
        X["w"] = rng.lognormal(0, np.sqrt(np.log(2)), n)
        given = {"weight": "w"}

    def model(frame: pd.DataFrame) -> np.ndarray:
        by = np.exp(frame["x7"]) - np.exp(0.5) if kind == "long tails" else frame["x7"]
        return np.asarray(sum(frame[c] for c in named) * by)

    return model, X, given, named


def told(model: Any, X: pd.DataFrame, given: dict[str, Any], named: list[str], y: Any = None) -> bool | None:
    """Say whether a stretch is told; None where it cannot be judged."""
    from modelglass.analysis.errors import NotApplicable
    from modelglass.analysis.evaluation import Evaluation
    from modelglass.analysis.finding import Budget
    from modelglass.explainers import expected_find

    y = np.zeros(len(X)) + np.arange(len(X)) % 7 if y is None else y
    task = None if set(np.unique(y)) == {0, 1} else "regression"
    columns = {c: {"expected": "rising"} for c in named}
    ev = Evaluation(model, X.assign(t=y), target="t", task=task, features=NAMES, columns=columns, **given)
    try:
        return bool(expected_find.find(ev, Budget(60)))
    except NotApplicable:
        return None


def print_still(sets: int, rows: list[int]) -> None:
    from modelglass.explainers import expected_find as e

    print("| rows | kind | told | told were size of no matter |\n|---|---|---|---|")
    worth = e.WORTH
    for n in rows:
        for kind in KINDS:
            found, judged = np.zeros(2, dtype=int), 0
            for seed in range(sets):
                given = still(kind, np.random.default_rng((seed, n)), n)
                for i, e.WORTH in enumerate((worth, 0.0)):
                    answer = told(*given)
                    found[i] += bool(answer)
                judged += answer is not None
            e.WORTH = worth
            print(f"| {n:,} | {kind} | {found[0]} of {judged} | {found[1]} |", flush=True)


def print_boosted(sets: int, rows: list[int]) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from turned import numbers, outcome  # type: ignore[import-not-found]

    print("\n| rows | trained on | constraint | task | told |\n|---|---|---|---|---|")
    for n in rows:
        for mirrored, held in ((True, False), (False, False), (False, True), (True, True)):
            for task, make in (
                ("binary", HistGradientBoostingClassifier),
                ("regression", HistGradientBoostingRegressor),
            ):
                found = 0
                for seed in range(sets):
                    rng = np.random.default_rng((seed, n))
                    train = numbers(rng, 4_000, bool(seed % 2))
                    y = outcome(rng, train, "boosted", task, mirrored)
                    model = make(max_iter=60, early_stopping=False, monotonic_cst={"x0": 1} if held else None)
                    model.fit(pd.DataFrame(train, columns=NAMES), y)
                    X = numbers(rng, n, bool(seed % 2))
                    frame = pd.DataFrame(X, columns=NAMES)
                    found += bool(told(model, frame, {}, ["x0"], outcome(rng, X, "boosted", task)))
                name = "a turned third" if mirrored else "rising rows"
                print(f"| {n:,} | {name} | {'rising' if held else 'none'} | {task} | {found} of {sets} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=400)
    parser.add_argument("--rows", default="500,2000")
    parser.add_argument("--only", default="still,boosted")
    asked = parser.parse_args()
    sizes = [int(n) for n in asked.rows.split(",")]
    if "still" in asked.only:
        print_still(asked.sets, sizes)
    if "boosted" in asked.only:
        print_boosted(max(asked.sets // 10, 1), sizes)
