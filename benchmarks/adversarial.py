"""Cheapest changes beside ART's HopSkipJump, and counterfactuals beside dice-ml's random search: time, cost, and rows that flip.

The same boosted trees (scikit-learn's GradientBoostingClassifier, 100 trees of depth 3), 20 numeric columns, rows of a test set. Each tool
runs in its own environment with the same scikit-learn. Cost: sum of |change| / spread (ours) and the root of the sum of squares of the same
(what HopSkipJump makes small), over the rows that both flip. Run: ``python benchmarks/adversarial.py [--rows N] [--art-rows N] [--dice-rows N] [--adult FOLDER]``.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from environments import HERE, python_of, run
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from modelglass.analysis import Evaluation, adversarial
from modelglass.analysis.constraints import constraints
from modelglass.analysis.possible import Space
from modelglass.explainers import counterfactuals

sys.path[:] = [
    p for p in sys.path if p != str(HERE)
]  # numba looks for a package coverage, and a script here is called so
COLUMNS, TRAIN = 20, 4_000
SAME = f"scikit-learn=={importlib.metadata.version('scikit-learn')}"


def prepared(folder: Path, rows: int) -> tuple[Evaluation, np.ndarray]:
    X, y = make_classification(
        n_samples=TRAIN + rows, n_features=COLUMNS, n_informative=10, n_redundant=4, random_state=0
    )
    X = X.astype(np.float32).astype(float)
    model = GradientBoostingClassifier(n_estimators=100, max_depth=3, random_state=0).fit(X[:TRAIN], y[:TRAIN])
    names = [f"x{j}" for j in range(COLUMNS)]
    frame = pd.DataFrame(X[TRAIN:], columns=names).assign(y=y[TRAIN:])
    train = pd.DataFrame(X[:TRAIN], columns=names).assign(y=y[:TRAIN])
    ev = Evaluation(model, frame, target="y", positive=1, train=train)
    spread = np.array([r.spread for r in constraints(ev).columns.values()])
    joblib.dump(model, folder / "model.joblib")
    np.savez(folder / "data.npz", X_train=X[:TRAIN], y_train=y[:TRAIN], X=X[TRAIN:], spread=spread)
    return ev, spread


def costs(changed: np.ndarray, X: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    off = np.abs(changed - X) / spread
    return off.sum(axis=1), np.sqrt((off**2).sum(axis=1))


def ours(ev: Evaluation, rows: int, **settings: Any) -> tuple[np.ndarray, float, float, Any]:
    one = ev.take(np.arange(rows))
    wall, cpu = time.perf_counter(), time.process_time()
    got = adversarial(one, rows=None, budget=None, **settings)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    changed = one.inputs().to_numpy(dtype=float).copy()
    at = {name: j for j, name in enumerate(ev.features)}
    place = {row: i for i, row in enumerate(one.frame.index)}
    for cell in got.changes.itertuples(index=False):
        changed[place[cell.row], at[cell.column]] = cell.after
    return changed, wall, cpu, got


def line(
    name: str,
    flips: np.ndarray,
    changed: np.ndarray,
    both: np.ndarray,
    X: np.ndarray,
    spread: np.ndarray,
    wall: float,
    cpu: float,
) -> None:
    total, root = costs(changed[both], X[both], spread)
    print(
        f"| {name} | {len(X):,} | {1e3 * wall / len(X):.1f} / {1e3 * cpu / len(X):.1f} ms | {flips.mean():.1%} | {np.median(total):.3f} | {np.median(root):.3f} |"
    )


def against_art(ev: Evaluation, spread: np.ndarray, folder: Path, rows: int, art_rows: int) -> None:
    ours(ev, 20, rounds=0)  # compiled, warm
    theirs = run(art_python(), "adversarial_peers.py", "art", str(folder), str(art_rows), seconds=3_000)
    print(f"art: {json.dumps(theirs)}")
    X = ev.inputs().to_numpy(dtype=float)
    print(
        "| | rows | wall / processor a row | flipped | median cost, sum | median cost, root of squares |\n|---|---|---|---|---|---|"
    )
    was = ev.estimator.predict(X)
    for rounds in (3, 10):
        changed, wall, cpu, got = ours(ev, rows, rounds=rounds)
        flips = ev.estimator.predict(changed) != was[:rows]
        both = np.flatnonzero(flips)
        line(f"modelglass, all rows, {rounds} rounds", flips, changed, both, X[:rows], spread, wall, cpu)
        low = got.rows.certified.to_numpy() / got.rows.cost.to_numpy()
        print(f"certified over found, median: {np.median(low):.3f}; largest {low.max():.6f}")
        if "failed" not in theirs:
            their = np.load(folder / "art.npy").astype(float)
            flipped = ev.estimator.predict(their) != was[:art_rows]
            both = np.flatnonzero(flipped & flips[:art_rows])
            cut = slice(0, art_rows)
            share = art_rows / rows
            line("modelglass, ART's rows", flips[cut], changed[cut], both, X[cut], spread, wall * share, cpu * share)
            line(
                f"HopSkipJump, ART {theirs['version']}",
                flipped,
                their,
                both,
                X[cut],
                spread,
                theirs["wall"],
                theirs["cpu"],
            )


def against_dice(ev: Evaluation, spread: np.ndarray, folder: Path, rows: int) -> None:
    python = python_of("dice", "dice-ml", "pandas<3", SAME, "joblib")
    theirs = run(python, "adversarial_peers.py", "dice", str(folder), str(rows), seconds=3_000)
    print(f"dice: {json.dumps(theirs)}")
    X = ev.inputs().to_numpy(dtype=float)[:rows]
    was = ev.estimator.predict(X)
    counterfactuals(ev, row=0)
    changed = X.copy()
    wall, cpu = time.perf_counter(), time.process_time()
    for i in range(rows):
        got = counterfactuals(ev, row=i, budget=None)
        for cell in got.changes[got.changes.way == 1].itertuples(index=False):
            changed[i, int(cell.column[1:])] = cell.after
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    flips = ev.estimator.predict(changed) != was
    print(
        "| | rows | wall / processor a row | flipped | median cost, sum | median cost, root of squares |\n|---|---|---|---|---|---|"
    )
    if "failed" in theirs:
        line("modelglass, 4 ways", flips, changed, np.flatnonzero(flips), X, spread, wall, cpu)
        return
    their = np.load(folder / "dice.npy")
    known = np.isfinite(their).all(axis=1)
    flipped = known & (ev.estimator.predict(np.where(known[:, None], their, X)) != was)
    both = np.flatnonzero(flipped & flips)
    line("modelglass, 4 ways", flips, changed, both, X, spread, wall, cpu)
    line(f"dice-ml {theirs['version']} random, 4 ways", flipped, their, both, X, spread, theirs["wall"], theirs["cpu"])


def against_art_on_adult(folder: Path, data: Path, rows: int) -> None:
    """Count possible rows, and compare costs over ART's rows that still flip once made possible. ART sees levels as whole numbers."""
    train, test = (pd.read_csv(data / f"adult_{p}.csv", na_values="?").dropna() for p in ("train", "test"))
    train, test = train.iloc[:5_000], test.iloc[:1_000]
    train, test = (f.drop(columns="income").assign(y=(f.income == ">50K").astype(int)) for f in (train, test))
    words = list(test.select_dtypes(exclude="number").columns)
    coded = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), words), remainder="passthrough"
    )
    Z = coded.fit_transform(train.drop(columns="y"))
    final = HistGradientBoostingClassifier(max_iter=100, random_state=0).fit(Z, train.y)
    ev = Evaluation(make_pipeline(coded, final), test, target="y", positive=1, train=train).take(np.arange(rows))
    before = ev.inputs()
    joblib.dump(final, folder / "model.joblib")
    np.savez(folder / "data.npz", X_train=Z, y_train=train.y, X=coded.transform(before))
    theirs = run(art_python(), "adversarial_peers.py", "art", str(folder), str(rows), seconds=3_000)
    print(f"art on adult: {json.dumps(theirs)}")
    if "failed" in theirs:
        return
    wall = time.perf_counter()
    got = adversarial(ev, rows=None, budget=None)
    wall = time.perf_counter() - wall
    rules, was = constraints(ev), ev.predict_codes(before)
    space, mine = Space(rules, before), before.astype(object)
    for cell in got.changes.itertuples(index=False):
        mine.loc[cell.row, cell.column] = cell.after
    mine = mine.astype(before.dtypes.to_dict())
    found = np.isfinite(got.rows.cost.to_numpy())
    broken = set(rules.violations(mine.reset_index(drop=True), before.reset_index(drop=True)).place)
    print(
        f"ours: {wall / rows * 1e3:.1f} ms a row, {found.mean():.0%} flip, of these possible {1 - len(broken) / found.sum():.0%}"
    )
    art = np.load(folder / "art.npy").astype(float)
    flips = final.predict(art) != final.predict(coded.transform(before))
    raw, between = before.astype(object), np.zeros(rows, bool)
    wanted = space.X.copy()
    numbers = [c for c in before.columns if c not in words]
    for j, name in enumerate([*words, *numbers]):
        if name in numbers:
            raw[name] = wanted[:, space.place(name)] = art[:, j]
            continue
        levels = coded.named_transformers_["ordinalencoder"].categories_[words.index(name)]
        nearest = np.clip(np.rint(art[:, j]), 0, len(levels) - 1).astype(int)
        between |= np.abs(art[:, j] - nearest) > 1e-6
        raw[name] = levels[nearest]
        wanted[:, space.place(name)] = space.code_column(name, raw[name])
    raw = raw.astype(dict.fromkeys(numbers, float))
    broken = between.copy()
    broken[list(set(rules.violations(raw.reset_index(drop=True), before.reset_index(drop=True)).place))] = True
    places = np.arange(rows)
    X = space.project(places, wanted)
    still = flips & space.possible(places, X) & (ev.predict_codes(space.rows(places, X)) != was)
    cost, both = space.cost(places, X), still & found
    print(
        f"HopSkipJump: {theirs['wall'] / rows * 1e3:.1f} ms a row, {flips.mean():.0%} flip, of these possible {(flips & ~broken).sum() / flips.sum():.0%}; "
        f"once made possible {still.mean():.0%} of rows flip; over the {both.sum()} rows that flip for both: median cost {np.median(cost[both]):.3f}, "
        f"ours {np.median(got.rows.cost.to_numpy()[both]):.3f}, ours dearer in {(got.rows.cost.to_numpy()[both] > cost[both] * 1.001).sum()}"
    )


def art_python() -> Path:
    return python_of("art", "adversarial-robustness-toolbox", "packaging", SAME, "joblib")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000)
    parser.add_argument("--art-rows", type=int, default=100)
    parser.add_argument("--dice-rows", type=int, default=30)
    parser.add_argument("--adult", type=Path, help="folder of adult_train.csv and adult_test.csv: its rows too")
    parser.add_argument("--adult-rows", type=int, default=50)
    parser.add_argument("--only-adult", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if asked.adult is not None:
            against_art_on_adult(folder, asked.adult, asked.adult_rows)
        if asked.only_adult:
            return
        ev, spread = prepared(folder, asked.rows)
        against_art(ev, spread, folder, asked.rows, asked.art_rows)
        against_dice(ev, spread, folder, asked.dice_rows)


if __name__ == "__main__":
    main()
