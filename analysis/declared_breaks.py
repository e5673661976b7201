"""The records of the page Sensitivity that change rows within constraints."""

from __future__ import annotations

from modelglass.analysis.registry import Analysis, Setting
from modelglass.analysis.usual_settings import LEVEL

CONSTRAINTS = Setting(
    name="constraints",
    kind="text",
    label="Constraints",
    file=True,
    help="YAML, such as columns: {age: {direction: up}}; empty: ranges, steps and levels that the data show.",
)
IMMUTABLE = Setting(
    name="immutable", kind="features", label="Columns that stay as they are", help="Empty: none beside ids and texts."
)

ANALYSES: list[Analysis] = [
    Analysis(
        name="adversarial",
        title="Cheapest change",
        question="How little must change in a row for another decision?",
        page="sensitivity",
        compute="modelglass.analysis.adversarial:adversarial",
        find="modelglass.analysis.adversarial_find:find",
        keeps_best=True,
        cost="seconds",
        order=20,
        settings=(
            IMMUTABLE,
            CONSTRAINTS,
            Setting(name="rows", kind="integer", default=100, low=10, high=100_000, label="Rows searched"),
            Setting(
                name="rounds",
                kind="integer",
                default=3,
                low=0,
                high=1_000,
                label="Rounds of search",
                help="More rounds find cheaper changes.",
            ),
            Setting(
                name="budget",
                kind="number",
                default=10.0,
                low=0.5,
                high=3_600.0,
                step=0.5,
                label="Seconds",
                help="Then the search stops with the best so far.",
            ),
            Setting(
                name="amount",
                kind="number",
                low=0.0,
                high=1e12,
                label="Move of a number",
                help="Of a predicted number what counts as another answer; empty: half the predictions' standard deviation.",
            ),
            LEVEL,
        ),
    ),
    Analysis(
        name="constraints",
        title="What may change in a row",
        question="What may change in a row, how far and at what cost?",
        page="sensitivity",
        compute="modelglass.analysis.constraints:constraints",
        cost="seconds",
        order=10,
        reads_threshold="never",
        settings=(
            Setting(
                name="given",
                kind="text",
                label="Constraints",
                file=True,
                help="YAML; empty: ranges, steps and levels that the data show.",
            ),
        ),
    ),
]
