"""The records of the page "Slices" that look for where the model is worst."""

from __future__ import annotations

from modelglass.analysis.registry import Analysis, Setting
from modelglass.analysis.usual_settings import AGAINST_REST, LEVEL

_METRIC = Setting(
    name="metric",
    kind="metric",
    label="Metric",
    help="Empty: accuracy, or mean absolute error.",
    empty={"binary": "accuracy", "multiclass": "accuracy", "regression": "mean absolute error"},
)

ANALYSES: list[Analysis] = [
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
                crossed=True,
                label="Slice by",
                help='Columns, or columns crossed as "a*b". Empty: every column by itself.',
            ),
            Setting(name="metrics", kind="metrics", label="Metrics", help="Empty: the usual ones of the task."),
            AGAINST_REST,
            LEVEL,
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
        asks_model=False,
        title="Slices found",
        question="On which slices is the model worst, of all that can be named?",
        page="slices",
        compute="modelglass.analysis.discovery:find_slices",
        find="modelglass.analysis.discovery_find:find",
        cost="seconds",
        order=20,
        settings=(
            _METRIC,
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
                words={"holm": "Holm", "bh": "Benjamini-Hochberg"},
                label="Adjusted by",
                help="holm: hardly any false slice; bh: few false ones among those shown.",
            ),
            AGAINST_REST,
            LEVEL,
        ),
    ),
    Analysis(
        name="error_tree",
        asks_model=False,
        title="Error tree",
        question="Which few conditions part the rows where the model errs from the others?",
        page="slices",
        compute="modelglass.analysis.error_tree:error_tree",
        cost="seconds",
        order=25,
        settings=(
            _METRIC,
            Setting(name="max_leaves", kind="integer", default=8, low=2, high=64, label="Most leaves"),
            Setting(name="depth", kind="integer", default=3, low=1, high=6, label="Most conditions of a leaf"),
            Setting(
                name="support", kind="integer", low=1, high=1_000_000, label="Fewest rows", help="Empty: 2 % of a half."
            ),
            Setting(name="columns", kind="columns", label="Columns split by", help="Empty: all that can be sliced."),
            AGAINST_REST,
            LEVEL,
        ),
    ),
    Analysis(
        name="error_heatmap",
        asks_model=False,
        title="Two columns together",
        question="Where do two columns together go with errors?",
        page="slices",
        compute="modelglass.analysis.error_heatmap:error_heatmap",
        cost="seconds",
        order=30,
        settings=(
            Setting(name="x", kind="column", label="Across", help="Empty: chosen so that the two explain most errors."),
            Setting(
                name="y", kind="column", label="Upwards", help="Empty: chosen so that the two explain most errors."
            ),
            _METRIC,
            Setting(name="bins", kind="integer", default=5, low=2, high=10, label="Bins of a numeric column"),
            AGAINST_REST,
            LEVEL,
        ),
    ),
]
