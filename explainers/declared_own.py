"""The records of models shown in their own terms."""

from __future__ import annotations

from modelglass.analysis.registry import Analysis, Setting
from modelglass.analysis.usual_settings import ONE_CLASS, ROW

ANALYSES: list[Analysis] = [
    Analysis(
        name="own_terms",
        reads_threshold="never",
        title="The model in its own terms",
        page="importance",
        question="What is the model made of, where it can be read as it is?",
        cost="seconds",
        order=45,
        compute="modelglass.explainers.own_terms:own_terms",
        settings=(
            Setting(name="points", kind="integer", default=20, low=3, high=200, label="Values of a curve"),
            ONE_CLASS,
        ),
    ),
    Analysis(
        name="decision_path",
        reads_threshold="never",
        title="The way through the tree",
        page="row",
        question="Which rules of the tree does this row follow?",
        cost="seconds",
        order=16,
        report=False,
        compute="modelglass.explainers.decision_path:decision_path",
        settings=(
            ROW,
            Setting(name="class_", kind="class", label="Class", help="Of several classes; empty: the one predicted."),
        ),
    ),
]
