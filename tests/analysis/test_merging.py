"""Properties that hold whatever the data: row order, weights, parts that merge, strict JSON."""

from __future__ import annotations

import functools
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

import modelglass as mg
from modelglass.analysis import slice_metrics
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.groups import Groups, rows_of
from modelglass.analysis.ranking import ranked
from modelglass.analysis.registry import fitting, run
from modelglass.analysis.result import result_json

QUIET = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
MAKERS = {
    "float": st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([0.0, -0.0, 1e300, -1e300])),
    "whole": st.integers(-(2**62), 2**62),
    "text": st.one_of(st.none(), st.sampled_from(["a", "b", "it's", "", "ü", "NULL", "x, y"])),
    "flag": st.one_of(st.none(), st.booleans()),
    "time": st.one_of(st.none(), st.datetimes(pd.Timestamp("1900-01-01").to_pydatetime(), pd.Timestamp("2100-01-01").to_pydatetime())),
    "zone": st.one_of(st.none(), st.datetimes(pd.Timestamp("2000-01-01").to_pydatetime(), pd.Timestamp("2030-01-01").to_pydatetime())),
    "decimal": st.one_of(st.none(), st.decimals(-1000, 1000, places=2)),
    "lasting": st.one_of(st.none(), st.timedeltas(pd.Timedelta(0).to_pytimedelta(), pd.Timedelta(days=9).to_pytimedelta())),
    "ordered": st.one_of(st.none(), st.sampled_from(["low", "high"])),
}  # fmt: skip


def typed(kind, values):
    if kind == "ordered":
        return pd.Series(pd.Categorical(values, ["low", "middle", "high"], ordered=True))
    if kind == "zone":
        return (
            pd.Series(pd.to_datetime(pd.Series(values, dtype="datetime64[us]")))
            .dt.tz_localize("UTC")
            .dt.tz_convert("Asia/Tokyo")
        )
    if kind == "flag":
        return pd.Series(pd.array(values, dtype="boolean"))
    if kind == "time":
        return pd.Series(values, dtype="datetime64[us]")
    if kind == "lasting":
        return pd.Series(values, dtype="timedelta64[us]")
    return pd.Series(values, dtype="float64" if kind == "float" else None if kind == "whole" else object)


@st.composite
def worlds(draw, tasks=("binary", "multiclass", "regression")):
    """A frame of columns of several types, outcomes, predictions, scores and small whole weights."""
    n = draw(st.integers(3, 25))
    task = draw(st.sampled_from(tasks))

    def several(one):
        return draw(st.lists(one, min_size=n, max_size=n))

    kinds = draw(st.lists(st.sampled_from(sorted(MAKERS)), min_size=1, max_size=3, unique=True))
    frame = pd.DataFrame({kind: typed(kind, several(MAKERS[kind])) for kind in kinds})
    frame["w"] = several(st.integers(0, 3))
    frame.loc[0, "w"] = 1
    k = {"binary": 2, "multiclass": 3}.get(task)
    if k is None:
        y, made, score = several(st.floats(-100, 100)), several(st.floats(-100, 100)), None
        y[:2] = [0.5, 1.5]
    else:
        y, made = several(st.integers(0, k - 1)), several(st.integers(0, k - 1))
        y[:k] = range(k)
        parts = np.array([several(st.integers(0, 4)) for _ in range(k)], float).T + 0.5
        parts /= parts.sum(axis=1, keepdims=True)
        score = parts[:, 1] if k == 2 else {c: parts[:, c] for c in range(k)}
    frame["y"] = y
    return {"frame": frame, "prediction": made, "score": score, "task": task}


def evaluation(world, rows=None, weight=None):
    frame = world["frame"] if rows is None else world["frame"].iloc[rows].reset_index(drop=True)
    rows = np.arange(len(world["frame"])) if rows is None else rows
    score = world["score"]
    score = (
        {c: np.asarray(v)[rows] for c, v in score.items()}
        if isinstance(score, dict)
        else None
        if score is None
        else np.asarray(score)[rows]
    )
    return mg.Evaluation.from_predictions(
        frame["y"], np.asarray(world["prediction"])[rows], score, frame, target="y", weight=weight, task=world["task"], ignore=[] if weight else ["w"]
    )  # fmt: skip


def sliced(ev):
    try:
        table = slice_metrics(ev).frame()
    except NotApplicable:
        return None
    return table.sort_values(["columns", "slice", "metric"]).reset_index(drop=True)


@QUIET
@given(worlds(), st.randoms(use_true_random=False))
def test_row_order_is_irrelevant(world, random):
    order = list(range(len(world["frame"])))
    random.shuffle(order)
    a, b = sliced(evaluation(world, weight="w")), sliced(evaluation(world, np.array(order), weight="w"))
    if a is None:
        assert b is None
        return
    pd.testing.assert_frame_equal(
        a[["columns", "slice", "where", "metric", "n"]], b[["columns", "slice", "where", "metric", "n"]]
    )
    for column in ("estimate", "low", "high"):
        np.testing.assert_allclose(a[column].astype(float), b[column].astype(float), rtol=1e-7, atol=1e-9)


@QUIET
@given(worlds())
def test_a_weight_of_two_is_the_row_twice(world):
    weights = world["frame"]["w"].to_numpy()
    assume(len(set(np.repeat(world["frame"]["y"], weights))) == len(set(world["frame"]["y"])))
    weighted = evaluation(world, weight="w")
    twice = evaluation(world, np.repeat(np.arange(len(weights)), weights))
    conditions = [c for name in weighted.columns if name not in ("y", "w") for c in _conditions(weighted, name)]
    for condition in [None, *conditions]:
        got, want = (_point(ev, condition) for ev in (weighted, twice))
        if want is None:  # only rows without weight
            continue
        for metric, value in want.items():
            if np.isfinite(value) and np.isfinite(got.get(metric, np.nan)):
                assert got[metric] == pytest.approx(value, rel=1e-7, abs=1e-9), (metric, condition)


def _conditions(ev, name):
    try:
        return ev.coding(name).conditions
    except NotApplicable:
        return ()


def _point(ev, condition):
    """Point estimates of the rows that a condition selects; functions of weighted sums, so weights are counts."""
    try:
        cohort = ev if condition is None else ev.where(condition)
        if cohort.weight is not None and not cohort.weight.any():
            return None
        names = ["mae", "rmse", "bias", "r2"] if ev.task == "regression" else ["accuracy", "balanced_accuracy"]
        names += (
            ["roc_auc", "log_loss", "brier_score", "average_precision"]
            if ev.task == "binary" and ev.score is not None
            else []
        )
        table = slice_metrics(cohort, by=["y"], metrics=names).frame()
    except (InputError, NotApplicable):
        return None
    whole = table[table["columns"] == "(all rows)"]
    return dict(zip(whole["metric"], whole["estimate"].astype(float)))


def parted(ev, data):
    """Give the places of the rows of up to three parts, drawn."""
    part = np.array(data.draw(st.lists(st.integers(0, 2), min_size=ev.n, max_size=ev.n)))
    return [places for p in range(3) if len(places := np.flatnonzero(part == p))]


@QUIET
@given(worlds(), st.data())
def test_parts_merge_to_the_whole(world, data):
    """Rows, weights, tables and sums of losses of slices, counted in parts of the rows, add up to those of all rows."""
    ev = evaluation(world, weight="w")
    name = next((c for c in world["frame"] if _conditions(ev, c)), "w")
    coding, rows = ev.coding(name), rows_of(ev)

    def counted(places):
        groups = Groups(rows.cut(places), coding.codes[places], len(coding.labels))
        off = np.asarray(groups.rows.predicted - groups.rows.y, float)
        found = {
            "n": groups.n,
            "w": groups.w,
            "squared": groups.weighted_sum(off**2),
            "absolute": groups.weighted_sum(abs(off)),
        }
        return found if ev.task == "regression" else found | {t: getattr(groups, t) for t in ("table", "table_w", "table_w2")}  # fmt: skip

    whole, parts = counted(np.arange(ev.n)), [counted(places) for places in parted(ev, data)]
    for field, values in whole.items():
        np.testing.assert_allclose(sum(p[field] for p in parts), values, rtol=1e-9, atol=1e-6, err_msg=field)


@QUIET
@given(worlds(tasks=("binary",)), st.data())
def test_counts_of_parts_merge_at_every_threshold(world, data):
    """What threshold curves and their sliders read, counted in parts, adds up at any threshold, and ROC AUC follows exactly."""
    ev = evaluation(world, weight="w")
    at = np.append(np.unique(ev.score)[::-1], 0.37)

    def counted(places):
        ranking = ranked(ev.y[places], ev.score[places], ev.weight[places])
        place = ranking.place(at)
        return np.vstack([ranking.powers[:, :, place].reshape(6, -1), ranking.selected[place], ranking.hits[place]])

    merged = sum(counted(places) for places in parted(ev, data))
    np.testing.assert_allclose(merged, counted(np.arange(ev.n)), rtol=1e-9, atol=1e-9)
    tp, fp = (np.append(0.0, merged[k, :-1]) for k in (0, 1))
    if tp[-1] and fp[-1]:
        area = ((tp[1:] + tp[:-1]) / 2 * np.diff(fp)).sum() / (tp[-1] * fp[-1])
        assert area == pytest.approx(roc_auc_score(ev.y, ev.score, sample_weight=ev.weight), abs=1e-9)


def written(analysis, constant):
    pytest.fail(f"{analysis} writes {constant}, which is not strict JSON")


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_every_instant_result_is_strict_json(task):
    instant = [a for a in fitting(task) if a.cost == "instant"]
    assert len(instant) >= 4

    @settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
    @given(worlds(tasks=(task,)))
    def check(world):
        ev = evaluation(world, weight="w")
        for analysis in instant:
            row = {"row": 0} if any(s.name == "row" for s in analysis.settings) else {}
            outcome = run(ev, analysis, **row)
            if outcome.result is None:
                assert outcome.reason
                continue
            text = json.dumps(result_json(analysis.name, outcome.result), allow_nan=False)
            json.loads(text, parse_constant=functools.partial(written, analysis.name))

    check()
