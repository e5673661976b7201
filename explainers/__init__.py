"""Explanations of models: each function takes an ``Evaluation`` first and gives a frozen result.

Light: no explainer library is imported until a function needs it.
"""

from modelglass.explainers.accumulated_local_effects import AccumulatedLocalEffects, accumulated_local_effects
from modelglass.explainers.anchor import Anchor, anchor
from modelglass.explainers.class_contrast import class_contrast
from modelglass.explainers.concept_activation import ConceptActivation, concept_activation
from modelglass.explainers.counterfactuals import Counterfactuals, counterfactuals
from modelglass.explainers.decision_path import DecisionPath, decision_path
from modelglass.explainers.drop_column_importance import DropColumnImportance, drop_column_importance
from modelglass.explainers.explanation_quality import ExplanationQuality, explanation_quality
from modelglass.explainers.explanation_quality_row import ExplanationQualityRow, explanation_quality_row
from modelglass.explainers.given_shapley_values import given_shapley_values
from modelglass.explainers.importances import Importances, importances
from modelglass.explainers.interaction_strength import InteractionStrength, interaction_strength
from modelglass.explainers.joint_effect import JointEffect, joint_effect
from modelglass.explainers.lime_weights import LimeWeights, lime_weights
from modelglass.explainers.nearest_examples import NearestExamples, nearest_examples
from modelglass.explainers.own_terms import OwnTerms, own_terms
from modelglass.explainers.partial_dependence import (
    IndividualConditionalExpectation,
    PartialDependence,
    individual_conditional_expectation,
    partial_dependence,
)
from modelglass.explainers.permutation_importance import PermutationImportance, permutation_importance
from modelglass.explainers.prototypes import Prototypes, prototypes
from modelglass.explainers.shapley import ShapleyRow, ShapleyValues, shapley_row, shapley_values
from modelglass.explainers.shapley_contrast import ShapleyContrast, shapley_contrast
from modelglass.explainers.shapley_difference import ShapleyDifference, shapley_difference
from modelglass.explainers.shapley_interactions import ShapleyInteractions, shapley_interactions
from modelglass.explainers.surrogate_tree import SurrogateTree, surrogate_tree
from modelglass.explainers.trust_score import TrustScore, TrustScoreRow, trust_score, trust_score_row
from modelglass.explainers.what_if import WhatIf, what_if, what_if_row

__all__ = [
    "AccumulatedLocalEffects",
    "Anchor",
    "ConceptActivation",
    "Counterfactuals",
    "DecisionPath",
    "DropColumnImportance",
    "ExplanationQuality",
    "ExplanationQualityRow",
    "Importances",
    "IndividualConditionalExpectation",
    "InteractionStrength",
    "JointEffect",
    "LimeWeights",
    "NearestExamples",
    "OwnTerms",
    "PartialDependence",
    "PermutationImportance",
    "Prototypes",
    "ShapleyContrast",
    "ShapleyDifference",
    "ShapleyInteractions",
    "ShapleyRow",
    "ShapleyValues",
    "SurrogateTree",
    "TrustScore",
    "TrustScoreRow",
    "WhatIf",
    "accumulated_local_effects",
    "anchor",
    "class_contrast",
    "concept_activation",
    "counterfactuals",
    "decision_path",
    "drop_column_importance",
    "explanation_quality",
    "explanation_quality_row",
    "given_shapley_values",
    "importances",
    "individual_conditional_expectation",
    "interaction_strength",
    "joint_effect",
    "lime_weights",
    "nearest_examples",
    "own_terms",
    "partial_dependence",
    "permutation_importance",
    "prototypes",
    "shapley_contrast",
    "shapley_difference",
    "shapley_interactions",
    "shapley_row",
    "shapley_values",
    "surrogate_tree",
    "trust_score",
    "trust_score_row",
    "what_if",
    "what_if_row",
]
