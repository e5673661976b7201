"""Does the model give a row the same answer, however it is handed over: rows in another order, one by one, other types, levels in another order?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.progress import Progress, tell
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.analysis.wording import say

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

ROWS, ALONE = 1_000, 50
SAME = 1e-6
"""Of the largest answer: what adding up in another order may change."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class SameAnswers(Result):
    """The largest change of an answer where the same rows are handed over in another way.

    ways    way, columns (concerned; "" all), largest (largest absolute change of a score or prediction), changed (share of decisions that
            change; NaN in regression), n (rows), same (whether all answers are the same within a millionth), note (what the model raised)
    """

    ways: pd.DataFrame
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give one row for each way."""
        return self.ways

    def sentence(self) -> str:
        """Say which ways change answers."""
        wrong, refused = self.ways[~self.ways["same"] & (self.ways.note == "")], self.ways[self.ways.note != ""]
        n = rows_text(self.settings["rows"])
        text = f"Of {len(self.ways)} ways to hand over the same {n}, {self.ways['same'].sum()} give the same answers."
        if len(wrong):
            worst = wrong.loc[wrong.largest.idxmax()]
            decided = "" if np.isnan(worst.changed) else f", and {worst.changed:.1%} of decisions change"
            text += f" Handed over as {worst.way}, an answer changes by up to {say(worst.largest)}{decided}."
        if len(refused):
            first = refused.iloc[0]
            text += f" The model refuses {first.way}: {first.note}."
        return text


def same_answers(
    ev: Evaluation, *, rows: int | None = ROWS, seed: int | None = None, progress: Progress | None = None
) -> SameAnswers:
    """Hand the same rows over in other ways, and compare the answers.

    Rows: in another order, one by one (50 of them), each twice, columns in another order. Types: whole numbers as decimal ones, decimal
    numbers rounded to float32, numbers and texts of pandas' types with missing values, texts as categories and categories as texts, categories
    with their levels in the opposite order, booleans as 0 and 1. Values stay the same but for the rounding to float32.

    Raises
    ------
    NotApplicable
        Without a model.
    """
    if ev.model is None:
        raise NotApplicable(
            "there is no model here, only predictions, and the model is asked again about the same rows"
        )
    seed = ev.seed_or(seed)
    chosen = ev.sample(rows)
    frame = chosen.inputs()
    ways, records = _ways(frame, np.random.default_rng((seed, 20_023))), []
    own = _asked(chosen, frame)
    for i, (way, columns, change) in enumerate(ways):
        tell(progress, i / len(ways), way)
        records.append((way, ", ".join(columns), *_compared(chosen, own, *change(frame))))
    tell(progress, 1.0, "done")
    table = pd.DataFrame(records, columns=["way", "columns", "largest", "changed", "n", "same", "note"])
    return SameAnswers(ways=table, source=chosen.source, settings={"rows": chosen.n, "seed": seed})


Change = Callable[[pd.DataFrame], tuple[list[pd.DataFrame], np.ndarray]]
"""From rows to the frames that are handed over one after another, and the place among the rows that each of theirs has."""


def _ways(frame: pd.DataFrame, rng: np.random.Generator) -> list[tuple[str, list[str], Change]]:
    n = len(frame)
    order = rng.permutation(n)
    few = np.sort(rng.permutation(n)[:ALONE])
    ways: list[tuple[str, list[str], Change]] = [
        ("rows in another order", [], lambda f: ([f.iloc[order]], order)),
        ("one row at a time", [], lambda f: ([f.iloc[[i]] for i in few], few)),
        ("every row twice", [], lambda f: ([f.iloc[np.repeat(np.arange(n), 2)]], np.repeat(np.arange(n), 2))),
        ("columns in another order", [], lambda f: ([f[list(f.columns)[::-1]]], np.arange(n))),
    ]
    for way, fits, make in TYPES:
        names = [str(c) for c in frame.columns if fits(frame[c])]
        if names:
            ways.append((way, names, _typed(names, make)))
    return ways


def _typed(names: list[str], make: Callable[[pd.Series], pd.Series]) -> Change:
    return lambda f: ([f.assign(**{n: make(f[n]) for n in names})], np.arange(len(f)))


def _plain(kinds: str) -> Callable[[pd.Series], bool]:
    return lambda c: isinstance(c.dtype, np.dtype) and c.dtype.kind in kinds


def _text(column: pd.Series) -> bool:
    known = column.dropna()
    return (
        not isinstance(column.dtype, pd.CategoricalDtype)
        and len(known) > 0
        and all(isinstance(v, str) for v in known.unique()[:100])
    )


def _categories(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype)


def _reversed(column: pd.Series) -> pd.Series:
    levels = list(column.dtype.categories)[::-1]
    return column.astype(object).astype(pd.CategoricalDtype(levels, ordered=column.dtype.ordered))


TYPES: tuple[tuple[str, Callable[[pd.Series], bool], Callable[[pd.Series], pd.Series]], ...] = (
    ("whole numbers as decimal ones", _plain("iu"), lambda c: c.astype("float64")),
    ("decimal numbers rounded to float32", lambda c: c.dtype == np.float64, lambda c: c.astype("float32")),
    (
        "numbers of pandas' types with missing values",
        _plain("iuf"),
        lambda c: c.astype("Float64" if c.dtype.kind == "f" else "Int64"),
    ),
    ("booleans as 0 and 1", _plain("b"), lambda c: c.astype("int64")),
    ("texts as categories", _text, lambda c: c.astype("category")),
    ("categories as texts", _categories, lambda c: c.astype(object)),
    ("categories with their levels in the opposite order", _categories, _reversed),
)


def _asked(ev: Evaluation, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    decided, score = ev.answer(frame)
    return decided, np.asarray(decided if score is None else score, dtype=float).reshape(len(frame), -1)


def _compared(
    ev: Evaluation, own: tuple[np.ndarray, np.ndarray], frames: list[pd.DataFrame], places: np.ndarray
) -> tuple[float, float, int, bool, str]:
    try:
        got = [_asked(ev, f) for f in frames]
    except InputError as error:
        cause: BaseException = error.__cause__ or error
        return np.nan, np.nan, len(places), False, f"{type(cause).__name__}: {' '.join(str(cause).split())[:160]}"
    decided, values = np.concatenate([g[0] for g in got]), np.concatenate([g[1] for g in got])
    off = np.abs(values - own[1][places])
    largest = float(off.max()) if off.size else 0.0
    changed = np.nan if ev.task == "regression" else float((decided != own[0][places]).mean())
    scale = max(float(np.abs(own[1]).max()), 1e-300)
    return largest, changed, len(places), bool(largest <= SAME * scale and not changed > 0), ""
