"""Settings that many records have: level, row, class, metric, rows of a new fit."""

from __future__ import annotations

from modelglass.analysis.registry import Setting

LEVEL = Setting(name="level", kind="number", default=0.95, low=0.5, high=0.999, step=0.01, label="Level of intervals")
ROW = Setting(name="row", kind="row", label="Row", help="Number of the row in the data.")
METRIC = Setting(
    name="metric",
    kind="metric",
    label="Metric",
    help="Empty: ROC AUC, log loss or RMSE, by the task.",
    empty={
        "binary": "ROC AUC (or accuracy without scores)",
        "multiclass": "log loss (or accuracy without scores)",
        "regression": "root mean squared error",
    },
)
AGAINST_REST = Setting(
    name="class_", kind="class", label="Class", help="Measure this class against the rest; empty: all of them."
)
ONE_CLASS = Setting(name="class_", kind="class", label="Class", help="Of several classes only this one; empty: all.")
NEW_FIT = (
    Setting(name="train_rows", kind="integer", default=20_000, low=50, high=1_000_000, label="Training rows used"),
    Setting(name="rows", kind="integer", default=5_000, low=50, high=1_000_000, label="Rows judged"),
)
"""Of a model that is fitted again on a sample of training rows."""
