"""Where a number comes from: one frozen record that every result carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

LONGEST_SHOWN = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The origin of a result.

    model, data     names for people (a file name, or "in memory"); model is "" in predictions-only use
    model_kind      e.g. "scikit-learn", "xgboost", "lightgbm", "predictions only"
    task            "binary", "multiclass" or "regression"; target is the column of outcomes
    positive        label of the positive class (binary only)
    threshold       "positive when score >= threshold"; None means the model's own predict decided
    condition       SQL condition of the cohort, None for all rows
    rows, rows_all  rows used, and rows of the whole data
    sample          rows drawn when a stated sample was used, else None; drawn with seed
    weight, cluster, time   names of these columns where given
    model_fingerprint, data_fingerprint   content hashes
    train, reference, baseline   names of what stands beside, "" where nothing; each with its fingerprint
    versions        package name -> version of what computed the numbers
    cut             what a short budget left out, as a sentence; "" where nothing
    columns         column name -> what a person said of it ("description", "unit", for axes and hovers; "expected")
    """

    model: str = ""
    model_kind: str = ""
    data: str = ""
    task: str = ""
    target: str = ""
    positive: str | None = None
    threshold: float | None = None
    condition: str | None = None
    rows: int = 0
    rows_all: int = 0
    sample: int | None = None
    seed: int = 0
    weight: str | None = None
    cluster: str | None = None
    time: str | None = None
    model_fingerprint: str = ""
    data_fingerprint: str = ""
    train: str = ""
    train_fingerprint: str = ""
    reference: str = ""
    reference_fingerprint: str = ""
    baseline: str = ""
    baseline_fingerprint: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    cut: str = ""
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def text(self) -> str:
        """Say it for people, in one line."""
        parts = [f"Model {self.model or 'none (predictions only)'}", f"data {self.data or 'in memory'}"]
        parts.append(
            f"{self.rows:,} row{'' if self.rows == 1 else 's'}"
            if self.rows == self.rows_all
            else f"{self.rows:,} of {self.rows_all:,} rows"
        )
        if self.condition:
            parts.append(f"where {_short(self.condition)}")
        if self.sample is not None:
            parts.append(f"a stratified sample of {self.sample:,} (seed {self.seed})")
        if self.positive is not None:
            parts.append(f"positive class {self.positive}")
            if self.threshold is None and self.model:
                parts.append("decided by the model's own predict")
            elif self.threshold is None:
                parts.append("decided by the predictions given")
            else:
                parts.append(f"positive when score >= {self.threshold:g}")
        if self.weight:
            parts.append(f"weighted by {self.weight}")
        if self.cluster:
            parts.append(f"clusters by {self.cluster}")
        return ", ".join(parts) + "."

    def as_dict(self) -> dict[str, Any]:
        """Give it as a plain object for JSON; ``cut`` where a budget left something out, as of the data alone nothing is known of that."""
        columns = {name: dict(said) for name, said in self.columns.items()}
        made = {**asdict(replace(self, columns={})), "versions": dict(self.versions), "columns": columns}
        return made if self.cut else {key: value for key, value in made.items() if key != "cut"}

    def sampled(self, rows: int, seed: int) -> Source:
        """Give the source of a stated sample of these rows."""
        return replace(self, rows=rows, sample=rows, seed=seed)


def _short(condition: str) -> str:
    """Shorten a condition that names thousands of rows; ``condition`` and the JSON hold all of it."""
    return condition if len(condition) <= LONGEST_SHOWN else condition[: LONGEST_SHOWN - 1] + "…"


UNNAMED = Source(model="arrays", data="arrays")
