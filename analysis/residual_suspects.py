"""Values far from their prediction by the spread that residuals of such rows have: suspicion, not proof."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelglass.analysis.blas import one_openmp_thread
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.estimated import agree, rows_text
from modelglass.analysis.progress import Progress, tell

Floats = NDArray[Any]
FEWEST = 100
WINDOW = 0.05
"""Share of the rows, by prediction, that the middle of the residuals is taken of; at least 50 of them."""
NORMAL = 1.4826
"""Standard deviation of normal values over their median distance from the middle."""
MOST_FITTED = 30_000


def standardised(
    residual: Floats,
    predicted: Floats,
    codes: np.ndarray | None,
    fold: np.ndarray,
    progress: Progress | None = None,
) -> Floats:
    """Give residuals less their local middle, over their local spread, (n,); rows stand in the order of their content.

    The middle is the median of the rows nearest by prediction. The spread is what a cross-fitted model expects of the size of
    residuals, on a log scale, from prediction and columns, times a constant that makes it the standard deviation if residuals are normal:
    a few wild values move neither much.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    n = len(residual)
    if n < FEWEST:
        raise NotApplicable(
            f"{rows_text(n)} {agree(n, 'is', 'are')} too few to tell the spread of residuals; at least {FEWEST} are needed"
        )
    off = residual - _local_median(residual, predicted)
    middle = float(np.median(np.abs(off)))
    if not middle > 0:
        raise NotApplicable("half of the predictions are exact, so there is no spread of residuals to compare with")
    size = np.log(np.maximum(np.abs(off), 1e-3 * middle))
    features = predicted[:, None] if codes is None else np.column_stack([predicted, codes])
    expected, rng = np.empty(n), np.random.default_rng(20_051)
    for k in np.unique(fold):
        tell(progress, float(k) / max(int(fold.max()) + 1, 1), "asking how far such rows are off")
        mine, rest = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
        if len(rest) > MOST_FITTED:
            rest = np.sort(rng.choice(rest, MOST_FITTED, replace=False))
        model = HistGradientBoostingRegressor(
            loss="absolute_error",
            max_iter=60,
            learning_rate=0.1,
            max_depth=3,
            min_samples_leaf=30,
            early_stopping=False,
            random_state=0,
        )
        with one_openmp_thread():
            expected[mine] = model.fit(features[rest], size[rest]).predict(features[mine])
    relative = off / np.exp(expected)
    return relative / (NORMAL * float(np.median(np.abs(relative))))


def _local_median(residual: Floats, predicted: Floats) -> Floats:
    """Median of the residuals of the rows nearest by prediction, (n,): at 100 places, straight lines between."""
    n = len(residual)
    order = np.lexsort((residual, predicted))
    width = min(max(int(WINDOW * n), 50), n)
    starts = np.unique(np.linspace(0, n - width, min(100, n - width + 1)).astype(int))
    medians = [float(np.median(residual[order[s : s + width]])) for s in starts]
    out = np.empty(n)
    out[order] = np.interp(np.arange(n), starts + width / 2, medians)
    return out
