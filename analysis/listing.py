"""Listing: the rows of one kind of outcome, sorted and page by page, in the raw columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.errors import InputError, NotApplicable, unknown_name
from modelglass.analysis.estimated import rows_text
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.analysis.worst_rows import label_code, row_losses

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

KINDS: Mapping[str, tuple[str, ...]] = {
    "binary": (
        "all",
        "right",
        "wrong",
        "true positives",
        "false positives",
        "false negatives",
        "true negatives",
    ),
    "multiclass": ("all", "right", "wrong"),
    "regression": ("all", "too high", "too low"),
}
"""Kinds of outcome by task; "too high": the prediction exceeds the outcome."""
OUTCOMES = tuple(dict.fromkeys(kind for kinds in KINDS.values() for kind in kinds))
RANDOM = "random"
_TOLD = {
    "all": "",
    "right": "predicted right",
    "wrong": "predicted wrong",
    "too high": "predicted too high",
    "too low": "predicted too low",
}


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Listing(Result):
    """Some rows of those that match, in the order asked for.

    rows    row (number in the data as read), id (where an id column is given), actual, predicted; in classification score (of the
            positive class in binary, of the predicted class with more; absent without scores), loss (as in ``worst_rows``) and
            outcome (its kind); in regression error (prediction minus outcome) and loss (its size); then the raw columns under their
            own names (a column named like one of these follows as "data: NAME")
    total   rows that match; among: rows looked at; first: place of the first one shown in the order, from 0
    """

    rows: pd.DataFrame
    total: int
    among: int
    first: int
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """Give the rows, in the order asked for."""
        return self.rows

    def sentence(self) -> str:
        """Say how many rows match, and which of them these are."""
        what = _described(self.settings)
        if not self.total:
            return f"None of the {self.among:,} rows looked at is {what}."
        share = f"{self.total:,} of {rows_text(self.among)}" if what else f"{rows_text(self.total)}"
        text = f"{share} {'is' if self.total == 1 else 'are'} {what}" if what else share
        order = self.settings["sort"]
        by = f"in random order (seed {self.settings['seed']})" if order == RANDOM else f"by {order}"
        if order != RANDOM and self.settings["descending"]:
            by += ", largest first"
        shown = f"{self.first + 1:,} to {self.first + len(self.rows):,}"
        return f"{text}; shown {shown}, {by}." if len(self.rows) else f"{text}; nothing is left after {self.first:,}."


def listing(
    ev: Evaluation,
    *,
    kind: str = "all",
    actual: Any = None,
    predicted: Any = None,
    find: str | None = None,
    sort: str = "row",
    descending: bool = False,
    start: int = 0,
    n: int | None = 50,
    seed: int = 0,
) -> Listing:
    """List the rows that match, sorted, from one place on.

    Parameters
    ----------
    ev : Evaluation
    kind : str
        One of ``KINDS[ev.task]``.
    actual, predicted : label, optional
        Only rows of this class, and predicted as this class (classification).
    find : str, optional
        Only the rows with this id or this row number.
    sort : str
        "row", "score", "loss", "error" (regression), "id", "random", or a column of the data under the name it has in the frame.
        Missing values come last whichever way; rows with equal values stand in the order of the data.
    descending : bool
        Largest first; of no meaning for "random".
    start, n : int
        The first one to give, from 0, and how many; ``n=None`` gives all from there.
    seed : int
        For "random": the same seed gives the same order.

    Raises
    ------
    InputError
        A kind, class or column that does not exist, or numbers out of range.
    NotApplicable
        Classes are asked for in a regression.
    """
    if start < 0 or (n is not None and n < 1) or seed < 0:
        raise InputError("Expected start and seed of 0 or more, and one row or more.", f"Got {start}, {seed} and {n}.")
    at = matching(ev, kind=kind, actual=actual, predicted=predicted, find=find)
    stop = len(at) if n is None else min(start + n, len(at))
    if sort == RANDOM:
        shown = at[np.random.default_rng(seed).permutation(len(at))[start:stop]]
    else:
        shown = at[_ordered(_key(ev, sort, at), descending, start, stop)]
    settings = {
        "kind": kind,
        "actual": actual,
        "predicted": predicted,
        "find": find or None,
        "sort": sort,
        "descending": descending,
        "start": start,
        "n": n,
        "seed": seed,
    }
    return Listing(rows=_table(ev, shown), total=len(at), among=ev.n, first=start, source=ev.source, settings=settings)


def matching(
    ev: Evaluation, *, kind: str = "all", actual: Any = None, predicted: Any = None, find: str | None = None
) -> np.ndarray:
    """Give the places (0 to n - 1, ascending) of the rows that match; see ``listing``."""
    if kind not in KINDS[ev.task]:
        raise unknown_name("kind of outcome", str(kind), KINDS[ev.task])
    if ev.task == "regression" and (actual is not None or predicted is not None):
        raise NotApplicable("the target is a number, so there are no classes to choose rows by")
    keep = _of_kind(ev, kind)
    for codes, label in ((ev.y, actual), (ev.predicted, predicted)):
        if label is not None:
            keep &= codes == label_code(ev, label)
    places = np.flatnonzero(keep)
    return places[_named(ev, places, find)] if find and find.strip() else places


def columns_to_sort_by(ev: Evaluation) -> list[str]:
    """Give what ``sort`` takes for this Evaluation, the computed ones first, without "random"."""
    return list(_computed(ev)) + list(_raw_names(ev))


def _of_kind(ev: Evaluation, kind: str) -> np.ndarray:
    if kind == "all":
        return np.ones(ev.n, dtype=bool)
    if kind in ("right", "wrong"):
        return (ev.y == ev.predicted) == (kind == "right")
    if kind in ("too high", "too low"):
        return ev.predicted > ev.y if kind == "too high" else ev.predicted < ev.y
    right, side = kind.split()
    flagged = ev.predicted == ev.positive_index
    return (flagged == (side == "positives")) & ((ev.y == ev.predicted) == (right == "true"))


def _named(ev: Evaluation, places: np.ndarray, find: str) -> np.ndarray:
    """Tell which of these rows have a text as id or row number."""
    text = find.strip()
    number = ev.frame.index.to_numpy()[places]
    hit = number == int(text) if text.isascii() and text.isdigit() and len(text) < 18 else np.zeros(len(places), bool)
    ids = ev.ids
    if not np.array_equal(ids, ev.frame.index.to_numpy()):
        hit |= pd.Series(ids[places]).astype(str).to_numpy() == text
    return hit


# --- sorting ------------------------------------------------------------------------------------------------------


def _computed(ev: Evaluation) -> tuple[str, ...]:
    """Name the columns that come before the raw ones, in order."""
    names = ["row", *(["id"] if not np.array_equal(ev.ids, ev.frame.index.to_numpy()) else []), "actual", "predicted"]
    if ev.task == "regression":
        return (*names, "error", "loss")
    return (*names, *(["score"] if ev.score is not None else []), "loss", "outcome")


def _raw_names(ev: Evaluation) -> dict[str, str]:
    """Give name in the frame -> raw column: those the model reads first, the target not again."""
    computed = _computed(ev)
    order = [*ev.features, *(c for c in ev.columns if c not in ev.features and c != ev.target)]
    return {f"data: {c}" if c in computed else c: c for c in order}


def _key(ev: Evaluation, sort: str, at: np.ndarray) -> pd.Series:
    """Give the values to sort rows by."""
    raw = _raw_names(ev)
    if sort in raw:
        return ev.frame[raw[sort]].iloc[at]
    if sort not in _computed(ev):
        raise unknown_name("column to sort by", sort, [*columns_to_sort_by(ev), RANDOM])
    return pd.Series(_values(ev, sort, at))


def _values(ev: Evaluation, name: str, at: np.ndarray) -> Any:
    """Give a computed column for the rows at these places."""
    if name == "row":
        return ev.frame.index.to_numpy()[at]
    if name == "id":
        return ev.ids[at]
    if name == "loss":
        return row_losses(ev)[1][at]
    if name == "error":
        return ev.predicted[at] - ev.y[at]
    if name == "score":
        score = np.asarray(ev.score)
        return score[at] if ev.task == "binary" else score[at, ev.predicted[at]]
    if name == "outcome":
        return _kinds(ev, at)
    codes = (ev.y if name == "actual" else ev.predicted)[at]
    if ev.task == "regression":
        return codes
    labels = np.empty(len(ev.classes), dtype=object)
    labels[:] = list(ev.classes)
    return labels[codes]


def _kinds(ev: Evaluation, at: np.ndarray) -> np.ndarray:
    right = ev.y[at] == ev.predicted[at]
    if ev.task != "binary":
        return np.where(right, "right", "wrong").astype(object)
    flagged = ev.predicted[at] == ev.positive_index
    names = np.array(["false negative", "true negative", "false positive", "true positive"], dtype=object)
    return names[2 * flagged + right]


def _ordered(values: pd.Series, descending: bool, start: int, stop: int) -> np.ndarray:
    """Give the places of the sorted rows from ``start`` to ``stop``, without sorting what is not asked for.

    Missing values are last in either direction, and equal values stay in their order.
    """
    missing = values.isna().to_numpy()
    known = np.flatnonzero(~missing)
    key = _sortable(values.iloc[known] if missing.any() else values)
    if descending:
        key = ~key if key.dtype.kind in "iub" else -key
    found = known[_smallest(key, min(stop, len(known)))][start:]
    return np.concatenate([found, np.flatnonzero(missing)[max(start - len(known), 0) : max(stop - len(known), 0)]])


def _sortable(values: pd.Series) -> np.ndarray:
    """Give numbers in the order of the values, none of them missing; whole numbers stay whole."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        rank = _ranks(pd.Series(values.cat.categories)) if not values.cat.ordered else None
        codes = values.cat.codes.to_numpy()
        return codes.astype(np.int64) if rank is None else rank[codes]
    if pd.api.types.is_bool_dtype(values.dtype):
        return values.to_numpy(dtype=bool)
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_complex_dtype(values.dtype):
        kind = getattr(values.dtype, "kind", "O")
        return values.to_numpy(dtype={"i": "int64", "u": "uint64"}.get(kind, "float64"))
    if pd.api.types.is_datetime64_any_dtype(values.dtype) or pd.api.types.is_timedelta64_dtype(values.dtype):
        return values.astype("int64").to_numpy()
    try:
        codes, levels = pd.factorize(values)
    except TypeError:  # values without a hash, such as lists
        codes, levels = pd.factorize(values.map(str))
    return _ranks(pd.Series(levels))[codes]


def _ranks(levels: pd.Series) -> np.ndarray:
    """Give the place of each level in their order; levels that cannot be compared are taken by their text."""
    plain = np.asarray(levels, dtype=object)
    try:
        order = sorted(range(len(plain)), key=plain.__getitem__)
    except TypeError:
        order = sorted(range(len(plain)), key=lambda i: str(plain[i]))
    ranks = np.empty(len(plain), dtype=np.int64)
    ranks[order] = np.arange(len(plain))
    return ranks


def _smallest(key: np.ndarray, count: int) -> np.ndarray:
    """Give the places of the ``count`` smallest, ascending, ties by place: partitioned where that is less work than sorting."""
    if count >= len(key) // 8:
        return np.argsort(key, kind="stable")[:count]
    if not count:
        return np.zeros(0, dtype=np.int64)
    last = np.partition(key, count - 1)[count - 1]
    below = np.flatnonzero(key < last)
    chosen = np.concatenate([below, np.flatnonzero(key == last)[: count - len(below)]])
    return chosen[np.argsort(key[chosen], kind="stable")]


def _table(ev: Evaluation, at: np.ndarray) -> pd.DataFrame:
    raw = ev.frame.iloc[at]
    table = {name: _values(ev, name, at) for name in _computed(ev)}
    table |= {name: raw[column].array for name, column in _raw_names(ev).items()}
    return pd.DataFrame(table)


def _described(settings: Mapping[str, Any]) -> str:
    kind = settings["kind"]
    parts = [_TOLD.get(kind, kind)]
    if settings["actual"] is not None:
        parts.append(f"actually {settings['actual']}")
    if settings["predicted"] is not None:
        parts.append(f"predicted as {settings['predicted']}")
    if settings["find"]:
        parts.append(f"named or numbered {settings['find']}")
    return " and ".join(p for p in parts if p)
