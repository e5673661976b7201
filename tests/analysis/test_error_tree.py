"""Error trees: planted conditions become branches, numbers come from rows that did not grow the tree, null data has no branch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from modelglass.analysis import error_tree, own_metric
from modelglass.analysis.coding import Coding, code_column
from modelglass.analysis.columns import infer_columns
from modelglass.analysis.conditions import Conditions
from modelglass.analysis.difference import adjusted
from modelglass.analysis.discovery import codings_of
from modelglass.analysis.error_tree import _table, measure
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.analysis.figures.marks import conditions_of, has_conditions
from modelglass.analysis.groups import Rows, rows_of
from modelglass.analysis.growing import Node, grow, members
from modelglass.analysis.halves import halves
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.own_metrics import Bootstrap
from modelglass.analysis.regions import region


def world(seed=0, n=6000, task="binary", strength=0.4):
    """Errors where age >= 60 and job is cook or clerk; 5 % anywhere."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, n).astype(float),
            "job": rng.choice(["cook", "clerk", "driver", "smith", None], n),
            "pay": rng.gamma(2, 1000, n).round(),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 800, n), "D"),
        }
    )
    frame.loc[rng.random(n) < 0.1, "age"] = np.nan
    bad = ((frame["age"] >= 60) & frame["job"].isin(["cook", "clerk"])).to_numpy()
    if task == "regression":
        return Evaluation.from_predictions(
            rng.normal(size=n) * (1 + 8 * strength * bad), np.zeros(n), frame=frame, task=task
        )
    y = rng.integers(0, 2, n)
    flip = rng.random(n) < 0.05 + strength * bad
    return Evaluation.from_predictions(
        y, np.where(flip, 1 - y, y), frame=frame.assign(bad=bad), task="binary", positive=1, ignore=["bad"]
    )


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_planted_conjunction_becomes_a_leaf(task):
    ev = world(task=task)
    found = error_tree(ev)
    row = found.sure().iloc[0]
    inside = np.zeros(ev.n, bool)
    inside[ev.where(row["where"]).rows] = True
    bad = ((ev.frame["age"] >= 60) & ev.frame["job"].isin(["cook", "clerk"])).to_numpy()
    assert (inside & bad).sum() > 0.9 * (inside | bad).sum()
    assert row["depth"] == 2
    assert "worse where" in found.sentence()
    assert row["slice"] in found.sentence()


def test_every_number_is_that_of_the_judging_half():
    ev = world()
    found = error_tree(ev)
    frame = found.frame()
    masks = {row.node: np.isin(np.arange(ev.n), ev.where(row.where).rows) for row in frame.itertuples()}
    codes = np.column_stack([c.codes for c in codings_of(ev, None, (16,))])
    _, second = halves(rows_of(ev), ev.seed, codes)
    right = (ev.y == ev.predicted)[second]
    for row in frame.itertuples():
        inside = masks[row.node][second]
        assert row.n == inside.sum()
        assert row.rows == masks[row.node].sum()
        assert row.estimate == pytest.approx(right[inside].mean())
        if row.leaf:
            assert row.rest == pytest.approx(right[~inside].mean())
            assert row.effect_low <= row.effect <= row.effect_high
        if row.parent >= 0:
            assert not (masks[row.node] & ~masks[row.parent]).any()
    leaves = found.leaves
    assert sum(masks[i].astype(int) for i in leaves["node"]).tolist() == [1] * ev.n
    np.testing.assert_allclose(leaves["p_adjusted"], adjusted(leaves["p"]))


def brute(codings, loss, support):
    """The best first split by trying every cut of numbers and every one, two or three levels of the others."""
    from itertools import combinations

    best = (0.0, None)
    for j, c in enumerate(codings):
        k = len(c.labels)
        if c.bounds is not None:
            missing = c.conditions[-1].endswith("IS NULL")
            last = k - 1 if missing else k
            sides = [set(range(u)) for u in range(1, last)]
            sides += [s | {k - 1} for s in sides] + [{k - 1}] if missing else []
        else:
            sides = [set(s) for r in (1, 2, 3) for s in combinations(range(k), r)]
        for side in sides:
            inside = np.isin(c.codes, list(side))
            a, b = loss[inside], loss[~inside]
            if min(len(a), len(b)) < support:
                continue
            gain = ((loss - loss.mean()) ** 2).sum() - ((a - a.mean()) ** 2).sum() - ((b - b.mean()) ** 2).sum()
            if gain > best[0] * (1 + 1e-9):
                best = (gain, (j, frozenset(side), frozenset(set(range(k)) - side)))
    return best[1]


@pytest.mark.parametrize("seed", range(4))
def test_the_first_split_is_the_best_there_is(seed):
    ev = world(seed, 800)
    codings = [ev.coding(c, 8) for c in ("age", "job", "pay")]
    loss = (ev.y != ev.predicted).astype(float)
    nodes = grow(np.column_stack([c.codes for c in codings]), codings, loss, max_leaves=2, support=30)
    j, one, other = brute(codings, loss, 30)
    assert nodes[0].split == j
    sides = {frozenset(np.flatnonzero(n.allowed[j]).tolist()) for n in nodes[1:]}
    assert sides == {one, other}


def test_weight_two_is_the_row_twice_for_the_growing():
    ev = world(3, 1200)
    codings = [ev.coding(c, 8) for c in ("age", "job")]
    codes, loss = np.column_stack([c.codes for c in codings]), (ev.y != ev.predicted).astype(float)
    times = np.random.default_rng(0).integers(1, 3, ev.n)
    twice = np.repeat(np.arange(ev.n), times)
    by_weight = grow(codes, codings, loss, times.astype(float), support=20, max_leaves=3)
    by_rows = grow(codes[twice], codings, loss[twice], support=20, max_leaves=3)
    assert len(by_weight) == len(by_rows) == 5
    for a, b in zip(by_weight, by_rows):
        assert np.array_equal(members(a, codes), members(b, codes))


@pytest.mark.parametrize("kind", ["plain", "clusters", "weights"])
def test_null_data_grow_no_branch_mostly_and_no_sure_leaf(kind):
    branched = sure = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        n = 800
        cluster = np.arange(n) // 8 if kind == "clusters" else None
        codes = rng.integers(0, 6, (n, 6)) if cluster is None else rng.integers(0, 6, (n, 6))[cluster]
        codings = [
            Coding(f"c{j}", codes[:, j], tuple("abcdef"), tuple(f"c{j} = '{v}'" for v in "abcdef"), "categorical")
            for j in range(6)
        ]
        risk = rng.random(n) if cluster is None else np.clip(0.3 + 0.25 * rng.normal(size=n)[cluster], 0, 1)
        wrong = rng.random(n) < (0.3 if cluster is None else risk)
        rows = Rows(task="binary", y=np.zeros(n, int), predicted=wrong.astype(int), cluster=cluster)
        if kind == "weights":
            rows = replace(rows, weight=rng.gamma(1, 1, n))
        found = measure(rows, codings, "accuracy", seed=seed)
        branched += len(found.frame()) > 1
        sure += len(found.sure()) > 0
    assert branched <= 9
    assert sure <= 6


def test_row_order_does_not_matter():
    ev = world(1, 3000)
    moved = np.random.default_rng(5).permutation(ev.n)
    a, b = error_tree(ev).frame(), error_tree(ev.take(moved)).frame()
    pd.testing.assert_frame_equal(a, b)


def test_missing_is_a_level_and_its_condition_selects_it():
    rng = np.random.default_rng(0)
    age = np.where(rng.random(4000) < 0.2, np.nan, rng.integers(18, 80, 4000))
    y = rng.normal(size=4000) * np.where(np.isnan(age), 3, 1)
    ev = Evaluation.from_predictions(y, np.zeros(4000), frame=pd.DataFrame({"age": age}), task="regression")
    row = error_tree(ev).sure().iloc[0]
    assert row["slice"] == "age is missing"
    assert ev.where(row["where"]).n == row["rows"] == np.isnan(age).sum()


def test_a_node_that_no_other_row_reaches_says_so():
    level = np.r_[np.ones(50, int), np.zeros(950, int)]  # the level of 50 rows, all of which grew the tree
    coding = Coding("a", level, ("x", "y"), ("a = 'x'", "a = 'y'"), "categorical")
    nodes = [
        Node(parent=-1, depth=0, column=-1, allowed={}, split=0),
        Node(parent=0, depth=1, column=0, allowed={0: np.array([False, True])}),
        Node(parent=0, depth=1, column=0, allowed={0: np.array([True, False])}),
    ]
    judged = Rows(task="regression", y=np.zeros(500), predicted=np.random.default_rng(0).normal(size=500))
    table = _table(
        METRICS["mae"], [coding], nodes, level[:, None], level[500:][:, None], judged, 0.95, Bootstrap(), None
    )
    assert table["note"][1] == "cannot say: only 0 rows of the half that judges"
    assert np.isnan(table.loc[1, ["estimate", "low", "p_adjusted"]].astype(float)).all()
    assert table["rows"].tolist() == [1000, 50, 950]
    assert np.isfinite(table["estimate"][2])


@pytest.mark.parametrize("metric", ["fnr", "precision", "roc_auc", "log_loss", "calibration_gap", "f1"])
def test_any_metric(metric):
    rng = np.random.default_rng(0)
    n = 6000
    frame = pd.DataFrame({"a": rng.normal(size=n), "g": rng.choice(list("uvw"), n)})
    p = 1 / (1 + np.exp(-2 * rng.normal(size=n)))
    bad = (frame["g"] == "u").to_numpy()
    y = (rng.random(n) < np.where(bad, 0.35 + 0.3 * (p > 0.5), p)).astype(int)
    if metric in ("fnr", "calibration_gap"):
        y = np.where(bad, 1, y)
    ev = Evaluation.from_predictions(y, score=p, threshold=0.5, frame=frame, positive=1)
    found = error_tree(ev, metric=metric)
    surest = found.sure()["where"].iloc[0]
    assert surest == "\"g\" = 'u'" or (metric == "calibration_gap" and surest == "\"g\" <> 'u'")
    assert found.settings["metric"] == metric
    assert found.sentence()


def test_functions_of_your_own_get_intervals_and_p_values():
    ev = world(0, 3000)

    def misses(y_true, y_pred, sample_weight):
        return float(np.average(y_true > y_pred, weights=sample_weight))

    found = error_tree(ev, metric=own_metric(misses, greater_is_better=False))
    row = found.sure().iloc[0]
    assert row["low"] < row["estimate"] < row["high"]
    assert "age" in row["slice"]


def test_region_conditions_select_exactly_their_rows():
    ev = world(2, 900)
    frame = ev.frame[["age", "job", "pay", "day"]].reset_index(drop=True)
    columns = infer_columns(frame)
    run = Conditions(frame, columns)
    rng = np.random.default_rng(0)
    for name in frame.columns:
        coding = code_column(frame[name], columns[name], bins=7, max_levels=3)
        k = len(coding.labels)
        for _ in range(30):
            allowed = rng.random(k) < 0.5
            if coding.bounds is not None:
                low, high = sorted(rng.integers(0, len(coding.bounds), 2))
                allowed = (np.arange(k) >= low) & (np.arange(k) <= high)
                allowed[len(coding.bounds) :] = rng.random() < 0.5
            if allowed.all() or not allowed.any():
                continue
            words, sql = region(coding, allowed)
            assert np.array_equal(run.mask(sql), allowed[coding.codes]), (words, sql)
            assert words.startswith(name)
            assert np.array_equal(run.mask(f"({sql}) AND TRUE"), allowed[coding.codes])


def test_hostile_names_and_levels_are_quoted_and_escaped():
    rng = np.random.default_rng(0)
    n = 3000
    name, level = 'a"b <i> IS NULL', "x' OR 1=1 -- <b>"
    frame = pd.DataFrame({name: rng.choice([level, "plain", "other"], n)})
    wrong = (frame[name] == level) & (rng.random(n) < 0.4)
    y = rng.integers(0, 2, n)
    ev = Evaluation.from_predictions(y, np.where(wrong, 1 - y, y), frame=frame, task="binary", positive=1)
    found = error_tree(ev)
    row = found.sure().iloc[0]
    assert ev.where(row["where"]).n == (frame[name] == level).sum()
    text = str(figure(found).data[0].text)
    assert "<i>" not in text
    assert "&lt;i&gt;" in text


def test_the_figure_shows_the_frame_and_its_marks_select():
    ev = world()
    found = error_tree(ev)
    made = figure(found)
    assert has_conditions(made)
    shown = {t.marker.symbol if isinstance(t.marker.symbol, str) else "tree": t for t in made.data}
    leaves = found.leaves.set_index("where")["estimate"]
    for x, custom in zip(shown["circle"].x, shown["circle"].customdata):
        assert leaves[custom[-1]] == pytest.approx(x)
    wheres = conditions_of(made)["where"]
    assert set(wheres) == set(found.frame()["where"]) - {"TRUE"}
    assert all(ev.where(w).n for w in wheres)
    assert max(len(line) for t in shown["tree"].text for line in t.split("<br>")) <= 30


def test_refusals():
    ev = world(0, 1000)
    with pytest.raises(InputError, match="accuracy"):
        error_tree(ev, metric="acuracy")
    with pytest.raises(InputError, match="jbo"):
        error_tree(ev, columns=["jbo"])
    with pytest.raises(InputError, match="from 1 to 6 as depth"):
        error_tree(ev, depth=0)
    with pytest.raises(NotApplicable, match="at least 200 rows"):
        error_tree(ev.take(np.arange(150)))
    with pytest.raises(NotApplicable, match="rests on"):
        error_tree(ev.where("_outcome = 1 AND _row < 40 OR _outcome = 0"), metric="fnr")
    none = error_tree(ev, columns=["pay"])
    assert "no branch" in none.sentence()
    assert figure(none).layout.annotations
