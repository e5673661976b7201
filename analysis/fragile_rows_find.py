"""What noise on all columns adds to the findings: models that many decisions of change with errors too small to matter, and the rows that do most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelglass.analysis.errors import InputError
from modelglass.analysis.finding import Budget, Finding, model_decides
from modelglass.analysis.fragile_rows import ALL, fragile_rows
from modelglass.analysis.sql_text import columns_in
from modelglass.analysis.wording import percent

if TYPE_CHECKING:
    from modelglass.analysis.evaluation import Evaluation

ROWS, DRAWS = 2_000, 4
MUCH, MUCH_OF_SEVERAL = 0.1, 0.2
"""Share of decisions that noise of 0.1 spreads surely changes, from which it is told: one smooth boundary through bell-shaped data gives 3 to 5 %."""
_ADVICE = (
    "Decisions hang on digits that nobody measures so well: fit a smoother model (stronger regularisation, more rows a leaf, averaging), train with noisy rows too "
    "(Which rows break first gives the lines for it), measure the inputs better, or let people decide the rows named here."
)


def find(ev: Evaluation, budget: Budget) -> list[Finding]:
    """Say where small errors of the inputs change more decisions than any smooth boundary would."""
    model_decides(ev)
    rows = min(ROWS, budget.rows, ev.n)
    try:
        got = fragile_rows(ev, rows=rows, draws=DRAWS, seconds=max(budget.left() / 2, 0.5), progress=budget.progress)
    except InputError as error:  # the model refuses possible rows
        budget.note = f"it ended early: {error}"
        return []
    budget.used = rows
    whole, slices = got.parts.set_index("part").loc[ALL], got.slices
    limit = MUCH if ev.task == "binary" else MUCH_OF_SEVERAL
    if not whole.low >= limit:
        return []
    sentence = f"Noise of {got.settings['strength']:g} spreads on every column changes {percent(whole.estimate, whole.low, whole.high)} of decisions"
    where, features = None, tuple[str, ...]()
    if len(slices):
        first = slices.iloc[0]
        where = first["where"]
        features = columns_in(where, ev.columns)
        sentence += (
            f", most of all where {first.part} ({percent(first.estimate, first.low, first.high)} there, {first.rest:.1%} on the rest; judged on {int(first.n):,} "
            "rows that did not propose it)"
        )
    return [
        Finding(
            kind="fragile_rows",
            severity="medium",
            sentence=f"{sentence} ({int(whole.n):,} rows)",
            n=int(whole.n),
            where=where,
            evidence="fragile_rows",
            advice=_ADVICE,
            features=features,
            estimate=float(whole.estimate),
            low=float(whole.low),
            high=float(whole.high),
            harm=float(whole.estimate),
        )
    ]
