"""Whether a learned effect only rises, only falls, or does both: from the steps of its curve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis.describing import has_order
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.performance import shown
from modelglass.explainers import rows as shared

LITTLE = 0.05
"""Up to this share of all movement the other way is called "but for little"; what is more "rises and falls"."""
ROUNDING = 1e-9
"""Steps below this share of the whole movement are no steps."""
FIELDS = ("feature", "group", "cohort", "expected", "direction", "against", "start", "stop", "move")


def expected_of(ev: Evaluation, names: Iterable[str]) -> dict[str, str]:
    """Give, for each of these columns whose values have an order, how its effect should go: "rising", "falling" or "" (nothing expected).

    Of several classes no direction is expected: what raises one lowers another.
    """
    one = ev.task != "multiclass"
    return {c: ev.columns[c].expected if one else "" for c in names if has_order(ev.columns[c], ev.frame[c])}


def directions(curves: pd.DataFrame, expected: Mapping[str, str]) -> pd.DataFrame:
    """Say of each curve whether it only rises, only falls, or does both.

    Parameters
    ----------
    curves : DataFrame
        feature, value, group, estimate, cohort: the values of each curve in their order.
    expected : mapping of feature to "rising", "falling" or ""
        Features that are missing here have no order, and no row.

    Returns
    -------
    DataFrame
        feature, group, cohort, expected, direction (in words), against (share of all movement, up and down, that goes against what is expected;
        where nothing is, against the direction in which there is more), start, stop (values between which the curve goes furthest
        against it), move (of the curve from start to stop, in the unit of the answer). start and stop are None and move is NaN where nothing
        goes against it; against is NaN where nothing moves.
    """
    out = []
    for (feature, group, cohort), curve in curves.groupby(["feature", "group", "cohort"], sort=False):
        if feature not in expected:
            continue
        judged = direction_of(curve.estimate.to_numpy(dtype=float), expected[feature])
        start, stop = judged.pop("places")
        values = list(curve.value)
        ends = {"start": None if start is None else values[start], "stop": None if stop is None else values[stop]}
        out.append({
            "feature": feature, "group": group, "cohort": cohort, "expected": expected[feature], **judged, **ends
        })  # fmt: skip
    found = pd.DataFrame(out, columns=list(FIELDS))
    return found.astype({"start": object, "stop": object})


def direction_of(curve: np.ndarray, expected: str = "") -> dict[str, Any]:
    """Judge one curve (m,): direction, against, places (of start and stop, or None twice), move.

    >>> direction_of(np.array([0.0, 1.0, 3.0]))["direction"]
    'only rises'
    >>> found = direction_of(np.array([4.0, 1.0, 2.0]))  # down by 3, up by 1
    >>> found["direction"], found["against"], found["places"], found["move"]
    ('rises and falls', 0.25, (1, 2), 1.0)
    """
    steps = np.diff(curve)
    steps = np.where(np.abs(steps) > ROUNDING * np.abs(steps).sum(), steps, 0.0)
    up, down = float(steps[steps > 0].sum()), float(-steps[steps < 0].sum())
    nothing = {"places": (None, None), "move": np.nan}
    if not up + down > 0:
        return {"direction": "stays the same", "against": np.nan, **nothing}
    verb, less = ("rises", down) if up >= down else ("falls", up)
    if less == 0:
        words = f"only {verb}"
    else:
        words = f"{verb}, but for little" if less <= LITTLE * (up + down) else "rises and falls"
    rising = expected == "rising" if expected else up >= down
    against = (down if rising else up) / (up + down)
    if against == 0:
        return {"direction": words, "against": 0.0, **nothing}
    along = np.concatenate([[0.0], np.cumsum(steps)]) * (1 if rising else -1)
    highest = np.maximum.accumulate(along)
    stop = int(np.argmax(highest - along))
    start = int(np.flatnonzero(along[: stop + 1] == highest[stop])[-1])
    move = (along[stop] - along[start]) * (1 if rising else -1)
    return {"direction": words, "against": against, "places": (start, stop), "move": float(move)}


def said(found: pd.DataFrame, feature: Any, group: str) -> str:
    """Say the direction of one curve in brackets; '' where its column has no order.

    >>> curve = pd.DataFrame({"feature": "age", "value": [20, 40, 60], "group": "t", "estimate": [0.0, 3.0, 2.0], "cohort": ""})
    >>> said(directions(curve, {"age": ""}), "age", "t")
    ' (rises and falls: 25 % of its movement is falling, furthest from 40 to 60, by 1.000)'
    >>> said(directions(curve, {"age": "falling"}), "age", "t")
    ' (rises and falls, though expected to fall: it rises furthest from 20 to 40, by 3.000, and 75 % of its movement is rising)'
    """
    rows = found[(found.feature == feature) & (found.group == group)]
    if not len(rows):
        return ""
    one = rows.iloc[0]
    wanted = {"rising": "rise", "falling": "fall", "": ""}[one.expected]
    if one.direction == "stays the same":
        return f" ({one.direction}{', though expected to ' + wanted if wanted else ''})"
    if one.against == 0:
        return f" ({one.direction}{', as expected' if wanted else ''})"
    verb, ing = ("falls", "falling") if one.move < 0 else ("rises", "rising")
    share = "less than 1 %" if one.against < 0.01 else f"{100 * one.against:.0f} %"
    where = f"furthest from {shared.text(one.start)} to {shared.text(one.stop)}, by {shown(abs(one.move))}"
    if wanted and one.direction.startswith("only"):
        return f" ({one.direction}, though expected to {wanted})"
    if wanted:
        mostly = one.direction == f"{wanted}s, but for little"
        how = f"{wanted}s, as expected, but for little" if mostly else f"{one.direction}, though expected to {wanted}"
        return f" ({how}: it {verb} {where}, and {share} of its movement is {ing})"
    return f" ({one.direction}: {share} of its movement is {ing}, {where})"
