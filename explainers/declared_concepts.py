"""The record of concepts in hidden layers."""

from __future__ import annotations

from modelglass.analysis.registry import Analysis, Setting
from modelglass.analysis.usual_settings import ONE_CLASS

ANALYSES: list[Analysis] = [
    Analysis(
        name="concept_activation",
        reads_threshold="never",
        title="Concepts in hidden layers",
        page="importance",
        question="Does the answer of a neural network lean on a concept that has a name?",
        cost="seconds",
        order=70,
        report=False,
        asks="concepts",
        compute="modelglass.explainers.concept_activation:concept_activation",
        settings=(
            Setting(
                name="concepts",
                kind="text",
                label="Concepts",
                help="Conditions in SQL with ; between them, such as age < 30; sector = 'Private'; empty: none.",
            ),
            Setting(name="layers", kind="text", label="Layers", help="Names with commas between them; empty: all."),
            Setting(
                name="random",
                kind="integer",
                low=19,
                high=9_999,
                label="Random concepts",
                help="Empty: 199, more where concepts, layers and classes make many tests.",
            ),
            Setting(
                name="rows", kind="integer", default=5_000, low=50, high=1_000_000, fewest=200, label="Rows looked at"
            ),
            Setting(
                name="direction",
                kind="choice",
                default="means",
                choices=("means", "separating"),
                words={"means": "between the means", "separating": "that separates best"},
                label="Direction",
                help="Between the means of concept and other rows, or across the boundary between both.",
            ),
            ONE_CLASS,
        ),
    ),
]
