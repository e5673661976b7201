"""What an Evaluation holds: model and data as they were checked, the arrays of its rows, and where its numbers come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from modelglass.analysis import fingerprints
from modelglass.analysis.coding import Coding
from modelglass.analysis.columns import Column
from modelglass.analysis.describing import said_of
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.feeding import Feed
from modelglass.analysis.kept import Kept
from modelglass.analysis.models.base import Model
from modelglass.analysis.preparing import Prepared
from modelglass.analysis.selfcheck import Note
from modelglass.analysis.shared import Shared
from modelglass.analysis.source import Source

LAST_SEED = 2**32 - 1
"""Numpy's older generators, which other libraries draw from, take no larger one."""


def checked_seed(seed: Any) -> int:
    """Check a seed: a whole number from 0 to ``LAST_SEED``; else InputError."""
    whole = isinstance(seed, (int, np.integer)) and not isinstance(seed, bool)
    if not whole or not 0 <= seed <= LAST_SEED:
        raise InputError(
            f"Expected a whole number from 0 to {LAST_SEED} as the seed.", f"Got {seed!r}.", "Choose e.g. 0."
        )
    return int(seed)


class Held:
    """Rows of checked data with what the model says of them; the part of ``Evaluation`` that only gives what is there."""

    def _become(
        self,
        shared: Shared,
        *,
        threshold: float | None,
        seed: int,
        rows: np.ndarray | None = None,
        condition: str | None = None,
        sample: int | None = None,
        kept: Kept | None = None,
        noted: tuple[Note, ...] = (),
        steps: tuple[tuple[Any, ...], ...] | None = None,
    ) -> None:
        self._shared, self._all, self.seed = shared, shared.data, checked_seed(seed)
        self.threshold = _checked_threshold(shared.data, threshold)
        self.condition, self._sample = condition, sample
        self._rows, self._noted = rows, noted
        # how the rows came about from the whole, to be gone again where they depend on the threshold; None: they are as they are
        self._steps = () if rows is None else steps
        # keep(key, make): what follows from these rows and their scores, at whatever threshold
        self.keep = kept or (shared.kept if rows is None else Kept())

    def seed_or(self, seed: int | None) -> int:
        """Give the seed asked for, checked, or where none was that of this Evaluation."""
        return self.seed if seed is None else checked_seed(seed)

    def __getstate__(self) -> dict[str, Any]:
        """Give what makes these rows of the shared data; the arrays that follow are made again."""
        return {
            "shared": self._shared,
            "threshold": self.threshold,
            "seed": self.seed,
            "rows": self._rows,
            "condition": self.condition,
            "sample": self._sample,
            "noted": self._noted,
            "steps": self._steps,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._become(**state)

    @property
    def threshold_moved(self) -> bool:
        """Whether the operating threshold is another than the one this was opened with."""
        return self.threshold != self._shared.threshold

    # what it is about ------------------------------------------------------------------------------------------

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self._all.y) if self._rows is None else len(self._rows)

    @property
    def task(self) -> str:
        """``"binary"``, ``"multiclass"`` or ``"regression"``."""
        return self._all.target.task

    @property
    def target(self) -> str:
        """Name of the target column."""
        return self._all.target_name

    @property
    def classes(self) -> tuple[Any, ...]:
        """Labels in the order of codes and score columns; empty in regression."""
        return self._all.target.classes

    @property
    def positive_index(self) -> int | None:
        """Place of the positive class in ``classes`` (binary)."""
        return self._all.target.positive_index

    @property
    def positive(self) -> Any:
        """Label of the positive class (binary)."""
        return None if self.positive_index is None else self.classes[self.positive_index]

    @property
    def features(self) -> tuple[str, ...]:
        """Raw columns that the model reads, in its order; () without a model."""
        return self._all.feed.features if self._all.feed else ()

    @property
    def feed(self) -> Feed | None:
        """How the model is fed; None without a model."""
        return self._all.feed

    @property
    def columns(self) -> Mapping[str, Column]:
        """What is known of each column that is not ignored, by name."""
        return self._all.columns

    @property
    def notes(self) -> tuple[Note, ...]:
        """What a person should know of model and data, found while loading."""
        return (*self._noted, *self._shared.notes)

    @property
    def model(self) -> Model | None:
        """The model; None in predictions-only use."""
        return self._all.model

    @property
    def estimator(self) -> Any:
        """The library's own object; None in predictions-only use."""
        return self._all.model.estimator if self._all.model else None

    @property
    def train(self) -> pd.DataFrame | None:
        """The training data where given."""
        return self._shared.beside.train.frame if self._shared.beside.train else None

    @property
    def reference(self) -> pd.DataFrame | None:
        """The earlier period where given."""
        return self._shared.beside.reference.frame if self._shared.beside.reference else None

    @property
    def baseline(self) -> Model | None:
        """The other model where given."""
        return self._shared.beside.baseline.model if self._shared.beside.baseline else None

    @property
    def score_kind(self) -> str | None:
        """``"probability"``, ``"decision"`` or None."""
        return self._all.score_kind

    # the rows --------------------------------------------------------------------------------------------------

    def _take(self, whole: np.ndarray) -> np.ndarray:
        return whole if self._rows is None else whole[self._rows]

    @cached_property
    def rows(self) -> np.ndarray:
        """Positions in the whole data, shape (n,)."""
        return np.arange(len(self._all.y)) if self._rows is None else self._rows

    @cached_property
    def frame(self) -> pd.DataFrame:
        """All columns of these rows; the index is the row number in the data as read."""
        return self._all.frame if self._rows is None else self._all.frame.iloc[self._rows]

    @cached_property
    def y(self) -> np.ndarray:
        """Outcomes: codes into ``classes`` (int64) or values (float64), shape (n,)."""
        return self._take(self._all.y)

    @cached_property
    def score(self) -> np.ndarray | None:
        """Binary: score of the positive class, shape (n,). Multi-class: shape (n, k). None where there is none."""
        return None if self._all.score is None else self._take(self._all.score)

    @cached_property
    def predicted(self) -> np.ndarray:
        """Predicted codes at the operating threshold, or values, shape (n,)."""
        if self.threshold is None:
            return self._take(self._all.predicted)
        return self._decided(np.asarray(self.score))

    def _decided(self, score: np.ndarray) -> np.ndarray:
        index = self.positive_index or 0
        return np.where(score >= self.threshold, index, 1 - index)

    @cached_property
    def quantiles(self) -> Mapping[float, np.ndarray]:
        """Promised quantiles of the outcome by share, rising, each of shape (n,); empty where none were given."""
        return {share: self._take(values) for share, values in self._all.quantiles.items()}

    @property
    def aim(self) -> float | None:
        """Share of outcomes that a prediction is to lie at or above, of a model of a quantile; None of any other."""
        return self._all.aim

    @cached_property
    def weight(self) -> np.ndarray | None:
        """Sample weights, float64, shape (n,); None where not given."""
        return None if self._all.weight is None else self._take(self._all.weight)

    @cached_property
    def cluster(self) -> np.ndarray | None:
        """Cluster codes, shape (n,); None where not given."""
        return None if self._all.cluster is None else self._take(self._all.cluster)

    @cached_property
    def time(self) -> pd.Series | None:
        """Times of the rows; None where not given."""
        return None if self._all.time is None else self._all.time.iloc[self.rows]

    @cached_property
    def ids(self) -> np.ndarray:
        """Names of the rows: the id column where given, else the row numbers."""
        return self.frame[self._all.id].to_numpy() if self._all.id else self.frame.index.to_numpy()

    def binary(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Give (outcome 0/1, score of the positive class, weight), each of shape (n,); NotApplicable where there are none."""
        if self.task != "binary":
            raise NotApplicable(f"this needs two classes, and this is {self.task}")
        if self.score is None:
            raise NotApplicable("the model gives no scores, only labels")
        return (self.y == self.positive_index).astype(np.int64), self.score, self.weight

    def outcome_and_probability(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Give (outcome 0/1, probability of the positive class, weight); NotApplicable without probabilities."""
        y, score, weight = self.binary()
        if self.score_kind != "probability":
            raise NotApplicable("the model gives no probabilities, only scores")
        return y, score, weight

    def coding(self, column: str, bins: int = 5) -> Coding:
        """Give the level of each row in a column; numeric ones binned by quantile of the whole data."""
        whole = self._shared.coding(column, bins)
        return whole if self._rows is None else replace(whole, codes=whole.codes[self._rows], distinct=None)

    def make_codings(self, columns: Iterable[str], bins: int = 5) -> None:
        """Make the codings of several columns ready, on several cores where the rows are many."""
        self._shared.make_codings(columns, bins)

    # origin ----------------------------------------------------------------------------------------------------

    @cached_property
    def source(self) -> Source:
        """Where the numbers of this Evaluation come from."""
        data = self._all
        return Source(
            model=data.model.name if data.model else "",
            model_kind=data.model.kind if data.model else "predictions only",
            data=data.name,
            task=self.task,
            target=self.target,
            positive=None if self.positive is None else str(self.positive),
            threshold=self.threshold,
            condition=self.condition,
            rows=self.n,
            rows_all=len(data.y),
            sample=self._sample,
            seed=self.seed,
            weight=data.weight_name,
            cluster=data.cluster_name,
            time=data.time_name,
            model_fingerprint=self._shared.model_fingerprint,
            data_fingerprint=self._shared.data_fingerprint,
            versions=fingerprints.versions(data.model.kind if data.model else ""),
            columns=said_of(data.columns),
            **self._shared.origins,  # type: ignore[arg-type]
        )

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything that decides the numbers: model, data, roles, rows, threshold and seed."""
        return fingerprints.of_text(
            repr(
                (
                    self._shared.data_fingerprint,
                    self._shared.model_fingerprint,
                    self._all.roles,
                    self.threshold,
                    self.seed,
                    self._sample,
                    tuple(self._shared.origins.items()),
                )
            )
            + (fingerprints.of_array(self._rows) if self._rows is not None else "")
        )

    def __repr__(self) -> str:
        return f"<Evaluation: {self.source.text()}>"


def _checked_threshold(data: Prepared, threshold: float | None) -> float | None:
    if threshold is None:
        return None
    if data.target.task != "binary" or data.score is None:
        raise InputError(
            "Expected a threshold only with two classes and scores.",
            f"This is {data.target.task}{'' if data.score is not None else ' without scores'}.",
            "Leave the threshold out.",
        )
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float, np.number)):
        raise InputError("Expected a number as threshold.", f"Got {threshold!r}.", "Give e.g. threshold=0.5.")
    if not np.isfinite(threshold) or (data.score_kind == "probability" and not 0 <= threshold <= 1):
        raise InputError(
            "Expected a threshold among the scores"
            + (", which are probabilities." if data.score_kind == "probability" else "."),
            f"Got {threshold:g}.",
            "Choose one between 0 and 1." if data.score_kind == "probability" else "Choose a finite number.",
        )
    return float(threshold)
