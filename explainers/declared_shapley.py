"""The records of what is read from Shapley values: pairs of columns, contrasts of one row, and how far an explanation can be trusted."""

from __future__ import annotations

from modelglass.analysis.registry import Analysis, Setting

_LEVEL = Setting(name="level", kind="number", default=0.95, low=0.5, high=0.999, step=0.01, label="Level of intervals")
_CLASS = Setting(name="class_", kind="class", label="Class", help="Of several classes only this one; empty: all.")

ANALYSES: list[Analysis] = [
    Analysis(
        name="shapley_interactions",
        reads_threshold="never",
        title="Columns that act together",
        page="importance",
        question="Which two columns move predictions together, beyond what each moves alone?",
        cost="seconds",
        order=30,
        compute="modelglass.explainers.shapley_interactions:shapley_interactions",
        settings=(
            Setting(
                name="rows",
                kind="integer",
                low=1,
                high=100_000,
                label="Rows explained",
                help="Empty: 1,000, fewer where that would take more than about 20 seconds.",
            ),
            Setting(name="top", kind="integer", default=10, low=1, high=200, label="Pairs shown"),
            _CLASS,
            _LEVEL,
        ),
    ),
]
