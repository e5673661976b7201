"""The effects of columns that modelglass itself declares."""

from __future__ import annotations

from modelglass.analysis.registry import Analysis, Setting
from modelglass.analysis.usual_settings import LEVEL, ONE_CLASS

FEATURES = Setting(
    name="features", kind="features", label="Columns", help="Empty: the four that move predictions most."
)
BY = Setting(
    name="by",
    kind="text",
    label="Compare cohorts",
    help="A column, or a condition in SQL; empty: all rows as one.",
)
GRID = Setting(name="grid", kind="integer", default=30, low=2, high=200, label="Values of a column")
ADDITIVE = Setting(
    name="additive",
    kind="flag",
    default=False,
    label="On the scale in which the model adds up",
    help="Log-odds of a boosted or linear classifier, say.",
)

EFFECTS: list[Analysis] = [
    Analysis(
        name="accumulated_local_effects",
        reads_threshold="never",
        title="Accumulated local effects",
        page="effects",
        question="What do small steps of a column do to rows that could take them?",
        cost="seconds",
        order=15,
        compute="modelglass.explainers.accumulated_local_effects:accumulated_local_effects",
        find="modelglass.explainers.effects_find:find",
        settings=(
            FEATURES,
            GRID,
            Setting(name="rows", kind="integer", default=5_000, low=10, high=1_000_000, fewest=100, label="Rows used"),
            ONE_CLASS,
            BY,
            ADDITIVE,
            LEVEL,
        ),
    ),
    Analysis(
        name="joint_effect",
        reads_threshold="never",
        title="Two columns together",
        page="effects",
        question="What do two columns do together, and how much of it is more than the sum of both?",
        cost="seconds",
        order=30,
        compute="modelglass.explainers.joint_effect:joint_effect",
        settings=(
            Setting(
                name="features", kind="features", label="Two columns", help="Empty: the pair that works together most."
            ),
            Setting(
                name="method",
                kind="choice",
                default="accumulated_local_effects",
                choices=("accumulated_local_effects", "partial_dependence"),
                label="How",
                help="Small steps of rows that are near, or both columns set on every row.",
            ),
            Setting(name="grid", kind="integer", default=10, low=2, high=50, label="Values of a column"),
            Setting(name="rows", kind="integer", default=2_000, low=10, high=1_000_000, fewest=20, label="Rows used"),
            ONE_CLASS,
            ADDITIVE,
            LEVEL,
        ),
    ),
    Analysis(
        name="interaction_strength",
        reads_threshold="never",
        title="Columns that work together",
        page="effects",
        question="Which columns do more together than the sum of what each does?",
        cost="seconds",
        order=40,
        compute="modelglass.explainers.interaction_strength:interaction_strength",
        settings=(
            Setting(name="features", kind="features", label="Columns", help="Empty: all."),
            Setting(name="rows", kind="integer", default=150, low=10, high=2_000, fewest=20, label="Rows used"),
            Setting(name="top", kind="integer", default=4, low=0, high=10, label="Columns whose pairs are measured"),
            ONE_CLASS,
            ADDITIVE,
        ),
    ),
]
