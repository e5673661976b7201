"""What all cohorts of one Evaluation share: the whole arrays, and what follows from them, made once and kept."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from modelglass.analysis import fingerprints, reserved
from modelglass.analysis.coding import Coding, code_column
from modelglass.analysis.columns import Count, side_by_side
from modelglass.analysis.companions import PARTS, Companion, Companions, by_baseline, judged
from modelglass.analysis.conditions import Conditions
from modelglass.analysis.errors import AnalysisError, NotApplicable, unknown_name
from modelglass.analysis.kept import Kept
from modelglass.analysis.preparing import Prepared
from modelglass.analysis.selfcheck import Note

ABSENT = {
    "train": "no training data were given; give them with --train DATA (in Python train=frame)",
    "reference": "no reference data were given; give them with --reference DATA (in Python reference=frame)",
    "baseline": "no baseline was given; give one with --baseline MODEL (in Python baseline=model)",
}


class Shared:
    """The whole data of an Evaluation, what stands beside it, and what is kept of both."""

    def __init__(self, data: Prepared, beside: Companions | None = None, threshold: float | None = None):
        self.data, self.beside = data, beside or Companions()
        self.threshold = threshold  # the operating threshold it was opened with
        self.notes: tuple[Note, ...] = (*data.notes, *self.beside.notes, *reserved.notes(data))
        self.kept = Kept()
        self._once, self._others = Kept(), Kept()  # the others apart: they ask the model, and nobody else need wait
        self._conditions = Conditions(
            data.frame, data.columns, beside=list(reserved.available(data)), absent=reserved.why_absent(data)
        )

    def __getstate__(self) -> dict[str, Any]:
        """Travel with data and fingerprints; what follows from the data is made again where it is needed.

        A model without bytes is told apart by what it predicted in this process, so that is settled before and goes along.
        """
        origins = self.origins
        once = {"data": self.data_fingerprint, "model": self.model_fingerprint}
        once |= {part: origins[f"{part}_fingerprint"] for part in PARTS if f"{part}_fingerprint" in origins}
        others = {"baseline": self.of_baseline()} if "baseline" in self._others else {}
        given = {"data": self.data, "beside": self.beside, "threshold": self.threshold}
        return {**given, "once": once, "others": others}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["data"], state["beside"], state["threshold"])  # type: ignore[misc]
        for key, value in state["once"].items():
            self._once.put(key, value)
        for key, value in state["others"].items():
            self._others.put(key, value)

    def mask(self, sql: str, threshold: float | None = None) -> np.ndarray:
        """Tell for which rows a condition is true, predictions and errors taken at a threshold."""
        return self._conditions.mask(sql, lambda name: reserved.values(self.data, name, threshold))

    def reads(self, sql: str) -> frozenset[str]:
        """Give the reserved columns that a condition names."""
        return frozenset(map(str, self._conditions.reads(sql))) & frozenset(reserved.available(self.data))

    def named(self, sql: str) -> list[str]:
        """Give the columns of the data that a condition names."""
        return [str(name) for name in self._conditions.reads(sql) if str(name) not in self.reads(sql)]

    def coding(self, column: str, bins: int) -> Coding:
        """Give the level of each row in a column."""
        if column not in self.data.columns:
            raise unknown_name("column", column, self.data.columns)
        return self._once(("coding", column, bins), lambda: self._coded(column, bins))

    def make_codings(self, columns: Iterable[str], bins: int) -> None:
        """Make codings ready, side by side where rows are many; what cannot be coded is said when it is asked for."""
        known = dict.fromkeys(c for c in columns if c in self.data.columns)
        todo = [c for c in known if ("coding", c, bins) not in self._once]

        def one(column: str) -> Coding | None:
            with suppress(AnalysisError):
                return self._coded(column, bins)
            return None

        for column, coding in zip(todo, side_by_side(one, todo, len(self.data.frame))):
            if coding is not None:
                self._once.put(("coding", column, bins), coding)

    def _coded(self, column: str, bins: int) -> Coding:
        known = self.data.columns[column]
        coding = code_column(self.data.frame[column], known, bins=bins)
        if coding.distinct is not None and isinstance(known.distinct, Count):
            known.distinct.settle(coding.distinct)
        return coding

    @property
    def data_fingerprint(self) -> str:
        """Hash of the data."""
        return self._once("data", lambda: self.data.data_fingerprint or fingerprints.of_frame(self.data.frame))

    @property
    def model_fingerprint(self) -> str:
        """Hash of the model, or of what it predicted where it has no bytes."""
        data = self.data
        if data.model is not None and data.model.fingerprint:
            return data.model.fingerprint
        return self._once("model", lambda: fingerprints.of_predictions(data.predicted, data.score))

    def on(self, part: str) -> Shared:
        """Give the same model on the training or reference data, predicted the first time it is asked for."""
        if part not in PARTS:
            raise unknown_name("kind of other data", part, PARTS)
        other = getattr(self.beside, part)
        if other is None:
            raise NotApplicable(ABSENT[part])
        if other.why_not:
            raise NotApplicable(other.why_not)
        return self._others(part, lambda: Shared(judged(self.data, other), Companions(baseline=self.beside.baseline)))

    def of_baseline(self) -> Shared:
        """Give the other model on the same rows, predicted the first time it is asked for."""
        baseline = self.beside.baseline
        if baseline is None:
            raise NotApplicable(ABSENT["baseline"])
        return self._others(
            "baseline",
            lambda: Shared(replace(by_baseline(self.data, baseline), data_fingerprint=self.data_fingerprint)),
        )

    @property
    def origins(self) -> dict[str, str]:
        """Names and fingerprints of what stands beside, as ``Source`` holds them."""
        found: dict[str, str] = {}
        for part in PARTS:
            other = getattr(self.beside, part)
            if other is not None:
                found |= {part: other.name, f"{part}_fingerprint": self._hash_of(part, other)}
        if self.beside.baseline is not None:
            model = self.beside.baseline.model
            found |= {
                "baseline": model.name,
                "baseline_fingerprint": model.fingerprint or self.of_baseline().model_fingerprint,
            }
        return found

    def _hash_of(self, part: str, other: Companion) -> str:
        return other.fingerprint or self._once(part, lambda: fingerprints.of_frame(other.frame))
