"""The shared core: numbers in, frozen results out. No screen, no explainer library."""

from __future__ import annotations

from modelglass.analysis.adversarial import adversarial
from modelglass.analysis.augmented import augmented
from modelglass.analysis.baselines import baselines
from modelglass.analysis.beyond_range import beyond_range
from modelglass.analysis.calibration import calibration
from modelglass.analysis.column_differences import column_differences
from modelglass.analysis.column_facts import column_facts
from modelglass.analysis.conformal import conformal
from modelglass.analysis.confusion import confusion
from modelglass.analysis.constraints import constraints
from modelglass.analysis.contrast import contrast
from modelglass.analysis.data_checks import data_checks
from modelglass.analysis.discovery import find_slices
from modelglass.analysis.error_heatmap import error_heatmap
from modelglass.analysis.error_tree import error_tree
from modelglass.analysis.errors import (
    AnalysisError,
    Enough,
    InputError,
    MachineError,
    MissingPackage,
    NotApplicable,
    Stopped,
)
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.fairness import fairness
from modelglass.analysis.fairness_by_threshold import fairness_by_threshold
from modelglass.analysis.findings import findings
from modelglass.analysis.fragile_rows import fragile_rows
from modelglass.analysis.input_faults import input_faults
from modelglass.analysis.interval_coverage import interval_coverage
from modelglass.analysis.label_errors import label_errors
from modelglass.analysis.lift import lift
from modelglass.analysis.listing import listing
from modelglass.analysis.missing_robustness import missing_robustness
from modelglass.analysis.noise_robustness import noise_robustness
from modelglass.analysis.own_metrics import own_metric
from modelglass.analysis.performance import performance
from modelglass.analysis.precision_recall import precision_recall
from modelglass.analysis.predictions import predictions
from modelglass.analysis.projection import projection
from modelglass.analysis.remedies import remedies
from modelglass.analysis.residual_qq import residual_qq
from modelglass.analysis.residuals import residuals
from modelglass.analysis.robust_threshold import robust_threshold
from modelglass.analysis.roc import roc
from modelglass.analysis.same_answers import same_answers
from modelglass.analysis.scale_location import scale_location
from modelglass.analysis.slices import slice_metrics
from modelglass.analysis.sobol_indices import sobol_indices
from modelglass.analysis.standing import standing
from modelglass.analysis.steadier_fit import steadier_fit
from modelglass.analysis.thresholds import thresholds
from modelglass.analysis.thresholds_by_slice import thresholds_by_slice
from modelglass.analysis.train_test_gap import train_test_gap
from modelglass.analysis.why_here import why_here
from modelglass.analysis.worst_rows import worst_rows

__all__ = [
    "AnalysisError",
    "Enough",
    "Evaluation",
    "InputError",
    "MachineError",
    "MissingPackage",
    "NotApplicable",
    "Stopped",
    "adversarial",
    "augmented",
    "baselines",
    "beyond_range",
    "calibration",
    "column_differences",
    "column_facts",
    "conformal",
    "confusion",
    "constraints",
    "contrast",
    "data_checks",
    "error_heatmap",
    "error_tree",
    "fairness",
    "fairness_by_threshold",
    "find_slices",
    "findings",
    "fragile_rows",
    "input_faults",
    "interval_coverage",
    "label_errors",
    "lift",
    "listing",
    "missing_robustness",
    "noise_robustness",
    "own_metric",
    "performance",
    "precision_recall",
    "predictions",
    "projection",
    "remedies",
    "residual_qq",
    "residuals",
    "robust_threshold",
    "roc",
    "same_answers",
    "scale_location",
    "slice_metrics",
    "sobol_indices",
    "standing",
    "steadier_fit",
    "thresholds",
    "thresholds_by_slice",
    "train_test_gap",
    "why_here",
    "worst_rows",
]
