"""Error heat maps: each cell equals a count by hand, small cells say nothing, chosen columns are measured on other rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from modelglass.analysis import error_heatmap, own_metric
from modelglass.analysis.difference import adjusted
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.analysis.figures.marks import conditions_of, has_conditions
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.pairing import best_pair, explained, squares_of
from modelglass.analysis.slices import slice_metrics


def world(seed=0, n=4000, task="binary", strength=0.4):
    """Errors where town is x and pay is high, neither alone by half as much; many jobs, a missing age."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "town": rng.choice(list("xyz"), n),
            "pay": rng.gamma(2, 1000, n).round(),
            "job": rng.choice([f"job {i:02}" for i in range(20)], n, p=np.linspace(2, 1, 20) / 30),
            "age": np.where(rng.random(n) < 0.1, np.nan, rng.integers(18, 80, n)),
        }
    )
    bad = ((frame["town"] == "x") ^ (frame["pay"] > 1700)).to_numpy()
    if task == "regression":
        y = rng.normal(size=n) * (1 + 3 * strength * bad)
        return Evaluation.from_predictions(y, np.zeros(n), frame=frame, task=task)
    y = rng.integers(0, 2, n)
    flip = rng.random(n) < 0.05 + strength * bad
    return Evaluation.from_predictions(y, np.where(flip, 1 - y, y), frame=frame, task="binary", positive=1)


def test_every_cell_equals_its_rows():
    ev = world()
    found = error_heatmap(ev, x="town", y="age")
    cells = found.frame()
    crossed = slice_metrics(ev, by=[("town", "age")], metrics="accuracy").frame().set_index("where")
    assert cells["n"].sum() == ev.n
    right = ev.y == ev.predicted
    for row in cells.itertuples():
        inside = np.isin(np.arange(ev.n), ev.where(row.where).rows)
        assert row.n == inside.sum()
        assert row.estimate == pytest.approx(right[inside].mean())
        assert row.rest == pytest.approx(right[~inside].mean())
        same = crossed.loc[row.where]
        assert (row.low, row.high) == (pytest.approx(same["low"]), pytest.approx(same["high"]))
    np.testing.assert_allclose(cells["p_adjusted"], adjusted(cells["p"]))
    assert found.overall == pytest.approx(right.mean())
    assert "(missing)" in found.y_levels
    assert not found.settings["chosen"]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_two_columns_that_only_together_explain_the_loss_are_chosen(task):
    ev = world(task=task)
    found = error_heatmap(ev)
    s = found.settings
    assert {s["x"], s["y"]} == {"town", "pay"}
    assert s["pairs"] == 6
    assert s["rows"] + s["rows_choosing"] == ev.n
    assert found.frame()["n"].sum() == s["rows"]
    assert found.explained > 0.05
    assert "Of 6 pairs" in found.sentence()
    assert len(found.sure()) >= 3
    assert error_heatmap(ev, x="pay").settings["y"] == "town"
    assert error_heatmap(ev, y="pay").settings["x"] == "town"


def test_chosen_columns_are_not_judged_by_the_rows_that_chose_them():
    """Of null data the share explained is 0 on average on the measured rows, and far above on those that chose."""
    here, sure = [], 0
    for seed in range(40):
        ev = world(seed, 600, strength=0.0)
        found = error_heatmap(ev)
        here.append(found.explained)
        sure += len(found.sure()) > 0
    assert abs(np.mean(here)) < 3 * np.std(here) / np.sqrt(40) + 1e-3
    assert sure <= 5


def test_explained_is_epsilon_squared_and_counts_weights_as_rows():
    rng = np.random.default_rng(0)
    loss, cell, times = rng.normal(size=90), rng.integers(0, 4, 90), rng.integers(1, 3, 90)
    twice = np.repeat(np.arange(90), times)

    def counted(rows, w):
        parts = [np.bincount(cell[rows], weights=v, minlength=4) for v in (None, w, w * loss[rows])]
        return (*parts, squares_of(loss[rows], w))

    n, w, e, squares = counted(twice, np.ones(len(twice)))
    means = e / w
    between = (w * (means - loss[twice].mean()) ** 2).sum()
    within = (squares - between) / (len(twice) - 4)
    assert explained(n, w, e, squares) == pytest.approx((between - 3 * within) / squares)
    by_weight = counted(np.arange(90), times.astype(float))
    assert explained(n, *by_weight[1:]) == pytest.approx(explained(n, w, e, squares))


def test_the_best_pair_is_the_best_of_all():
    rng = np.random.default_rng(3)
    codes, weight = rng.integers(0, 3, (500, 5)), rng.gamma(2, 1, 500)
    loss = rng.normal(size=500) + 1.0 * (codes[:, 1] == codes[:, 4])
    by_hand = {}
    for i in range(5):
        for j in range(i + 1, 5):
            cell = codes[:, i] * 3 + codes[:, j]
            sums = [np.bincount(cell, weights=v, minlength=9) for v in (None, weight, weight * loss)]
            by_hand[i, j] = explained(*sums, squares_of(loss, weight))
    i, j, share, pairs = best_pair(codes, [3] * 5, loss, weight)
    assert (i, j) == max(by_hand, key=by_hand.get) == (1, 4)
    assert share == pytest.approx(by_hand[1, 4])
    assert pairs == 10
    with_two = {p: v for p, v in by_hand.items() if 2 in p}
    i, j, share, pairs = best_pair(codes, [3] * 5, loss, weight, fixed=2)
    assert tuple(sorted((i, j))) == max(with_two, key=with_two.get)
    assert pairs == 4


def test_small_cells_say_nothing():
    ev = world(n=300)
    found = error_heatmap(ev, x="town", y="job")
    small = found.frame()[found.frame()["n"] < 10]
    assert len(small)
    assert small[["estimate", "low", "high", "p_adjusted"]].isna().all(axis=None)
    assert small["note"].str.startswith("cannot say: only").all()
    texts = figure(found).data[0].text
    assert sum("cannot" in t for t in texts) == int(found.frame()["estimate"].isna().sum())
    assert len(found.y_levels) == 11
    assert any("grouped as (other)" in note for note in found.settings["notes"])


@pytest.mark.parametrize("metric", ["fnr", "roc_auc", "log_loss", "calibration_gap", "f1"])
def test_any_metric_and_weights_and_clusters(metric):
    rng = np.random.default_rng(0)
    n = 3000
    frame = pd.DataFrame(
        {"a": rng.normal(size=n), "g": rng.choice(list("uv"), n), "w": rng.gamma(2, 1, n), "c": np.arange(n) // 3}
    )
    p = 1 / (1 + np.exp(-2 * rng.normal(size=n)))
    y = (rng.random(n) < p).astype(int)
    ev = Evaluation.from_predictions(y, score=p, threshold=0.5, frame=frame, positive=1, weight="w", cluster="c")
    found = error_heatmap(ev, metric=metric, x="g", y="a")
    assert found.frame()["low"].notna().sum() == len(found.frame())
    assert found.settings["better"] == METRICS[metric].greater_is_better
    assert found.sentence()
    assert figure(found).data[0].customdata


def test_functions_of_your_own():
    ev = world(n=1500)
    found = error_heatmap(ev, x="town", y="age", metric=own_metric(lambda y, p, w: float(np.average(y != p, weights=w)), name="wrong", greater_is_better=False))  # fmt: skip
    assert found.frame()["p_adjusted"].notna().any()


def test_row_order_does_not_matter():
    ev = world(1, 2000)
    moved = ev.take(np.random.default_rng(5).permutation(ev.n))
    pd.testing.assert_frame_equal(error_heatmap(ev).frame(), error_heatmap(moved).frame())
    assert error_heatmap(ev).explained == pytest.approx(error_heatmap(moved).explained)


def test_marks_are_bars_that_select_their_cells_and_names_are_escaped():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a<b>": rng.choice(["<i>x</i>", "' OR TRUE --"], 800), 'q"': rng.integers(0, 3, 800)})
    ev = Evaluation.from_predictions(rng.normal(size=800), np.zeros(800), frame=frame, task="regression")
    found = error_heatmap(ev, x="a<b>", y='q"')
    made = figure(found)
    assert has_conditions(made)
    assert [t.type for t in made.data] == ["bar"]
    wheres = conditions_of(made)["where"]
    assert [ev.where(w).n for w in wheres] == found.frame()["n"].tolist()
    assert sum(ev.where(w).n for w in wheres) == ev.n
    assert "<i>" not in made.to_json().replace("&lt;i&gt;", "")
    np.testing.assert_allclose(
        np.asarray(made.data[0].base) + 0.47, [found.y_levels.index(v) for v in found.frame()["y"]]
    )


def test_names_across_fit_beside_each_other_on_a_phone():
    """270 px and 11 px letters: some 38 letters a line for all cells together."""
    rng = np.random.default_rng(0)
    edges = [f"{k}000 to < {k + 1}0000" for k in range(1, 7)]
    frame = pd.DataFrame({"a": rng.choice(edges, 2000), "b": rng.choice(list("xyz"), 2000)})
    y = rng.integers(0, 2, 2000)
    ev = Evaluation.from_predictions(y, y, frame=frame, task="binary", positive=1)
    ticks = figure(error_heatmap(ev, x="a", y="b")).layout.xaxis.ticktext
    assert len(ticks) == 6
    assert max(len(line) for tick in ticks for line in tick.replace("&lt;", "<").split("<br>")) * 6 <= 38


def test_a_cohort_of_one_cell_still_answers():
    ev = world().where("town = 'x' AND age < 30")
    found = error_heatmap(ev, x="town", y="age")
    assert found.frame()["n"].sum() == ev.n
    assert "No cell" in found.sentence()
    alone = error_heatmap(world().where("town = 'x'"), x="town", y="job")
    assert alone.frame()["x"].unique().tolist() == ["x"]


def test_refusals():
    ev = world(n=600)
    with pytest.raises(InputError, match="towm"):
        error_heatmap(ev, x="towm", y="age")
    with pytest.raises(InputError, match="two different columns"):
        error_heatmap(ev, x="age", y="age")
    with pytest.raises(InputError, match="from 2 to 10 as bins"):
        error_heatmap(ev, bins=1)
    with pytest.raises(NotApplicable, match="name the columns x and y"):
        error_heatmap(ev.take(np.arange(100)))
    lone = Evaluation.from_predictions(ev.y, ev.predicted, frame=ev.frame[["town"]], task="binary", positive=1)
    with pytest.raises(NotApplicable, match="only one column"):
        error_heatmap(lone)
    assert error_heatmap(ev.take(np.arange(100)), x="town", y="pay").frame()["n"].sum() == 100
