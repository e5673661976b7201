"""Whatever draws a figure: the condition of a mark selects the rows that its numbers are of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

import modelglass as mg
from modelglass.analysis.figures import html, marks
from modelglass.analysis.joining import conjoined
from modelglass.analysis.registry import fitting, run

N = 1200
ODD = """it's "<b>odd</b>"; -- $x$"""
SETTINGS = {
    "fairness": {"groups": ["city", "size*city"]},
    "calibration": {"by": "city"},
    "thresholds_by_slice": {"by": "city"},
    "fairness_by_threshold": {"by": "city"},
    "interval_coverage": {"by": "city"},
    "error_heatmap": {"columns": ["size", "city"]},
}
SEVERAL = {"calibration": {}}
MORE = [
    ("binary", "calibration", {"class_": "no", "strategy": "quantile"}),
    ("multiclass", "calibration", {"class_": ODD, "by": ODD}),
    ("regression", "residuals", {"against": "size"}),
    ("regression", "residuals", {"against": "when"}),
    ("regression", "residuals", {"against": ODD, "bins": 3}),
    ("regression", "residuals", {"against": "city"}),
]


@pytest.fixture(scope="module")
def evaluations():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": rng.normal(50, 9, N).round(1),
            "count": rng.integers(0, 9, N),
            "city": rng.choice(["Rome", ODD, "Ponta Delgada"], N),
            ODD: rng.normal(size=N),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 900, N), "D"),
        }
    )
    frame.loc[rng.random(N) < 0.1, "size"] = np.nan
    frame.loc[rng.random(N) < 0.1, "city"] = None
    drive = frame["size"].fillna(40) / 9 + frame["count"] / 2 + (frame["city"] == "Rome") * 3 + rng.normal(0, 2, N)
    targets = {
        "binary": np.where(drive > drive.median(), "yes", "no"),
        "multiclass": np.array(["low", ODD, "high"])[np.digitize(drive, drive.quantile([0.3, 0.7]))],
        "regression": drive.round(2),
    }
    made = {}
    for task, y in targets.items():
        kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
        coded = make_column_transformer(
            (SimpleImputer(), ["size", "count", ODD]),
            (OrdinalEncoder(encoded_missing_value=-1), make_column_selector(dtype_include=object)),
        )
        read = ["size", "count", ODD, "city"]
        frame["city"] = frame["city"].astype(object)
        model = make_pipeline(coded, kind(max_iter=8)).fit(frame[read], y)
        more = {"quantiles": {0.1: drive - 3, 0.9: drive + 2}} if task == "regression" else {}
        made[task] = mg.Evaluation(model, frame.assign(y=y), target="y", time="when", **more)
    return made


def asked(task):
    known = [a for a in fitting(task) if a.page not in ("row", "sensitivity", "importance", "effects", "data")]
    several = [
        (a.name, SEVERAL.get(a.name, SETTINGS.get(a.name, {})) if task == "multiclass" else SETTINGS.get(a.name, {}))
        for a in known
    ]
    return [*several, *((name, more) for t, name, more in MORE if t == task)]


CASES = [
    (t, name, s, c)
    for t in ("binary", "multiclass", "regression")
    for name, s in asked(t)
    for c in (None, "count < 6 OR count = 7")
]


def result_of(ev, name, settings):
    try:
        return run(ev, name, **settings).result
    except mg.analysis.AnalysisError:  # it asks for something that these data lack
        return None


@pytest.mark.parametrize(("task", "name", "settings", "cohort"), CASES)
def test_every_condition_selects_the_rows_that_are_counted(task, name, settings, cohort, evaluations):
    ev = evaluations[task]
    ev = ev if cohort is None else ev.where(cohort)
    result = result_of(ev, name, settings)
    if result is None:
        pytest.skip("cannot say")
    counted = {}
    frame = result.frame()
    if {"where", "n"} <= set(frame.columns) and name != "findings":  # whose n are rows judged, some of these
        sizes = "found" if name == "label_errors" else "rows" if "rows" in frame.columns else "n"
        for row in frame[frame["where"].map(lambda w: isinstance(w, str))].to_dict("records"):
            assert ev.where(row["where"]).n == row[sizes], row["where"]
            counted[row["where"]] = row[sizes]
    try:
        made = mg.figure(result)
    except mg.analysis.NotApplicable:
        return
    if marks.has_conditions(made):
        for where in marks.conditions_of(made)["where"].unique()[:60]:
            if where not in counted:  # those in the frame were counted above
                ev.where(where)


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("binary", "slice_metrics"),
        ("binary", "confusion"),
        ("binary", "calibration"),
        ("binary", "predictions"),
        ("binary", "fairness"),
        ("binary", "thresholds_by_slice"),
        ("multiclass", "confusion"),
        ("multiclass", "predictions"),
        ("regression", "predictions"),
        ("regression", "residuals"),
        ("regression", "scale_location"),
        ("regression", "interval_coverage"),
    ],
)
def test_these_can_be_clicked_everywhere_but_where_there_is_nothing(task, name, evaluations):
    ev = evaluations[task]
    made = mg.figure(result_of(ev, name, SETTINGS.get(name, {})))
    assert marks.has_conditions(made)
    found = marks.conditions_of(made)
    assert len(found) >= 4
    assert found["where"].map(ev.where).map(lambda c: c.n).min() > 0


def test_found_slices_can_be_clicked():
    rng = np.random.default_rng(0)
    g, x = rng.choice(["a", "b"], 4000), rng.normal(size=4000)
    y = rng.integers(0, 2, 4000)
    wrong = rng.random(4000) < np.where((g == "a") & (x > 0), 0.6, 0.1)
    ev = mg.Evaluation.from_predictions(y, prediction=np.where(wrong, 1 - y, y), frame=pd.DataFrame({"g": g, "x": x}))
    result = result_of(ev, "find_slices", {})
    found = marks.conditions_of(mg.figure(result))
    assert set(found["where"]) == set(result.frame()["where"]) != set()


def test_bins_of_the_scores_put_each_row_into_one(evaluations):
    for task, name in (("binary", "predictions"), ("regression", "predictions"), ("multiclass", "predictions")):
        ev = evaluations[task]
        frame = result_of(ev, name, {}).frame()
        for _, part in frame.groupby("group"):
            assert sum(ev.where(w).n for w in part.loc[part["n"] > 0, "where"]) == ev.n


def test_a_name_that_the_data_have_makes_no_wrong_cohort(evaluations):
    ev = evaluations["binary"]
    frame = ev.frame.assign(_prediction="yes", _score=0.5)
    own = mg.Evaluation(ev.estimator, frame, target="y")
    for name in ("confusion", "calibration", "predictions"):
        assert marks.conditions_of(mg.figure(result_of(own, name, {}))).empty


@pytest.mark.parametrize("name", ["slice_metrics", "confusion", "predictions"])
def test_report_and_notebook_hold_no_conditions(name, evaluations):
    result = result_of(evaluations["binary"], name, {})
    made = mg.figure(result)
    spec = marks.without_conditions(made.to_dict())
    assert "meta" not in spec["layout"]
    assert all("customdata" not in t for t in spec["data"])
    assert marks.has_conditions(made), "the figure itself keeps them"
    plain = made.update_layout(meta=None)
    for trace in plain.data:
        trace.customdata = None
    assert html.figure_html(mg.figure(result), "a") == html.figure_html(plain, "a")


def test_conditions_of_a_cohort_are_joined_to_its_own(evaluations):
    ev = evaluations["binary"]
    cohort = ev.where("count < 6 OR size > 50")
    cell = result_of(cohort, "confusion", {}).frame().iloc[1]
    assert ev.where(conjoined(cohort.condition, cell["where"])).n == cell["n"]
