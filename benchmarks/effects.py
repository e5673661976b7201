"""Partial dependence beside scikit-learn's ``method="brute"``: same model, same rows, same grid of 50, warm calls, wall and processor time.

All 20 columns. Where brute force would take more than some minutes it does the first columns only and its times are multiplied (said in
the table). Each side runs in its own process and may use both cores; repeats alternate; medians.

Run: ``python benchmarks/effects.py [--cases xgboost,hist,forest,linear,pipeline,mlp,mlp2,knn,knn_values,gp,svm,bayes,asked] [--repeats 3]``
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

COLUMNS, GRID, TRAINED = 20, 50, 100_000
CASES = {  # rows, columns that brute force does
    "xgboost": (100_000, 1),
    "lightgbm": (100_000, 1),
    "hist": (100_000, 1),
    "forest": (100_000, 1),
    "linear": (100_000, 4),
    "pipeline": (10_000, 4),
    "mlp": (10_000, 4),
    "mlp2": (10_000, 4),
    "knn": (1_000, 4),
    "knn_values": (1_000, 4),
    "gp": (1_000, 2),
    "svm": (1_000, 4),
    "bayes": (10_000, 4),
    "asked": (10_000, 2),
}
FITTED = {"svm": 2_000, "gp": 2_000}
WHOLE = ("xgboost", "lightgbm", "hist", "forest", "linear")


def data(n: int) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, COLUMNS)).astype(np.float32).astype(float)
    drive = X[:, 0] * X[:, 1] + X[:, 2] + np.sin(2 * X[:, 3]) + np.abs(X[:, 4]) * X[:, 5] + rng.normal(size=n)
    return pd.DataFrame(X, columns=[f"f{j}" for j in range(COLUMNS)]), (drive > np.median(drive)).astype(int)


def mixed(X: pd.DataFrame) -> pd.DataFrame:
    """Ten columns of numbers and ten of words."""
    words = {c: pd.cut(X[c], [-9, -1, -0.3, 0.3, 1, 9], labels=list("abcde")).astype(str) for c in X.columns[10:]}
    return X.assign(**words)


def estimator(case: str) -> Any:
    from sklearn import (
        calibration,
        compose,
        ensemble,
        gaussian_process,
        linear_model,
        naive_bayes,
        neighbors,
        neural_network,
        pipeline,
        preprocessing,
        svm,
    )

    if case == "xgboost":
        import xgboost

        return xgboost.XGBClassifier(n_estimators=100, max_depth=6, n_jobs=2)
    if case == "lightgbm":
        import lightgbm

        return lightgbm.LGBMClassifier(n_estimators=100, num_leaves=31, n_jobs=2, verbose=-1)
    if case == "pipeline":
        words = preprocessing.OneHotEncoder(sparse_output=False)
        coded = compose.make_column_transformer(
            (words, [f"f{j}" for j in range(10, 20)]), remainder=preprocessing.StandardScaler()
        )
        return pipeline.make_pipeline(coded, neural_network.MLPClassifier((32,), max_iter=20))
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    kernel = ConstantKernel(2.0) * RBF(5.0) + WhiteKernel(0.1)
    return {
        "hist": ensemble.HistGradientBoostingClassifier(max_iter=100, max_leaf_nodes=31, early_stopping=False),
        "forest": ensemble.RandomForestClassifier(100, max_depth=10, n_jobs=2, random_state=0),
        "linear": linear_model.LogisticRegression(),
        "mlp2": neural_network.MLPClassifier((32, 16), activation="tanh", max_iter=20),
        "mlp": neural_network.MLPClassifier((32,), max_iter=20),
        "knn": neighbors.KNeighborsClassifier(10, n_jobs=2),
        "knn_values": neighbors.KNeighborsRegressor(10, weights="distance", n_jobs=2),
        "gp": gaussian_process.GaussianProcessRegressor(kernel, optimizer=None),
        "svm": svm.SVR(),
        "asked": calibration.CalibratedClassifierCV(ensemble.HistGradientBoostingClassifier(), cv=2),
        "bayes": naive_bayes.GaussianNB(),
    }[case]


def frame_of(case: str) -> tuple[pd.DataFrame, np.ndarray]:
    X, y = data(TRAINED)
    return (mixed(X) if case == "pipeline" else X), y


def fit(case: str, folder: Path) -> None:
    import joblib

    X, y = frame_of(case)
    few = slice(0, FITTED.get(case, TRAINED if case in WHOLE else 10_000))
    joblib.dump(estimator(case).fit(X[few], y[few]), folder / f"{case}.joblib")


def grids(X: pd.DataFrame) -> dict[str, np.ndarray]:
    shares = np.linspace(0.005, 0.995, GRID)
    return {
        c: np.unique(np.quantile(X[c], shares, method="inverted_cdf")) if X[c].dtype.kind == "f" else np.unique(X[c])
        for c in X.columns
    }


def ours(model: Any, X: pd.DataFrame, y: np.ndarray, columns: list[str]) -> Any:
    import modelglass as mg
    from modelglass.explainers import partial_dependence

    ev = mg.Evaluation(model, X.assign(t=y), target="t")  # made once for all analyses, not timed

    def compute() -> np.ndarray:
        curves = partial_dependence(ev, features=columns, grid=GRID, rows=None, ice=0).curves
        return curves[["feature", "value", "estimate"]].to_numpy()

    return compute


def brute(model: Any, X: pd.DataFrame, y: np.ndarray, columns: list[str]) -> Any:
    from sklearn.inspection import partial_dependence

    held = grids(X)

    def compute() -> np.ndarray:
        out = []
        for c in columns:
            got = partial_dependence(
                model,
                X,
                [c],
                method="brute",
                kind="average",
                response_method="predict_proba" if hasattr(model, "predict_proba") else "auto",
                custom_values={c: held[c]},
            )
            out += [(c, v, e) for v, e in zip(held[c], got["average"][0], strict=True)]
        return np.array(out, dtype=object)

    return compute


def one(side: str, case: str, folder: Path) -> dict[str, Any]:
    sys.path.pop(0)  # this folder, whose coverage.py would hide the package that numba looks for
    import joblib

    rows, few = CASES[case]
    X, y = frame_of(case)
    X, y = X.iloc[:rows], y[:rows]
    model = joblib.load(folder / f"{case}.joblib")
    columns = list(X.columns[:few] if side == "brute" else X.columns)
    if case == "pipeline" and side == "brute":
        columns = [X.columns[i] for i in (0, 1, 10, 11)]  # as many of numbers as of words
    compute = {"modelglass": ours, "brute": brute}[side]
    compute(model, X.iloc[:500], y[:500], columns[:1])()
    timed = compute(model, X, y, columns)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    wall, cpu = time.perf_counter(), time.process_time()
    curves = timed()
    spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    joblib.dump(curves, folder / f"{side}.joblib")
    times = COLUMNS / len(columns)
    return {k: v * times for k, v in spent.items()} | {"more": peak - before, "times": times}


def compare(given: argparse.Namespace) -> None:
    import joblib
    from environments import run

    names = ("modelglass", "scikit-learn", "numpy", "pandas", "numba", "xgboost", "lightgbm")
    print({p: version(p) for p in names})
    print("| model | rows | side | wall | processor | memory above | times our wall | times our processor | largest difference |\n|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    for case in [c for c in CASES if not given.cases or c in given.cases.split(",")]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            fit(case, folder)
            found: dict[str, list[dict[str, Any]]] = {"modelglass": [], "brute": []}
            for _ in range(given.repeats):
                for side, runs in found.items():
                    runs.append(run(sys.executable, "effects.py", "--side", side, "--case", case, "--folder", name))
                    print(case, side, runs[-1], file=sys.stderr)
            mine, theirs = (
                {(c, v): e for c, v, e in joblib.load(folder / f"{side}.joblib")} for side in ("modelglass", "brute")
            )
            off = max(abs(mine[key] - value) for key, value in theirs.items() if key in mine)
            shared = sum(key in mine for key in theirs)
            wall, cpu = (statistics.median(r[k] for r in found["modelglass"]) for k in ("wall", "cpu"))
            for side, runs in found.items():
                w, c, m, t = (statistics.median(r[k] for r in runs) for k in ("wall", "cpu", "more", "times"))
                said = f"brute, {COLUMNS / t:.0f} columns x {t:g}" if t > 1 else side
                print(f"| {case} | {CASES[case][0]:,} | {said} (of {len(runs)}) | {w:.2f} s | {c:.2f} s | {m:.0f} MiB | {w / wall:.1f} | {c / cpu:.1f} | {off:.1e} over {shared} points |", flush=True)  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", default="")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--side", choices=("modelglass", "brute"))
    parser.add_argument("--case", choices=list(CASES))
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    if asked.side:
        print(json.dumps(one(asked.side, asked.case, asked.folder)))
    else:
        compare(asked)
