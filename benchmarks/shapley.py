"""Shapley values of trees beside shap, woodelf_explainer and the libraries' own ``pred_contrib``: same model, same rows, warm calls.

Each side runs in its own process (woodelf in its own environment); both cores are allowed to all; repeats alternate; medians of wall and
processor time, memory above that before the call (watched every 5 ms), and the largest difference from ours as a share of the row's largest value.

shap takes minutes; ``--shap-rows 2000`` lets it explain fewer rows and multiplies its time (its cost a row is constant), which the table says.

Run: ``python benchmarks/shapley.py [--cases xgboost,lightgbm,hist,forest] [--repeats 3] [--skip shap] [--shap-rows 2000]``
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import json
import resource
import statistics
import sys
import tempfile
import threading
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

COLUMNS, TRAINED, BACKGROUND = 20, 100_000, 100
CASES = {
    "xgboost": (100_000, "path"),
    "lightgbm": (100_000, "path"),
    "hist": (100_000, "path"),
    "forest": (10_000, "path"),
    "xgboost background": (10_000, "background"),
    "xgboost background, 100,000": (100_000, "background"),
}


def data(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, COLUMNS)).astype(np.float32).astype(float)
    drive = X[:, 0] * X[:, 1] + X[:, 2] + np.sin(2 * X[:, 3]) + np.abs(X[:, 4]) * X[:, 5] + rng.normal(size=n)
    return X, (drive > np.median(drive)).astype(int)


def fit(case: str, folder: Path) -> None:
    import joblib

    X, y = data(TRAINED)
    name = case.split()[0]
    if name == "xgboost":
        import xgboost

        model: Any = xgboost.XGBClassifier(n_estimators=100, max_depth=6, n_jobs=2)
    elif name == "lightgbm":
        import lightgbm

        model = lightgbm.LGBMClassifier(n_estimators=100, num_leaves=31, n_jobs=2, verbose=-1)
    elif name == "hist":
        from sklearn.ensemble import HistGradientBoostingClassifier

        model = HistGradientBoostingClassifier(max_iter=100, max_leaf_nodes=31, early_stopping=False)
    else:
        from sklearn.ensemble import RandomForestRegressor

        model = RandomForestRegressor(100, max_depth=10, n_jobs=2, random_state=0)
    joblib.dump(model.fit(X, y), folder / f"{name}.joblib")


def ours(model: Any, X: np.ndarray, background: np.ndarray | None) -> Any:
    from modelglass.analysis.models.tree_models import tree_model
    from modelglass.explainers import boosters, tree_shapley

    few = X[:128]
    raw = (
        boosters.margins(model, few)
        if boosters.library(model)
        else getattr(model, "decision_function", model.predict)(few)
    )
    read = tree_model(model, few, np.asarray(raw, dtype=float).reshape(len(few), -1), tree_shapley.output_of)
    return lambda: tree_shapley.tree_shapley(read.trees, read.encode(X), background=background)[0][:, :, 0]  # type: ignore[union-attr]


def of_shap(model: Any, X: np.ndarray, background: np.ndarray | None) -> Any:
    import shap

    way = "tree_path_dependent" if background is None else "interventional"
    explainer = shap.TreeExplainer(model, background, feature_perturbation=way)
    return lambda: np.asarray(explainer.shap_values(X, check_additivity=False))


def woodelf(model: Any, X: np.ndarray, background: np.ndarray | None) -> Any:
    import pandas as pd
    from woodelf import WoodelfExplainer

    frame = pd.DataFrame(X, columns=[f"f{j}" for j in range(X.shape[1])])
    other = None if background is None else pd.DataFrame(background, columns=frame.columns)
    explainer = WoodelfExplainer(model) if other is None else WoodelfExplainer(model, other)
    return lambda: np.asarray(explainer.shap_values(frame))


def own(model: Any, X: np.ndarray, background: np.ndarray | None) -> Any:
    from modelglass.explainers import boosters

    return lambda: boosters._contributions(model, X)[:, 0, :-1]


SIDES = {"modelglass": ours, "shap": of_shap, "woodelf": woodelf, "pred_contrib": own}


class Memory:
    """Watch the process's memory while a call runs. The highest ever (``ru_maxrss``) says nothing after a warm call, which reached it."""

    def __enter__(self) -> Memory:
        gc.collect()
        with contextlib.suppress(
            OSError, AttributeError
        ):  # glibc: what the warm call freed goes back, or the call would reuse it unseen
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        self.before = self.most = self._now()
        self._done = threading.Event()
        self._watch = threading.Thread(target=self._run, daemon=True)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._run_once()
        self._done.set()
        self._watch.join()
        self.more = self.most - self.before

    def _run(self) -> None:
        while not self._done.wait(0.005):
            self._run_once()

    def _run_once(self) -> None:
        self.most = max(self.most, self._now())

    @staticmethod
    def _now() -> float:
        """Give resident MiB (Linux)."""
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def one(side: str, case: str, folder: Path, shap_rows: int) -> dict[str, Any]:
    import joblib

    asked, mode = CASES[case]
    rows = min(asked, shap_rows) if side == "shap" and shap_rows else asked
    X = data(TRAINED)[0][:rows]
    model = joblib.load(folder / f"{case.split()[0]}.joblib")
    background = X[:BACKGROUND] if mode == "background" else None
    if side == "modelglass":
        ours(model, X, background)()  # compiles: the same shapes, because few rows are walked and many tabulated
    else:
        SIDES[side](model, X[:300], background)()
    explain = SIDES[side](model, X, background)
    with Memory() as memory:
        wall, cpu = time.perf_counter(), time.process_time()
        values = np.asarray(explain())
        spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    np.save(folder / f"{side}.npy", values.reshape(rows, -1)[:2000, :COLUMNS].astype(float))
    return {**{k: v * asked / rows for k, v in spent.items()}, "more": memory.more, "rows": rows}


def compare(given: argparse.Namespace) -> None:
    from environments import python_of, run

    pins = [f"{p}=={version(p)}" for p in ("xgboost", "lightgbm", "scikit-learn", "joblib")]
    pythons: dict[str, Any] = {
        "modelglass": sys.executable,
        "woodelf": python_of("woodelf", "woodelf_explainer==0.4.8", *pins, "shap"),
        "pred_contrib": sys.executable,
        "shap": sys.executable,
    }
    print({p: version(p) for p in ("modelglass", "shap", "numba", "numpy", "xgboost", "lightgbm", "scikit-learn")})
    print(
        "| model and rows | side | wall | processor | memory above | times our wall | largest difference |\n|---|---|---|---|---|---|---|"
    )
    for case in [
        c
        for c in CASES
        if not given.cases
        or c in given.cases.split(",")
        or (c.split()[0] in given.cases.split(",") and CASES[c][1] == "path")
    ]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            fit(case, folder)
            sides = [s for s in pythons if s not in given.skip.split(",")]
            if case.split()[0] in ("hist", "forest") or CASES[case][1] == "background":
                sides = [s for s in sides if s != "pred_contrib"]
            found: dict[str, list[dict[str, Any]]] = {s: [] for s in sides}
            for repeat in range(given.repeats):
                for side in sides:
                    if repeat and (side == "shap" or (side, case) == ("pred_contrib", "xgboost")):
                        continue  # minutes each
                    found[side].append(
                        run(
                            pythons[side],
                            "shapley.py",
                            "--side",
                            side,
                            "--case",
                            case,
                            "--folder",
                            name,
                            "--shap-rows",
                            str(given.shap_rows),
                        )
                    )
                    print(case, side, found[side][-1], file=sys.stderr)
            _told(case, found, folder)


def _told(case: str, found: dict[str, list[dict[str, Any]]], folder: Path) -> None:
    mine = np.load(folder / "modelglass.npy")
    fastest = statistics.median(r["wall"] for r in found["modelglass"])
    for side, runs in found.items():
        good = [r for r in runs if "failed" not in r]
        if not good:
            print(f"| {case}, {CASES[case][0]:,} | {side} | failed: {runs[0]['failed']} |||||")
            continue
        wall, cpu, more = (statistics.median(r[k] for r in good) for k in ("wall", "cpu", "more"))
        theirs = np.load(folder / f"{side}.npy")
        both = mine[: len(theirs)]
        off = (np.abs(theirs - both).max(axis=1) / np.abs(both).max(axis=1)).max()
        of = f"of {len(good)}" if good[0]["rows"] == CASES[case][0] else f"scaled up from {good[0]['rows']:,} rows"
        print(
            f"| {case}, {CASES[case][0]:,} | {side} ({of}) | {wall:.2f} s | {cpu:.2f} s | {more:.0f} MiB | {wall / fastest:.1f} | {off:.1e} |",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", default="")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--skip", default="")
    parser.add_argument("--shap-rows", type=int, default=0)
    parser.add_argument("--side", choices=list(SIDES))
    parser.add_argument("--case", choices=list(CASES))
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    if asked.side:
        print(json.dumps(one(asked.side, asked.case, asked.folder, asked.shap_rows)))
    else:
        compare(asked)
