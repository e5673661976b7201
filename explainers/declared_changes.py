"""The records of explanations that change rows: what if, and what would have to be different."""

from __future__ import annotations

from modelglass.analysis.declared_breaks import CONSTRAINTS, IMMUTABLE
from modelglass.analysis.registry import Analysis, Setting
from modelglass.analysis.usual_settings import LEVEL, METRIC, ROW

_CHANGES = Setting(
    name="changes",
    kind="text",
    label="Changes",
    help="Such as age = 40; hours += 5; income *= 1.1; sector = Private; empty: none.",
)

ANALYSES: list[Analysis] = [
    Analysis(
        name="counterfactuals",
        title="What would change the answer",
        question="What would have to be different in this row for another answer?",
        page="row",
        cost="seconds",
        order=40,
        report=False,
        compute="modelglass.explainers.counterfactuals:counterfactuals",
        keeps_best=True,
        settings=(
            ROW,
            Setting(name="want", kind="class", label="Answer wanted", help="Empty: any other."),
            IMMUTABLE,
            CONSTRAINTS,
            Setting(
                name="low",
                kind="number",
                low=-1e15,
                high=1e15,
                label="At least",
                help="Of a predicted number; empty: no bound.",
            ),
            Setting(
                name="high",
                kind="number",
                low=-1e15,
                high=1e15,
                label="At most",
                help="Of a predicted number; empty: no bound.",
            ),
            Setting(name="count", kind="integer", default=4, low=1, high=12, label="Ways shown"),
            Setting(name="budget", kind="number", default=5.0, low=0.5, high=600.0, step=0.5, label="Seconds"),
        ),
    ),
    Analysis(
        name="what_if_row",
        title="What if, for this row",
        question="What would the model say if this row were different?",
        page="row",
        cost="seconds",
        order=45,
        report=False,
        asks="changes",
        compute="modelglass.explainers.what_if:what_if_row",
        settings=(ROW, _CHANGES),
    ),
    Analysis(
        name="what_if",
        title="What if",
        question="What would the model say if a column were different on all these rows?",
        page="effects",
        cost="seconds",
        order=60,
        report=False,
        asks="changes",
        compute="modelglass.explainers.what_if:what_if",
        settings=(
            _CHANGES,
            Setting(
                name="rows", kind="integer", default=1_000_000, low=1, high=100_000_000, fewest=200, label="Rows used"
            ),
            METRIC,
            LEVEL,
        ),
    ),
]
