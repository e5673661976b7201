"""Where one row stands among others: its prediction and its values beside those of all rows, or of a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api import types

from modelglass.analysis.errors import InputError
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.result import Result
from modelglass.analysis.source import UNNAMED, Source
from modelglass.analysis.wording import part, say

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

RARE = 0.05


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Standing(Result):
    """One row beside others.

    places      first one row for each prediction (of the positive class, of each class, or of the target), then one for each column:
                what ("prediction" or "value"), name, value (text, "missing" where missing), typical (median of numbers, else the most
                frequent value, as text), mean (of numbers; NaN else), lower and same (share of the rows that are lower than this one,
                and that have the same value; lower is NaN where values have no order or this one is missing), rare (share as far out
                or farther on the nearer side, or with the same value), n (rows with a value)
    inside      whether the row is itself one of the rows it stands beside
    Shares are of weights where there are weights.
    """

    places: pd.DataFrame
    row: int
    inside: bool
    scale: str
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give predictions, then columns."""
        return self.places

    @property
    def base(self) -> float:
        """Give the mean prediction of these rows (of the first class, with several)."""
        return float(self.places["mean"].iloc[0])

    def sentence(self) -> str:
        """Say where the prediction stands, and which values are rare."""
        told = self.places[self.places["what"] == "prediction"]
        first = told.loc[told["value_number"].idxmax()] if self.source.task == "multiclass" else told.iloc[0]
        among = "these" if self.inside else "these (it is not one of them)"
        text = (
            f"The {self.scale} of {first['name']} is {say(first['value_number'])} in row {self.row}; the mean is {say(first['mean'])} "
            f"over {rows_text(int(first['n']))}, of {among} {first['lower']:.1%} lie lower."
        )
        rare = self.places[(self.places["what"] == "value") & (self.places["rare"] < RARE)].nsmallest(3, "rare")
        if rare.empty:
            return f"{text} None of its values is rare here."
        named = ", ".join(f"{r['name']} = {r['value']} ({part(r['rare'])})" for r in rare.to_dict("records"))
        return f"{text} Rare here, with the share of rows that have such a value: {named}."


def standing(ev: Evaluation, *, row: int) -> Standing:
    """Place one row of the whole data among the rows of ``ev``; no model is asked.

    Parameters
    ----------
    ev : Evaluation
        All rows, or a cohort; the row need not be in it.
    row : int
        Number of the row in the data as read.

    Raises
    ------
    InputError
        There is no such row.
    """
    whole = ev.whole
    known = whole.frame.index
    if isinstance(row, bool) or not isinstance(row, (int, np.integer)) or row not in known:
        raise InputError(
            f"Expected the number of a row that is evaluated (from {known.min()} to {known.max()}).",
            f"Got {row!r}.",
            "Choose another row.",
        )
    place = int(np.flatnonzero(known == row)[0])
    names, outputs = _outputs(whole)
    columns = [c for c in (whole.features or whole.columns) if c in whole.columns and c != whole.target]
    return measure(
        {name: values[ev.rows] for name, values in zip(names, outputs, strict=True)},
        {name: float(values[place]) for name, values in zip(names, outputs, strict=True)},
        ev.frame[columns],
        whole.frame[columns].iloc[place],
        ev.weight,
        row=int(row),
        inside=bool(row in ev.frame.index),
        scale=_scale(ev),
        source=ev.source,
    )


def _outputs(ev: Evaluation) -> tuple[list[str], list[np.ndarray]]:
    if ev.task == "regression":
        return [ev.target], [np.asarray(ev.predicted, dtype=float)]
    if ev.score is None:
        return [str(c) for c in ev.classes], [(ev.predicted == i).astype(float) for i in range(len(ev.classes))]
    if ev.score.ndim == 1:
        return [str(ev.positive)], [ev.score]
    return [str(c) for c in ev.classes], list(ev.score.T)


def _scale(ev: Evaluation) -> str:
    if ev.task == "regression":
        return "prediction"
    return "decision" if ev.score is None else "probability" if ev.score_kind == "probability" else "score"


def measure(
    outputs: Mapping[str, np.ndarray],
    mine: Mapping[str, float],
    frame: pd.DataFrame,
    values: pd.Series,
    weight: np.ndarray | None = None,
    *,
    row: int = 0,
    inside: bool = True,
    scale: str = "prediction",
    source: Source = UNNAMED,
) -> Standing:
    """Give the same from predictions (n,) by name, those of the row, columns of shape (n, m), and the row's values.

    >>> made = measure({"y": np.array([1.0, 2.0, 3.0, 4.0])}, {"y": 3.0}, pd.DataFrame(index=range(4)), pd.Series(dtype=object))
    >>> float(made.places["lower"][0]), made.base
    (0.5, 2.5)
    """
    weight = np.ones(len(frame)) if weight is None else np.asarray(weight, dtype=float)
    rows = [
        _place("prediction", name, pd.Series(np.asarray(column, dtype=float)), mine[name], weight)
        for name, column in outputs.items()
    ]
    rows += [
        _place("value", str(name), frame[name].reset_index(drop=True), values[name], weight) for name in frame.columns
    ]
    return Standing(
        places=pd.DataFrame(rows), row=row, inside=inside, scale=scale, source=source, settings={"row": row}
    )


def _place(what: str, name: str, column: pd.Series, value: Any, weight: np.ndarray) -> dict[str, Any]:
    known = column.notna().to_numpy()
    total = weight.sum()
    made: dict[str, Any] = {
        "what": what,
        "name": name,
        "value": _text(value),
        "value_number": np.nan,
        "typical": "",
        "mean": np.nan,
    }
    made |= {"lower": np.nan, "same": 0.0, "rare": np.nan, "n": int(known.sum())}
    ordered = types.is_numeric_dtype(column.dtype) and not types.is_bool_dtype(column.dtype)
    if pd.isna(value):
        made["same"] = float(weight[~known].sum() / total)
        made["rare"] = made["same"]
    elif ordered:
        numbers, number, kept = column[known].to_numpy(dtype=float), float(value), weight[known]
        share = kept.sum()
        made |= {"value_number": number, "mean": float(kept @ numbers / share) if share else np.nan}
        lower = float(kept[numbers < number].sum() / share) if share else np.nan
        same = float(kept[numbers == number].sum() / total)
        made |= {"lower": lower, "same": same, "rare": min(lower + same, 1 - lower) if share else np.nan}
    else:
        made["same"] = float(weight[(column == value).fillna(False).to_numpy(dtype=bool)].sum() / total)
        made["rare"] = made["same"]
    if known.any():
        seen = column[known]
        made["typical"] = _text(seen.median() if ordered else seen.value_counts().index[0])
    return made


def _text(value: Any) -> str:
    if value is None or pd.isna(value):
        return "missing"
    return say(float(value)) if isinstance(value, (float, np.floating)) else str(value)
