"""Split-conformal intervals and sets beside MAPIE, on the same model and calibration rows: ``python benchmarks/conformal.py``.

MAPIE runs in an environment of its own (``environments.py``) on models fitted there alike. Prints half widths of intervals, and how many sets differ.
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version
from typing import Any

import numpy as np

FIT, MADE, NEW = slice(0, 500), slice(500, 1000), slice(1000, 1500)
COVERAGES = (0.8, 0.9, 0.95)


def world() -> tuple[np.ndarray, np.ndarray, np.ndarray, Any, Any]:
    """Give X, a number, classes, and a model of each, fitted on the first third."""
    from sklearn.linear_model import LinearRegression, LogisticRegression

    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 3))
    t = X @ [1, 2, 0] + rng.normal(size=1500)
    y = np.digitize(X[:, 0] + rng.normal(size=1500), [-0.5, 0.7])
    return X, t, y, LinearRegression().fit(X[FIT], t[FIT]), LogisticRegression().fit(X[FIT], y[FIT])


def peer() -> None:
    """Print MAPIE's half widths and sets."""
    from mapie.classification import SplitConformalClassifier
    from mapie.regression import SplitConformalRegressor

    X, t, y, line, classes = world()
    found: dict[str, Any] = {"version": version("mapie"), "sklearn": version("scikit-learn")}
    for coverage in COVERAGES:
        made = SplitConformalRegressor(line, confidence_level=coverage, prefit=True).conformalize(X[MADE], t[MADE])
        ends = made.predict_interval(X[NEW])[1][:, :, 0]
        named = SplitConformalClassifier(classes, confidence_level=coverage, prefit=True, conformity_score="lac")
        sets = named.conformalize(X[MADE], y[MADE]).predict_set(X[NEW])[1][:, :, 0]
        found[str(coverage)] = {"half": float(np.diff(ends).mean() / 2), "sets": sets.astype(int).tolist()}
    print(json.dumps(found))


def main() -> None:
    """Compare at three coverages."""
    from environments import python_of, run

    from modelglass.analysis.conformal import conformity, cut_of

    theirs = run(
        python_of("mapie", "mapie==1.6.0", f"scikit-learn=={version('scikit-learn')}"), "conformal.py", "--peer"
    )
    if "failed" in theirs:
        print(f"MAPIE: {theirs['failed']}")
        return
    X, t, y, line, classes = world()
    print(f"MAPIE {theirs['version']}, scikit-learn {theirs['sklearn']}")
    for coverage in COVERAGES:
        one = theirs[str(coverage)]
        ours = cut_of(conformity(t[MADE], line.predict(X[MADE])), coverage)
        print(f"numbers, {coverage:.0%}: half width MAPIE {one['half']!r}, ours {ours!r}")
        cut = cut_of(conformity(y[MADE], classes.predict_proba(X[MADE])), coverage)
        sets = np.array(one["sets"], dtype=bool)
        mine = 1 - classes.predict_proba(X[NEW]) <= cut
        members = np.bincount(sets.sum(axis=1), minlength=4).tolist()
        print(f"classes, {coverage:.0%}: {(sets != mine).any(axis=1).sum()} of {len(sets)} sets differ; sets of 0 to 3 classes {members}, cut {cut!r}")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="store_true", help="MAPIE's side, in its environment")
    if parser.parse_args().peer:
        peer()
    else:
        main()
