"""The records of models that imitate the model."""

from __future__ import annotations

from modelglass.analysis.registry import Analysis, Setting
from modelglass.analysis.usual_settings import LEVEL

ANALYSES: list[Analysis] = [
    Analysis(
        name="surrogate_tree",
        reads_threshold="always",  # decisions of model and tree are compared
        title="A tree that imitates the model",
        page="importance",
        question="Which few rules come closest to what the model does, and where do they fail?",
        cost="seconds",
        order=50,
        compute="modelglass.explainers.surrogate_tree:surrogate_tree",
        settings=(
            Setting(name="max_leaves", kind="integer", default=12, low=2, high=64, label="Leaves, at most"),
            Setting(name="depth", kind="integer", default=4, low=1, high=6, label="Conditions above a leaf, at most"),
            Setting(
                name="rows", kind="integer", default=20_000, low=100, high=1_000_000, fewest=1_000, label="Rows used"
            ),
            Setting(name="features", kind="features", label="Columns", help="Empty: all that the model reads."),
            Setting(
                name="class_",
                kind="class",
                label="Class",
                help="Of several classes; empty: the most frequent decision.",
            ),
            LEVEL,
        ),
    ),
]
