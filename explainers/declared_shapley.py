"""The records of what is read from Shapley values: pairs of columns, contrasts of one row, and how far an explanation can be trusted."""

from __future__ import annotations

from modelglass.analysis.registry import Analysis, Setting
from modelglass.analysis.usual_settings import LEVEL, ONE_CLASS, ROW

METHOD = Setting(
    name="method",
    kind="choice",
    default="auto",
    choices=("auto", "tree", "linear", "sampling"),
    words={
        "auto": "automatic",
        "tree": "exact, for trees",
        "linear": "exact, for linear models",
        "sampling": "sampling",
    },
    label="Method",
    help="Automatic: exact where the model allows it, else by sampling; the result says which.",
)

BACKGROUND = Setting(
    name="background",
    kind="integer",
    low=2,
    high=100_000,
    label="Background rows",
    help="Whose values stand in for a column that is left out. Empty: the method's own. Of trees these are the training rows, as each tree "
    "remembers them; for linear models 10,000 rows, for sampling 100.",
)

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
                fewest=10,
                label="Rows explained",
                help="Empty: 1,000, fewer where that would take more than about 20 seconds.",
            ),
            Setting(name="top", kind="integer", default=10, low=1, high=200, label="Pairs shown"),
            ONE_CLASS,
            LEVEL,
        ),
    ),
    Analysis(
        name="shapley_contrast",
        reads_threshold="never",
        title="Why this row and not that row",
        page="row",
        question="Which columns set this prediction apart from that of another row?",
        cost="seconds",
        order=12,
        report=False,
        compute="modelglass.explainers.shapley_contrast:shapley_contrast",
        settings=(
            ROW,
            Setting(
                name="other",
                kind="integer",
                low=0,
                label="Other row",
                help="Number of the row in the data; empty: the most similar row that the model answers otherwise.",
            ),
            ONE_CLASS,
            LEVEL,
        ),
    ),
    Analysis(
        name="class_contrast",
        reads_threshold="never",
        title="Why this class and not that class",
        page="row",
        question="What sets one class ahead of another for this row?",
        tasks=frozenset({"multiclass"}),
        cost="seconds",
        order=14,
        report=False,
        compute="modelglass.explainers.class_contrast:class_contrast",
        settings=(
            ROW,
            Setting(name="this", kind="class", label="This class", help="Empty: the one that the model likes best."),
            Setting(name="that", kind="class", label="Rather than", help="Empty: the best of the others."),
            LEVEL,
        ),
    ),
    Analysis(
        name="explanation_quality",
        reads_threshold="never",
        title="How far to trust the explanation",
        page="importance",
        question="How far can the Shapley values be trusted?",
        cost="seconds",
        order=25,
        compute="modelglass.explainers.explanation_quality:explanation_quality",
        settings=(
            Setting(
                name="rows",
                kind="integer",
                low=1,
                high=10_000,
                fewest=5,
                label="Rows tested",
                help="Empty: 200, fewer with many columns; 20 where the values are sampled.",
            ),
            METHOD,
            ONE_CLASS,
            LEVEL,
        ),
    ),
    Analysis(
        name="explanation_quality_row",
        reads_threshold="never",
        title="How far to trust the explanation of this row",
        page="row",
        question="How far can the Shapley values of this row be trusted?",
        cost="seconds",
        order=11,
        report=False,
        compute="modelglass.explainers.explanation_quality_row:explanation_quality_row",
        settings=(
            ROW,
            METHOD,
            ONE_CLASS,
            Setting(
                name="small_changes",
                kind="integer",
                default=20,
                low=1,
                high=200,
                fewest=3,
                label="Small changes of the row",
            ),
        ),
    ),
]
