"""The records of what columns are worth: shuffled, left out, and side by side."""

from __future__ import annotations

from modelglass.analysis.registry import Analysis, Setting
from modelglass.analysis.usual_settings import AGAINST_REST, LEVEL, METRIC, NEW_FIT

_GROUPS = Setting(
    name="groups",
    kind="text",
    label="Groups",
    help="Columns also shuffled together, such as: age + pay; city + region. Empty: those that go together.",
    empty="those that go together",
)
_TOGETHER = Setting(
    name="together",
    kind="number",
    default=0.7,
    low=0.1,
    high=1.0,
    step=0.05,
    label="Association from which columns go together",
)

ANALYSES: list[Analysis] = [
    Analysis(
        name="permutation_importance",
        reads_threshold="metric",
        title="Permutation importance",
        page="importance",
        question="Which columns would the model miss most?",
        cost="seconds",
        order=10,
        compute="modelglass.explainers.permutation_importance:permutation_importance",
        settings=(
            METRIC,
            _GROUPS,
            _TOGETHER,
            Setting(
                name="conditional",
                kind="flag",
                default=False,
                label="Only among rows alike in the other columns",
                help="What a column adds to the others, without rows that cannot be.",
            ),
            Setting(
                name="n_repeats", kind="integer", default=5, low=1, high=50, label="Shuffles of each column, at most"
            ),
            Setting(name="settle", kind="flag", default=True, label="Stop when the order is settled"),
            Setting(name="rows", kind="integer", default=5_000, low=50, high=1_000_000, fewest=200, label="Rows used"),
            AGAINST_REST,
            LEVEL,
        ),
    ),
    Analysis(
        name="importances",
        reads_threshold="metric",
        title="Ways to importance, side by side",
        page="importance",
        question="Do the ways to say what a column is worth agree?",
        cost="seconds",
        order=30,
        report=False,  # its parts stand there
        compute="modelglass.explainers.importances:importances",
        settings=(
            METRIC,
            Setting(
                name="refit",
                kind="flag",
                default=False,
                label="Also fit again without each column",
                help="Needs training data; takes one fit for each column.",
            ),
            Setting(
                name="n_repeats", kind="integer", default=5, low=1, high=50, label="Shuffles of each column, at most"
            ),
            Setting(name="rows", kind="integer", default=2_000, low=50, high=1_000_000, label="Rows used"),
            AGAINST_REST,
            LEVEL,
        ),
    ),
    Analysis(
        name="drop_column_importance",
        reads_threshold="metric",
        title="Fitted without a column",
        page="importance",
        question="How much worse would the model be without a column?",
        cost="minutes",
        order=40,
        report=False,  # one fit for each column
        needs="train",
        compute="modelglass.explainers.drop_column_importance:drop_column_importance",
        settings=(
            METRIC,
            Setting(name="features", kind="features", label="Columns", help="Empty: all."),
            *NEW_FIT,
            AGAINST_REST,
            LEVEL,
        ),
    ),
]
