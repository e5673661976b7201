"""The records of the page "Curves and thresholds"."""

from __future__ import annotations

from modelglass.analysis.registry import CLASSIFICATION, Analysis, Setting
from modelglass.analysis.usual_settings import LEVEL

_CURVES_BY = Setting(
    name="by",
    kind="column",
    label="By slice",
    help="A column: one curve of all rows, and one of each of its 8 levels with the most rows.",
    empty="none",
)
_CURVES_OF = Setting(
    name="class_",
    kind="class",
    label="Class",
    help="One class against the rest. Empty: the positive class, or each of several.",
)
_SLICES_OF = Setting(
    name="by", kind="column", label="Slices of", help="A column; its 8 levels with the most rows are used."
)

ANALYSES: list[Analysis] = [
    Analysis(
        name="roc",
        title="ROC curve",
        question="How well do the scores separate the classes, at every threshold?",
        page="curves",
        compute="modelglass.analysis.roc:roc",
        tasks=CLASSIFICATION,
        order=10,
        settings=(_CURVES_BY, _CURVES_OF, LEVEL),
    ),
    Analysis(
        name="precision_recall",
        title="Precision and recall",
        page="curves",
        question="What share of the flagged rows is right, and what share of the class is found?",
        compute="modelglass.analysis.precision_recall:precision_recall",
        tasks=CLASSIFICATION,
        order=20,
        settings=(_CURVES_BY, _CURVES_OF, LEVEL),
    ),
    Analysis(
        name="lift",
        title="Gain and lift",
        page="curves",
        question="How much of the class do the rows with the highest scores hold?",
        compute="modelglass.analysis.lift:lift",
        tasks=CLASSIFICATION,
        order=25,
        reads_threshold="never",
        settings=(
            Setting(
                name="top",
                kind="number",
                default=0.1,
                low=0.001,
                high=1.0,
                step=0.01,
                label="Share of rows taken",
                help="The depth told in the sentence: 0.1 is the tenth of the rows that scores highest.",
            ),
            _CURVES_BY,
            _CURVES_OF,
            LEVEL,
        ),
    ),
    Analysis(
        name="calibration",
        asks_model=False,
        title="Calibration",
        question="Does the promised probability come true?",
        page="curves",
        compute="modelglass.analysis.calibration:calibration",
        find="modelglass.analysis.calibration_find:find",
        tasks=CLASSIFICATION,
        order=30,
        settings=(
            _CURVES_BY,
            _CURVES_OF,
            Setting(name="n_bins", kind="integer", default=10, low=2, high=50, label="Bins"),
            Setting(
                name="strategy",
                kind="choice",
                default="uniform",
                choices=("uniform", "quantile"),
                words={"uniform": "equal width", "quantile": "equal numbers of rows"},
                label="Bins of",
                help="uniform: equal width; quantile: equal weight.",
            ),
            LEVEL,
        ),
    ),
    Analysis(
        name="thresholds",
        title="Thresholds and costs",
        question="What does each threshold do, and which one costs least?",
        page="curves",
        compute="modelglass.analysis.thresholds:thresholds",
        tasks=CLASSIFICATION,
        order=40,
        settings=(
            Setting(
                name="costs",
                kind="text",
                label="Costs",
                help="Cost of a row of each kind, such as fp=1, fn=5; a gain is negative, and a column gives an amount for each "
                "row: fp=10, fn=0.4*amount. Empty: none.",
            ),
            Setting(
                name="top",
                kind="number",
                low=0,
                high=1e9,
                label="Most rows that can be flagged",
                help="A number of these rows, or a share of them below 1; empty: no limit.",
            ),
            _CURVES_OF,
            LEVEL,
            Setting(
                name="n_points", kind="integer", default=200, low=10, high=1_000, step=10, label="Thresholds shown"
            ),
        ),
    ),
    Analysis(
        name="thresholds_by_slice",
        title="A threshold for each slice",
        question="What would a threshold of its own for each slice gain, and what would it do to fairness?",
        page="curves",
        compute="modelglass.analysis.thresholds_by_slice:thresholds_by_slice",
        asks="by",
        tasks=CLASSIFICATION,
        cost="seconds",
        order=45,
        reads_threshold="never",
        settings=(
            _SLICES_OF,
            Setting(
                name="costs",
                kind="text",
                label="Costs",
                help="Cost of a row of each kind, such as fp=1, fn=5 or fp=10, fn=0.4*amount; empty: every error costs 1.",
            ),
            _CURVES_OF,
            LEVEL,
        ),
    ),
    Analysis(
        name="fairness_by_threshold",
        asks_model=False,
        title="Fairness at each threshold",
        question="Does the threshold decide how alike groups are treated?",
        page="curves",
        compute="modelglass.analysis.fairness_by_threshold:fairness_by_threshold",
        asks="by",
        tasks=CLASSIFICATION,
        cost="seconds",
        order=47,
        settings=(
            _SLICES_OF,
            Setting(name="n_points", kind="integer", default=50, low=2, high=500, step=10, label="Thresholds shown"),
            _CURVES_OF,
            LEVEL,
        ),
    ),
    Analysis(
        name="predictions",
        title="Predictions and outcomes",
        question="How are the predictions spread, beside what happened?",
        page="curves",
        compute="modelglass.analysis.predictions:predictions",
        order=50,
        settings=(
            Setting(name="bins", kind="integer", default=40, low=5, high=200, label="Bins"),
            _CURVES_OF,
            LEVEL,
        ),
    ),
]
