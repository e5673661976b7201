"""The explanations that modelglass itself declares, through the same door as any other package."""

from __future__ import annotations

from modelglass.analysis.registry import CLASSIFICATION, Analysis, Setting
from modelglass.analysis.usual_settings import LEVEL, ONE_CLASS, ROW
from modelglass.explainers import (
    declared_changes,
    declared_concepts,
    declared_examples,
    declared_importance,
    declared_own,
    declared_shapley,
    declared_students,
)
from modelglass.explainers.declared_effects import BY, EFFECTS
from modelglass.explainers.declared_shapley import BACKGROUND, METHOD

__all__ = ["ANALYSES"]

_FEATURES = Setting(
    name="features", kind="features", label="Columns", help="Empty: the four that move predictions most."
)
_OTHER = Setting(
    name="other",
    kind="text",
    label="Compare with",
    help="Another cohort, as a condition in SQL; empty: the rest of the rows.",
)

ANALYSES: list[Analysis] = [
    *declared_importance.ANALYSES,
    *declared_students.ANALYSES,
    *EFFECTS,
    Analysis(
        name="shapley_values",
        reads_threshold="never",
        title="Shapley values",
        page="importance",
        question="Which columns move predictions, and which way?",
        cost="seconds",
        order=20,
        compute="modelglass.explainers.shapley:shapley_values",
        settings=(
            Setting(
                name="rows",
                kind="integer",
                low=1,
                high=100_000,
                label="Rows explained",
                help="Empty: 1,000, or 20 to 200 where the values are sampled.",
            ),
            METHOD,
            BACKGROUND,
            ONE_CLASS,
            LEVEL,
        ),
    ),
    Analysis(
        name="shapley_difference",
        reads_threshold="never",
        needs_cohort=True,
        title="What moves predictions here",
        page="why",
        question="Which columns move predictions otherwise here than in the rest?",
        cost="seconds",
        order=40,
        compute="modelglass.explainers.shapley_difference:shapley_difference",
        settings=(
            _OTHER,
            Setting(
                name="rows",
                kind="integer",
                low=1,
                high=100_000,
                label="Rows of each side",
                help="Empty: 1,000, or 100 to 200 where the values are sampled.",
            ),
            METHOD,
            BACKGROUND,
            ONE_CLASS,
            LEVEL,
        ),
    ),
    Analysis(
        name="partial_dependence",
        reads_threshold="never",
        title="Partial dependence",
        page="effects",
        question="How does the average prediction follow a column?",
        cost="seconds",
        order=10,
        compute="modelglass.explainers.partial_dependence:partial_dependence",
        settings=(
            _FEATURES,
            Setting(name="grid", kind="integer", default=30, low=2, high=200, label="Values of a column"),
            Setting(
                name="rows",
                kind="integer",
                default=1_000,
                low=10,
                high=1_000_000,
                fewest=50,
                label="Rows averaged over",
            ),
            Setting(name="ice", kind="integer", default=50, low=0, high=500, label="Single rows shown"),
            ONE_CLASS,
            BY,
            Setting(
                name="additive",
                kind="flag",
                default=False,
                label="On the scale in which the model adds up",
                help="Log-odds of a boosted or linear classifier, say.",
            ),
            LEVEL,
        ),
    ),
    Analysis(
        name="individual_conditional_expectation",
        reads_threshold="never",
        title="Single rows",
        page="effects",
        question="Do rows differ in how they follow a column?",
        cost="seconds",
        order=20,
        report=False,
        compute="modelglass.explainers.partial_dependence:individual_conditional_expectation",
        settings=(
            _FEATURES,
            Setting(name="grid", kind="integer", default=30, low=2, high=200, label="Values of a column"),
            Setting(name="ice", kind="integer", default=50, low=1, high=500, fewest=10, label="Rows"),
            Setting(name="centred", kind="flag", default=False, label="Let every line start at 0"),
            Setting(name="clusters", kind="integer", default=3, low=1, high=7, label="Typical curves, at most"),
            ONE_CLASS,
        ),
    ),
    Analysis(
        name="shapley_row",
        reads_threshold="never",
        title="Shapley values of one row",
        page="row",
        question="What moved this prediction away from the average?",
        cost="seconds",
        order=10,
        report=False,
        compute="modelglass.explainers.shapley:shapley_row",
        settings=(ROW, METHOD, BACKGROUND, ONE_CLASS),
    ),
    Analysis(
        name="lime_weights",
        reads_threshold="never",
        title="LIME",
        page="row",
        question="What does a simple model around this row say?",
        cost="seconds",
        order=20,
        report=False,
        compute="modelglass.explainers.lime_weights:lime_weights",
        settings=(
            ROW,
            Setting(
                name="n_samples",
                kind="integer",
                default=5_000,
                low=100,
                high=50_000,
                fewest=500,
                label="Rows drawn around it",
            ),
            Setting(name="n_features", kind="integer", default=10, low=1, high=50, label="Columns in the simple model"),
            Setting(
                name="discretize",
                kind="flag",
                default=True,
                label="Cut numbers at their quartiles",
                help="Else they stay numbers in the simple model.",
            ),
            Setting(
                name="compare",
                kind="flag",
                default=False,
                label="Compare with the lime package",
                help="Lets it explain the same row with the same seed, and tells how far apart the weights are. Takes longer.",
            ),
            ONE_CLASS,
            LEVEL,
        ),
    ),
    Analysis(
        name="anchor",
        title="Anchor",
        page="row",
        question="Which rule alone holds this decision?",
        tasks=CLASSIFICATION,
        cost="seconds",
        order=30,
        report=False,
        compute="modelglass.explainers.anchor:anchor",
        settings=(
            ROW,
            Setting(
                name="threshold", kind="number", default=0.95, low=0.5, high=0.999, step=0.01, label="Precision wanted"
            ),
        ),
    ),
    *declared_shapley.ANALYSES,
    *declared_changes.ANALYSES,
    *declared_examples.ANALYSES,
    *declared_own.ANALYSES,
    *declared_concepts.ANALYSES,
]
