"""Compile the fast loops once, into numba's cache on disk: ``python -m modelglass.explainers.warm``. The dashboard does so on a first start."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pandas as pd

from modelglass.analysis import find_slices
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers.loops import LOOPS, kept


def warm() -> None:
    """Run each fast analysis once on a small model, which compiles its loops or loads what is kept of them."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPRegressor

    from modelglass import explainers
    from modelglass.analysis import search_kernels  # noqa: F401  the search counts few rows by its loops only where they are loaded
    from modelglass.explainers import bin_kernels, neighbour_kernels  # noqa: F401  and so do effects

    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(2_000, 5)), columns=list("abcde"))
    drive = X.a * X.b + X.c + rng.normal(size=len(X))
    two, three = (drive > 0).astype(int), np.digitize(drive, [-0.7, 0.7])
    gaps = X.assign(e=X.e.where(X.e < 1.5))
    boosted = HistGradientBoostingClassifier(max_iter=10, early_stopping=False).fit(gaps, two)
    forest = RandomForestClassifier(5, max_depth=12, random_state=0).fit(X, three)
    for model, y, frame in ((boosted, two, gaps), (forest, three, X)):
        ev = Evaluation(model, frame.assign(y=y), target="y")
        explainers.partial_dependence(ev, features=list("abe"), rows=300, grid=10)
        explainers.accumulated_local_effects(ev, features=list("ab"), rows=300, grid=10)
        explainers.permutation_importance(ev, rows=len(X), n_repeats=2)  # fewer rows are asked of the model
        for rows in (20, 2_000):  # few rows are walked, many looked up in tables
            explainers.shapley_values(ev, rows=rows)
        explainers.shapley_interactions(ev, rows=20)
        find_slices(ev, k=3, depth=2)
    layers = MLPRegressor(hidden_layer_sizes=(3,), tol=1e9, n_iter_no_change=1).fit(X, two)
    explainers.accumulated_local_effects(Evaluation(layers, X.assign(y=two), target="y"), features=["a"], grid=10)
    near = KNeighborsClassifier().fit(X, two)
    explainers.partial_dependence(Evaluation(near, X.assign(y=two), target="y"), features=["a"], rows=20, grid=3)
    # numba goes by what a file says, so one written anew with the same loops is not compiled again: only its date is old
    for found in (one for loop in LOOPS for one in kept(loop)):
        with suppress(OSError):
            found.touch()


if __name__ == "__main__":
    warm()
