"""Do outcomes of rows with an even number differ from the others? (They should not.)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.registry import Analysis, Setting
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class RowDigits(Result):
    """Share of wrong predictions by the last digit of the row number."""

    table: pd.DataFrame
    source: Source
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        return self.table

    def sentence(self) -> str:
        worst = self.table.sort_values("wrong").iloc[-1]
        return (
            f"Rows whose number ends in {worst.digit} are wrong most often, {worst.wrong:.1%} of {int(worst.n):,} rows."
        )


def row_digits(ev, *, base: int = 10) -> RowDigits:
    if ev.n < base:
        raise NotApplicable(f"there are fewer than {base} rows")
    wrong = pd.Series(ev.predicted != ev.y).groupby(ev.rows % base).agg(["mean", "size"])
    table = wrong.reset_index().set_axis(["digit", "wrong", "n"], axis=1)
    return RowDigits(table=table, source=ev.source, settings={"base": base})


ANALYSIS = Analysis(
    name="row_digits",
    title="Wrong by last digit",
    question="Does the row number matter, which it should not?",
    page="Row numbers",
    compute="modelglass_guest.digits:row_digits",
    tasks=frozenset({"binary", "multiclass"}),
    order=90,
    settings=(
        Setting(name="base", kind="integer", default=10, low=2, high=20, label="Base", help="Number of groups."),
    ),
)
