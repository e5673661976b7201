"""What the data checks look at: rows and columns as numbers, levels, times and hashes, each made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from modelglass.analysis.coding import Coding, code_column
from modelglass.analysis.columns import OTHER, Column, as_datetime, infer_columns, is_number, plain
from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.finding import SEVERITIES, Finding, Severity
from modelglass.analysis.row_hashes import Hashes, column_hashes

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

NAME = "data_checks"
OUTCOME = "(the outcome)"
"""Name under which outcomes are hashed."""
MOST_SLICE_LEVELS = 31
"""Whole numbers of at most so many values (months, hours, grades) are also taken as slices."""


@dataclass(frozen=True, eq=False, kw_only=True)
class CheckedData:
    """The rows that are checked, and what stands beside them.

    frame       all columns, shape (n, m); columns: what is known of each, by name
    target      name of the outcome column ("" where it is no column of the frame)
    task        "binary", "multiclass" or "regression"; y: codes into ``classes`` or values, (n,)
    reads       columns that the model reads; None where that is not known (predictions only)
    roles       columns that are no inputs: weights, clusters, names of rows, times
    times       names of columns that hold times, the time column first
    weight, cluster, predicted, score    as of the Evaluation; None where there are none
    train       training rows with an outcome; train_y, train_weight theirs; None where not given
    unlabelled  rows left out because they have no outcome; None where there are none
    whole       False for a cohort: what is constant there may be so because of the condition
    """

    frame: pd.DataFrame
    columns: Mapping[str, Column]
    target: str
    task: str
    y: np.ndarray
    classes: tuple[Any, ...] = ()
    positive_index: int | None = None
    reads: tuple[str, ...] | None = None
    roles: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    cluster_name: str | None = None
    id_name: str | None = None
    weight: np.ndarray | None = None
    cluster: np.ndarray | None = None
    predicted: np.ndarray | None = None
    score: np.ndarray | None = None
    probability: bool = False
    train: pd.DataFrame | None = None
    train_y: np.ndarray | None = None
    train_weight: np.ndarray | None = None
    unlabelled: pd.DataFrame | None = None
    whole: bool = True
    rows: int = 20_000
    _kept: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    def keep(self, key: Any, make: Callable[[], Any]) -> Any:
        """Give what was made under this key, making it the first time."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.frame)

    @property
    def inputs(self) -> list[str]:
        """Columns that are checked: all but the target, those with a role, and nested ones."""
        return [c for c, about in self.columns.items() if c not in (self.target, *self.roles) and about.kind != OTHER]

    @property
    def features(self) -> list[str]:
        """Columns that the model reads; all inputs where that is not known."""
        return self.inputs if self.reads is None else [c for c in self.reads if c in self.columns]

    def of_kind(self, *kinds: str, target: bool = False) -> list[str]:
        """Give the inputs of some kinds; with ``target`` a numeric target too."""
        names = [c for c in self.inputs if self.columns[c].kind in kinds]
        if target and self.task == "regression" and self.target in self.columns and "numeric" in kinds:
            names.append(self.target)
        return names

    def numbers(self, name: str) -> np.ndarray:
        """Give a numeric column as float64 (n,), NaN where missing."""
        return self.keep(("numbers", name), lambda: as_numbers(self.frame[name]))

    def seconds(self, name: str) -> np.ndarray:
        """Give a column of times as float64 seconds since 1970, (n,), NaN where missing; a numeric one as it is."""
        if self.columns[name].kind != "datetime":
            return self.numbers(name)
        return self.keep(("seconds", name), lambda: as_seconds(as_datetime(self.frame[name])))

    def hashes(self, name: str) -> Hashes:
        """Give a hash of each value, (n,)."""
        return self.keep(("hashes", name), lambda: column_hashes(self.frame[name], name))

    def training(self) -> pd.DataFrame:
        """Give the training rows; NotApplicable where none were given."""
        if self.train is None:
            raise NotApplicable("no training data were given")
        return self.train

    def train_hashes(self, name: str) -> Hashes:
        """Give a hash of each value in the training data."""
        column = self.training()[name]
        return self.keep(("train hashes", name), lambda: column_hashes(column, name))

    def outcome_hashes(self) -> Hashes:
        """Give a hash of each outcome, (n,)."""
        return self.keep("outcome hashes", lambda: column_hashes(pd.Series(self.y), OUTCOME))

    def levels(self, name: str, bins: int = 12) -> Coding:
        """Give the level of each row in a column, numbers binned; NotApplicable for texts and ids."""
        return self.keep(
            ("levels", name, bins),
            lambda: code_column(self.frame[name], self.columns[name], bins=bins, max_levels=max(bins, 30)),
        )

    def slicers(self) -> list[str]:
        """Name inputs whose levels are slices: categories, truth values and whole numbers of few values."""
        names = [c for c in self.of_kind("categorical", "boolean") if 2 <= self.columns[c].unique <= 50]
        return names + [c for c in self.of_kind("numeric") if 2 <= _few(self.numbers(c)) <= MOST_SLICE_LEVELS]

    def read(self, names: Sequence[str]) -> bool:
        """Tell whether the model reads one of these columns, as far as is known; the target counts as read."""
        return self.reads is None or any(c in self.reads or c == self.target for c in names)

    @property
    def positive(self) -> int:
        """Code of the positive of two classes; the last where none was named."""
        return 1 if self.positive_index is None else self.positive_index

    def weights(self) -> np.ndarray:
        """Give the weight of each row, (n,); ones where there are none."""
        return np.ones(self.n) if self.weight is None else self.weight

    def outcome_indicators(self) -> np.ndarray:
        """Give the outcome as numbers, (k, n): one row for values, one 0/1 row of the positive class, or one a class."""
        if self.task == "regression":
            return np.asarray(self.y, float)[None]
        if self.task == "binary":
            return (self.y == self.positive).astype(float)[None]
        return np.stack([(self.y == k).astype(float) for k in range(len(self.classes))])

    def part(self, rows: int) -> CheckedData:
        """Give at most so many rows, drawn by their content, so that the order of rows does not matter."""
        if self.n <= rows:
            return self
        return self.cut(np.sort(np.argsort(self.contents(), kind="stable")[:rows]))

    def contents(self) -> Hashes:
        """Give a hash of all inputs and the outcome of each row, (n,)."""

        def make() -> Hashes:
            total = self.outcome_hashes().copy()
            for name in self.inputs:
                total += self.hashes(name)
            return total

        return self.keep("contents", make)

    @property
    def distinct(self) -> int:
        """Number of different rows: a row that stands twice counts once, as one of weight 2 does."""
        return self.keep("distinct", lambda: len(np.unique(self.contents())))

    def cut(self, places: np.ndarray) -> CheckedData:
        """Give some of the rows, by their places."""

        def of(values: np.ndarray | None) -> np.ndarray | None:
            return None if values is None else values[places]

        return replace(
            self,
            frame=self.frame.iloc[places],
            y=self.y[places],
            weight=of(self.weight),
            cluster=of(self.cluster),
            predicted=of(self.predicted),
            score=of(self.score),
        )

    def places_of(self, part: CheckedData, places: np.ndarray) -> np.ndarray:
        """Give the places here, sorted, of rows of a part (or all) of this by their places there."""
        if part is self:
            return np.sort(places)
        return np.flatnonzero(np.isin(self.frame.index, part.frame.index[places]))


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Hit:
    """One thing that a check found, and the places of the rows concerned (None: columns rather than rows)."""

    finding: Finding
    places: np.ndarray | None = None


def hit(
    data: CheckedData,
    kind: str,
    severity: Severity,
    sentence: str,
    *,
    advice: str,
    columns: Sequence[str] = (),
    n: int | None = None,
    places: np.ndarray | None = None,
    **more: Any,
) -> Hit:
    """Make a finding of this analysis; where the model does not read its columns it weighs one step less."""
    if columns and not data.read(columns):
        severity = SEVERITIES[min(SEVERITIES.index(severity) + 1, len(SEVERITIES) - 1)]
    if "harm" not in more and places is not None and data.n:
        more["harm"] = len(places) / data.n
    made = Finding(
        kind=kind,
        severity=severity,
        sentence=sentence,
        n=data.n if n is None else int(n),
        evidence=NAME,
        advice=advice,
        features=tuple(columns),
        **more,
    )
    return Hit(finding=made, places=places)


def of_evaluation(ev: Evaluation, rows: int = 20_000) -> CheckedData:
    """Take from an Evaluation what the checks look at; the model is not asked."""
    data, beside = ev._all, ev._shared.beside
    train = beside.train
    roles = [name for name in (data.weight_name, data.cluster_name, data.id, data.time_name) if name]
    roles = [name for name in roles if name not in ev.features]
    kinds = {name: about.kind for name, about in ev.columns.items()}
    clocks = [data.time_name] if data.time_name else []
    clocks += [name for name, kind in kinds.items() if kind == "datetime" and name != data.time_name]
    return CheckedData(
        frame=ev.frame,
        columns=ev.columns,
        target=ev.target,
        task=ev.task,
        y=ev.y,
        classes=ev.classes,
        positive_index=ev.positive_index,
        reads=ev.features if ev.model is not None else None,
        roles=tuple(roles),
        times=tuple(c for c in clocks if c in kinds and kinds[c] == "datetime"),
        cluster_name=data.cluster_name,
        id_name=data.id,
        weight=ev.weight,
        cluster=ev.cluster,
        predicted=ev.predicted,
        score=ev.score,
        probability=ev.score_kind == "probability",
        train=None if train is None else train.rows,
        train_y=None if train is None or train.target is None else train.target.y,
        train_weight=None if train is None else train.roles.get("weight"),
        unlabelled=data.unlabelled if ev.condition is None and ev.n == len(data.y) else None,
        whole=ev.n == len(data.y),
        rows=rows,
    )


def of_frame(frame: pd.DataFrame, target: str, *, train: pd.DataFrame | None = None, **more: Any) -> CheckedData:
    """The same from a frame with its target, without a model: values where the target is numeric with many values, else classes."""
    labelled = frame[target].notna().to_numpy()
    kept = frame[labelled]
    values = kept[target]
    numeric = is_number(plain(values)) and values.nunique() > 20
    classes = () if numeric else tuple(sorted(values.unique(), key=str))

    def coded(outcome: pd.Series) -> np.ndarray:
        return as_numbers(outcome) if numeric else pd.Index(classes).get_indexer(outcome)

    columns = infer_columns(kept)
    return CheckedData(
        frame=kept,
        columns=columns,
        target=target,
        task="regression" if numeric else "binary" if len(classes) == 2 else "multiclass",
        y=coded(values),
        classes=classes,
        positive_index=1 if len(classes) == 2 else None,
        times=tuple(c for c, about in columns.items() if about.kind == "datetime"),
        train=train,
        train_y=None if train is None or target not in train else coded(train[target]),
        unlabelled=None if labelled.all() else frame[~labelled],
        **more,
    )


def as_numbers(series: pd.Series) -> np.ndarray:
    """Give a column of numbers as float64, NaN where missing; NotApplicable for others."""
    values = plain(series)
    if values is None or not is_number(values):
        raise NotApplicable(f"the column {series.name!r} holds no numbers")
    return values.to_numpy(dtype="float64", na_value=np.nan)


def as_seconds(times: pd.Series) -> np.ndarray:
    """Give times as float64 seconds since 1970, NaN where missing."""
    stamps = times.to_numpy().astype("datetime64[us]")
    return np.where(np.isnat(stamps), np.nan, stamps.astype(np.int64) / 1e6)


def _few(numbers: np.ndarray) -> int:
    """Count different whole numbers where they are few; a large number where they are many or no whole ones."""
    known = numbers[np.isfinite(numbers)]
    head = np.unique(known[:2_000])
    if len(head) > MOST_SLICE_LEVELS or (head != np.floor(head)).any():
        return 10**9
    found = np.unique(known)
    return len(found) if len(found) <= MOST_SLICE_LEVELS and (found == np.floor(found)).all() else 10**9
