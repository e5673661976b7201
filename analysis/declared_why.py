"""The records of the page "Why here?", which is about a cohort beside the rest."""

from __future__ import annotations

from modelglass.analysis.registry import Analysis, Setting
from modelglass.analysis.usual_settings import LEVEL

_OTHER = Setting(
    name="other",
    kind="text",
    label="Compare with",
    help="Another cohort, as a condition in SQL; empty: the rest of the rows.",
)
_COSTS = Setting(
    name="costs",
    kind="text",
    label="Costs",
    help="Cost of a row of each kind, such as fp=1, fn=5, for the threshold; empty: every error costs 1.",
)
_ROWS = Setting(
    name="rows",
    kind="integer",
    default=5_000,
    low=100,
    high=1_000_000,
    fewest=200,
    label="Rows of the cohort used",
    help="At most; the model is asked about them once for each repair that is tried.",
)
_ALPHA = Setting(
    name="alpha", kind="number", default=0.05, low=0.001, high=0.5, step=0.01, label="Highest adjusted p-value"
)

ANALYSES: list[Analysis] = [
    Analysis(
        name="why_here",
        asks_model=False,
        title="What goes with it",
        question="Why is the model worse or better here, and what would help?",
        page="why",
        compute="modelglass.analysis.why_here:why_here",
        cost="seconds",
        order=10,
        needs_cohort=True,
        settings=(_OTHER, _COSTS, _ROWS, LEVEL, _ALPHA),
    ),
    Analysis(
        name="contrast",
        asks_model=False,
        title="What the model does here",
        question="How are outcomes, promises, confidence and errors here, beside the rest?",
        page="why",
        compute="modelglass.analysis.contrast:contrast",
        cost="seconds",
        order=20,
        needs_cohort=True,
        settings=(_OTHER, LEVEL),
    ),
    Analysis(
        name="column_differences",
        title="What is different here",
        question="Which columns are spread otherwise here than in the rest?",
        page="why",
        compute="modelglass.analysis.column_differences:column_differences",
        cost="seconds",
        order=30,
        needs_cohort=True,
        reads_threshold="never",
        settings=(_OTHER, LEVEL),
    ),
    Analysis(
        name="remedies",
        asks_model=False,
        title="What could be done",
        question="What would recalibration, a threshold of its own, a repaired column or checked labels gain here?",
        page="why",
        compute="modelglass.analysis.remedies:remedies",
        cost="seconds",
        order=50,
        needs_cohort=True,
        settings=(_OTHER, _COSTS, _ROWS, LEVEL, _ALPHA),
    ),
]
