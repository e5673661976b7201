"""The analyses that modelglass itself declares, through the same door as any other package."""

from __future__ import annotations

from modelglass.analysis.listing import OUTCOMES
from modelglass.analysis.registry import CLASSIFICATION, Analysis, Setting

__all__ = ["ANALYSES", "CLASSIFICATION", "Setting"]

_LEVEL = Setting(name="level", kind="number", default=0.95, low=0.5, high=0.999, step=0.01, label="Level of intervals")
_CLASS = Setting(
    name="class_", kind="class", label="Class", help="Measure this class against the rest; empty: all of them."
)
_CURVES_BY = Setting(
    name="by",
    kind="column",
    label="By slice",
    help="A column: one curve of all rows, and one of each of its 8 levels with the most rows.",
)
_CURVES_OF = Setting(name="class_", kind="class", label="Class", help="One class against the rest.")

ANALYSES: list[Analysis] = [
    Analysis(
        name="findings",
        title="Findings",
        question="What is wrong with this model?",
        page="overview",
        compute="modelglass.analysis.findings:findings",
        cost="seconds",
        order=5,
        settings=(
            Setting(name="budget", kind="number", default=30.0, low=1, high=3_600, step=5, label="Seconds"),
            Setting(name="most", kind="integer", default=12, low=1, high=100, label="Most findings shown"),
        ),
    ),
    Analysis(
        name="fairness",
        title="Groups of people",
        question="Are groups of people treated alike?",
        page="slices",
        compute="modelglass.analysis.fairness:fairness",
        cost="seconds",
        order=40,
        settings=(
            Setting(
                name="groups", kind="columns", label="Groups by", help='Columns that name groups; crossed as "a*b".'
            ),
            Setting(name="metrics", kind="metrics", label="Rates", help="Empty: the usual ones."),
            Setting(name="reference", kind="text", label="Compare with", help="Name of a group; empty: the largest."),
            _LEVEL,
        ),
    ),
    Analysis(
        name="performance",
        title="Performance",
        question="How good is the model, and how sure is that?",
        page="overview",
        compute="modelglass.analysis.performance:performance",
        order=10,
        settings=(
            Setting(name="metrics", kind="metrics", label="Metrics", help="Empty: the usual ones of the task."),
            _CLASS,
            Setting(
                name="level", kind="number", default=0.95, low=0.5, high=0.999, step=0.01, label="Level of intervals"
            ),
        ),
    ),
    Analysis(
        name="column_facts",
        title="Columns",
        question="What does the data hold, and how is each column read?",
        page="overview",
        compute="modelglass.analysis.column_facts:column_facts",
        order=90,
    ),
    Analysis(
        name="train_test_gap",
        title="Training rows and these rows",
        question="How much better is the model on the rows it was fitted on?",
        page="overview",
        compute="modelglass.analysis.train_test_gap:train_test_gap",
        cost="seconds",
        order=20,
        settings=(
            Setting(name="metrics", kind="metrics", label="Metrics", help="Empty: the usual ones of the task."),
            _LEVEL,
        ),
    ),
    Analysis(
        name="slice_metrics",
        title="Slices",
        question="Where is the model good, and where is it bad?",
        page="slices",
        compute="modelglass.analysis.slices:slice_metrics",
        order=10,
        settings=(
            Setting(
                name="by",
                kind="columns",
                label="Slice by",
                help='Columns, or columns crossed as "a*b". Empty: every column by itself.',
            ),
            Setting(name="metrics", kind="metrics", label="Metrics", help="Empty: the usual ones of the task."),
            _CLASS,
            Setting(
                name="level", kind="number", default=0.95, low=0.5, high=0.999, step=0.01, label="Level of intervals"
            ),
            Setting(name="bins", kind="integer", default=5, low=2, high=20, label="Bins of a numeric column"),
            Setting(
                name="min_rows",
                kind="integer",
                default=1,
                low=1,
                high=100_000,
                label="Fewest rows of a slice",
                help="Smaller slices stay in the table without numbers.",
            ),
        ),
    ),
    Analysis(
        name="find_slices",
        title="Slices found",
        question="On which slices is the model worst, of all that can be named?",
        page="slices",
        compute="modelglass.analysis.discovery:find_slices",
        find="modelglass.analysis.discovery_find:find",
        cost="seconds",
        order=20,
        settings=(
            Setting(name="metric", kind="metric", label="Metric", help="Empty: accuracy, or mean absolute error."),
            Setting(name="depth", kind="integer", default=2, low=1, high=3, label="Most conditions of a slice"),
            Setting(name="k", kind="integer", default=10, low=1, high=50, label="Most slices proposed"),
            Setting(
                name="support",
                kind="integer",
                low=10,
                high=1_000_000,
                label="Fewest rows",
                help="Empty: 1 % of a half.",
            ),
            Setting(name="columns", kind="columns", label="Columns searched", help="Empty: all that can be sliced."),
            Setting(
                name="alpha",
                kind="number",
                default=0.05,
                low=0.001,
                high=0.5,
                step=0.01,
                label="Highest adjusted p-value",
            ),
            Setting(
                name="adjust",
                kind="choice",
                default="holm",
                choices=("holm", "bh"),
                label="Adjusted by",
                help="holm: hardly any false slice; bh: few false ones among those shown.",
            ),
            _LEVEL,
        ),
    ),
    Analysis(
        name="confusion",
        title="Confusion",
        question="Which class is taken for which?",
        page="errors",
        compute="modelglass.analysis.confusion:confusion",
        tasks=CLASSIFICATION,
        order=10,
        settings=(
            Setting(
                name="normalize",
                kind="choice",
                default="actual",
                choices=("actual", "predicted", "all"),
                label="Share of",
                help="actual: of the rows of each class; predicted: of the rows predicted as it; all: of all rows.",
            ),
            _LEVEL,
        ),
    ),
    Analysis(
        name="worst_rows",
        title="Worst rows",
        question="Which rows is the model most wrong about?",
        page="errors",
        compute="modelglass.analysis.worst_rows:worst_rows",
        order=20,
        raw_rows=True,
        settings=(
            Setting(name="n", kind="integer", default=20, low=1, high=1_000, label="Rows"),
            Setting(name="actual", kind="class", label="Actual class", help="Only rows of this class."),
            Setting(name="predicted", kind="class", label="Predicted class", help="Only rows predicted as this class."),
            Setting(name="only_wrong", kind="flag", default=False, label="Only wrong predictions"),
        ),
    ),
    Analysis(
        name="listing",
        title="Rows",
        question="Which rows are these, one by one?",
        page="predictions",
        compute="modelglass.analysis.listing:listing",
        order=10,
        report=False,
        raw_rows=True,
        settings=(
            Setting(
                name="kind",
                kind="choice",
                default="all",
                choices=OUTCOMES,
                label="Outcome",
                help="Only rows predicted this way.",
            ),
            Setting(name="actual", kind="class", label="Actual class", help="Only rows of this class."),
            Setting(name="predicted", kind="class", label="Predicted class", help="Only rows predicted as this class."),
            Setting(name="find", kind="text", label="Id or row number", help="Only the rows with this id or number."),
            Setting(
                name="sort",
                kind="text",
                default="row",
                label="Sorted by",
                help="row, id, actual, predicted, score, loss, error, random, or a column.",
            ),
            Setting(name="descending", kind="flag", default=False, label="Largest first"),
            Setting(name="start", kind="integer", default=0, low=0, label="First", help="Rows left out before."),
            Setting(name="n", kind="integer", default=50, low=1, high=1_000, label="Rows"),
            Setting(name="seed", kind="integer", default=0, low=0, high=2**31 - 1, label="Seed of a random order"),
        ),
    ),
    Analysis(
        name="roc",
        title="ROC curve",
        question="How well do the scores separate the classes, at every threshold?",
        page="curves",
        compute="modelglass.analysis.roc:roc",
        tasks=CLASSIFICATION,
        order=10,
        settings=(_CURVES_BY, _CURVES_OF, _LEVEL),
    ),
    Analysis(
        name="precision_recall",
        title="Precision and recall",
        page="curves",
        question="What share of the flagged rows is right, and what share of the class is found?",
        compute="modelglass.analysis.precision_recall:precision_recall",
        tasks=CLASSIFICATION,
        order=20,
        settings=(_CURVES_BY, _CURVES_OF, _LEVEL),
    ),
    Analysis(
        name="lift",
        title="Gain and lift",
        page="curves",
        question="How much of the class do the rows with the highest scores hold?",
        compute="modelglass.analysis.lift:lift",
        tasks=CLASSIFICATION,
        order=25,
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
            _LEVEL,
        ),
    ),
    Analysis(
        name="calibration",
        title="Calibration",
        question="Does the promised probability come true?",
        page="curves",
        compute="modelglass.analysis.calibration:calibration",
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
                label="Bins of",
                help="uniform: equal width; quantile: equal weight.",
            ),
            _LEVEL,
        ),
    ),
    Analysis(
        name="thresholds",
        title="Thresholds and costs",
        question="What does each threshold do, and which one costs least?",
        page="curves",
        compute="modelglass.analysis.thresholds:thresholds",
        tasks=frozenset({"binary"}),
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
            _LEVEL,
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
        tasks=frozenset({"binary"}),
        cost="seconds",
        order=45,
        settings=(
            Setting(
                name="by", kind="column", label="Slices of", help="A column; its 8 levels with the most rows are used."
            ),
            Setting(
                name="costs",
                kind="text",
                label="Costs",
                help="Cost of a row of each kind, such as fp=1, fn=5 or fp=10, fn=0.4*amount; empty: every error costs 1.",
            ),
            _LEVEL,
        ),
    ),
    Analysis(
        name="predictions",
        title="Predictions and outcomes",
        question="How are the predictions spread, beside what happened?",
        page="curves",
        compute="modelglass.analysis.predictions:predictions",
        order=50,
        settings=(Setting(name="bins", kind="integer", default=40, low=5, high=200, label="Bins"), _LEVEL),
    ),
    Analysis(
        name="residuals",
        title="Residuals",
        question="How far are the predictions off, where, and which way?",
        page="residuals",
        compute="modelglass.analysis.residuals:residuals",
        tasks=frozenset({"regression"}),
        order=10,
        settings=(
            Setting(
                name="against",
                kind="column",
                label="Against",
                help="A column or the time column; empty: the prediction.",
            ),
            Setting(name="bins", kind="integer", default=10, low=1, high=50, label="Bins"),
            _LEVEL,
        ),
    ),
    Analysis(
        name="standing",
        title="Where it stands",
        question="Is this prediction, or any value of the row, unusual among these rows?",
        page="row",
        compute="modelglass.analysis.standing:standing",
        order=5,
        report=False,
        reads_threshold="never",
        settings=(Setting(name="row", kind="row", label="Row", help="Number of the row in the data."),),
    ),
    Analysis(
        name="noise_robustness",
        title="Noise",
        question="How far do small errors in the inputs move the model?",
        page="sensitivity",
        compute="modelglass.analysis.noise_robustness:noise_robustness",
        cost="seconds",
        order=10,
        settings=(
            Setting(name="features", kind="features", label="Columns one by one", help="Empty: every column."),
            Setting(
                name="metric", kind="metric", label="Metric", help="Empty: ROC AUC, log loss or RMSE, by the task."
            ),
            Setting(name="rows", kind="integer", default=5_000, low=50, high=1_000_000, label="Rows used"),
            _LEVEL,
        ),
    ),
]
