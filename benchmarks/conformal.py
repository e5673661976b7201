"""Split-conformal intervals and sets beside MAPIE, on the same model and calibration rows: ``python benchmarks/conformal.py``.

Needs MAPIE (``pip install mapie``, 1.4 or newer). Prints half widths of intervals, and how many sets differ.
"""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LinearRegression, LogisticRegression

from modelglass.analysis.conformal import conformity, cut_of

FIT, MADE, NEW = slice(0, 500), slice(500, 1000), slice(1000, 1500)


def main() -> None:
    """Compare at three coverages."""
    from mapie.classification import SplitConformalClassifier
    from mapie.regression import SplitConformalRegressor

    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 3))
    t = X @ [1, 2, 0] + rng.normal(size=1500)
    y = np.digitize(X[:, 0] + rng.normal(size=1500), [-0.5, 0.7])
    line, classes = LinearRegression().fit(X[FIT], t[FIT]), LogisticRegression().fit(X[FIT], y[FIT])
    for coverage in (0.8, 0.9, 0.95):
        theirs = SplitConformalRegressor(line, confidence_level=coverage, prefit=True).conformalize(X[MADE], t[MADE])
        ends = theirs.predict_interval(X[NEW])[1][:, :, 0]
        ours = cut_of(conformity(t[MADE], line.predict(X[MADE])), coverage)
        print(f"numbers, {coverage:.0%}: half width MAPIE {np.diff(ends).mean() / 2:.6f}, ours {ours:.6f}")
        named = SplitConformalClassifier(classes, confidence_level=coverage, prefit=True, conformity_score="lac")
        sets = named.conformalize(X[MADE], y[MADE]).predict_set(X[NEW])[1][:, :, 0]
        cut = cut_of(conformity(y[MADE], classes.predict_proba(X[MADE])), coverage)
        differ = (sets != (1 - classes.predict_proba(X[NEW]) <= cut)).any(axis=1).sum()
        print(f"classes, {coverage:.0%}: {differ} of {len(sets)} sets differ")


if __name__ == "__main__":
    main()
