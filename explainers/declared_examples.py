"""The records of explanations by example: rows like one row, rows that stand for many, and how far surroundings bear an answer out."""

from __future__ import annotations

from modelglass.analysis.registry import CLASSIFICATION, Analysis, Setting
from modelglass.analysis.usual_settings import LEVEL, ROW

_FEATURES = Setting(
    name="features",
    kind="features",
    label="Columns compared",
    help="Empty: all that the model reads, or of predictions alone all of the data.",
)
_K = Setting(
    name="k", kind="integer", default=2, low=1, high=50, label="Nearest row that counts", help="The k-th of each class."
)

ANALYSES: list[Analysis] = [
    Analysis(
        name="nearest_examples",
        asks_model=False,
        reads_threshold="always",  # its table holds decisions
        title="The rows most like it",
        page="row",
        question="What came of the rows most like this one?",
        cost="seconds",
        order=50,
        report=False,
        raw_rows=True,
        compute="modelglass.explainers.nearest_examples:nearest_examples",
        settings=(
            ROW,
            Setting(name="count", kind="integer", default=10, low=1, high=100, label="Rows shown"),
            Setting(
                name="among",
                kind="choice",
                default="evaluated",
                choices=("evaluated", "train"),
                words={"evaluated": "the rows evaluated", "train": "the training rows"},
                label="Among",
                help="The evaluated rows, or the training data.",
            ),
            _FEATURES,
        ),
    ),
    Analysis(
        name="trust_score_row",
        asks_model=False,
        reads_threshold="always",
        title="Is it like the rows of its class?",
        page="row",
        question="Is this row nearer to rows of the class predicted than to those of others?",
        tasks=CLASSIFICATION,
        cost="seconds",
        order=52,
        report=False,
        compute="modelglass.explainers.trust_score:trust_score_row",
        settings=(ROW, _K, _FEATURES, LEVEL),
    ),
    Analysis(
        name="trust_score",
        asks_model=False,
        reads_threshold="always",
        title="Trust score",
        page="errors",
        question="Is the model wrong where rows are unlike those of the class it predicts?",
        tasks=CLASSIFICATION,
        cost="seconds",
        order=70,
        compute="modelglass.explainers.trust_score:trust_score",
        settings=(
            _K,
            Setting(name="rows", kind="integer", default=2_000, low=50, high=100_000, fewest=100, label="Rows scored"),
            _FEATURES,
            LEVEL,
        ),
    ),
    Analysis(
        name="prototypes",
        asks_model=False,
        reads_threshold="always",
        title="Rows that stand for many",
        page="importance",
        question="Which few rows stand for the rows of each class?",
        cost="seconds",
        order=60,
        raw_rows=True,
        compute="modelglass.explainers.prototypes:prototypes",
        settings=(
            Setting(name="count", kind="integer", default=8, low=1, high=60, label="Rows chosen, at most"),
            Setting(
                name="of",
                kind="choice",
                default="outcome",
                choices=("outcome", "prediction"),
                label="Classes of",
                help="What came true, or what the model says; of numbers thirds.",
            ),
            Setting(
                name="radius",
                kind="number",
                low=0.001,
                high=1.0,
                label="Radius",
                help="Distance up to which a row stands for another; empty: the one that tells classes apart best.",
            ),
            _FEATURES,
            LEVEL,
        ),
    ),
]
