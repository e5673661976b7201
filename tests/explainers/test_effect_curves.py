"""Curves of cohorts laid over each other, thin places, and typical curves among many."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.explainers import accumulated_local_effects, individual_conditional_expectation, partial_dependence
from modelglass.explainers.effect_curves import stretches
from modelglass.explainers.typical_curves import typical


@pytest.mark.parametrize("door", [partial_dependence, accumulated_local_effects])
def test_each_cohort_has_the_curve_it_has_alone(made, door):
    ev = made(HistGradientBoostingClassifier(max_iter=10))
    got = door(ev, features="pay", by="city", rows=None)
    assert set(got.cohorts) == set(ev.frame.city)
    for cohort in got.cohorts:
        alone = door(ev.where(f"city = '{cohort}'"), features="pay", rows=None).curves.drop(columns="cohort")
        mine = got.curves[got.curves.cohort == cohort].drop(columns="cohort")
        pd.testing.assert_frame_equal(mine.reset_index(drop=True), alone)
    assert "by city: pay: by" in got.sentence()
    assert len(figure(got).data) >= 4
    assert [t.name for t in figure(got).data if t.showlegend] == list(got.cohorts)


def test_cohorts_of_a_condition_and_of_a_number(made):
    ev = made(LogisticRegression(max_iter=300))
    got = partial_dependence(ev, features="pay", by="age > 50", class_="yes")
    assert got.cohorts == ("age > 50", "the rest")
    assert got.lines.empty
    assert figure(got).layout.title.text.startswith("Class yes. By age &gt; 50")
    three = partial_dependence(ev, features="pay", by="age")
    assert len(three.cohorts) == 3
    chosen = accumulated_local_effects(ev, by="city")
    assert "city" not in set(chosen.curves.feature)


def test_several_classes_and_cohorts(made):
    got = partial_dependence(made(HistGradientBoostingClassifier(max_iter=5), "y3"), features="age", by="member")
    assert len(got.curves) == 2 * 3 * got.curves.value.nunique()
    assert figure(got).layout.title.text.startswith(f"Class {got.widest()}. By member")


def test_refusals_of_cohorts(made):
    ev = made(LogisticRegression(max_iter=300))
    with pytest.raises(InputError, match="Expected the name of a column or a condition"):
        partial_dependence(ev, by=3)
    with pytest.raises(InputError):
        partial_dependence(ev, by="ctiy")
    with pytest.raises(NotApplicable, match="fewer than two cohorts of 10 rows"):
        accumulated_local_effects(ev, by="age > 78.5")
    with pytest.raises(InputError, match="at least one typical curve"):
        individual_conditional_expectation(ev, clusters=0)


def test_thin_places_are_said_and_shaded():
    X = pd.DataFrame({"x": np.r_[np.linspace(0, 1, 500), np.linspace(9, 10, 500)]})
    ev = Evaluation(lambda f: f["x"].to_numpy(), X.assign(t=X.x), target="t", task="regression", features=["x"])
    for door in (partial_dependence, accumulated_local_effects):
        got = door(ev, features="x", rows=None)
        ((left, right),) = stretches(got.density)
        assert 1 <= left < 1.4
        assert 8.6 < right <= 9
        assert "Hardly any rows, so a guess: x 1" in got.sentence()
        assert [(s.x0, s.x1) for s in figure(got).layout.shapes if s.type == "rect"] == [(left, right)]
    even = Evaluation(
        lambda f: f["x"].to_numpy(),
        X.assign(x=np.linspace(0, 1, 1000), t=X.x),
        target="t",
        task="regression",
        features=["x"],
    )
    assert not partial_dependence(even, features="x").density.few.any()
    assert "Hardly" not in partial_dependence(even, features="x").sentence()


def test_between_two_whole_numbers_nothing_is_called_thin():
    X = pd.DataFrame({"x": np.r_[np.repeat(np.arange(1, 13), 50), np.repeat([15, 16], 50)]})
    ev = Evaluation(lambda f: f["x"].to_numpy(), X.assign(t=X.x), target="t", task="regression", features=["x"])
    got = partial_dependence(ev, features="x", rows=None)
    assert got.density.n.tolist() == [50] * 12 + [0, 0] + [50] * 2
    assert stretches(got.density) == [(12.5, 14.5)]
    assert "so a guess: x 13 to 14." in got.sentence()
    wide = Evaluation(
        lambda f: f["x"].to_numpy(), X.assign(x=X.x * 1000, t=X.x), target="t", task="regression", features=["x"]
    )
    edges = partial_dependence(wide, features="x", rows=None).density
    assert edges.n.sum() == len(X)
    assert set(np.diff(edges.value.astype(float))) == {501.0}  # 15,001 whole numbers in 30 bins


def test_typical_curves_find_two_shapes_by_hand():
    """Three rows rise by 1, one falls by 2, at different heights: two shapes of three quarters and one quarter."""
    X = pd.DataFrame({"x": [0.0, 1.0] * 20, "s": [1.0, 1, 1, -2] * 10, "up": np.arange(40.0)})

    def model(frame):
        return (frame["x"] * frame["s"] + frame["up"]).to_numpy()

    ev = Evaluation(model, X.assign(t=X.up), target="t", task="regression", features=list(X))
    got = individual_conditional_expectation(ev, features="x", ice=40, centred=True)
    assert got.typical.groupby("cluster").share.first().tolist() == [0.75, 0.25]
    assert got.typical.output.tolist() == [0.0, 1.0, 0.0, -2.0]
    assert got.typical.n.tolist() == [30, 30, 10, 10]
    assert "x (75% by +1, 25% by -2)" in got.sentence()
    shares = [t.text for t in figure(got).data if t.type == "scatter" and t.mode == "lines+text"]
    assert ["".join(s) for s in shares] == ["75%", "25%"]
    one = individual_conditional_expectation(ev, features="up", ice=40)
    assert one.typical.cluster.unique().tolist() == [0]  # all in the same shape
    assert individual_conditional_expectation(ev, features="x", clusters=1).typical.cluster.unique().tolist() == [0]


def test_the_share_stands_where_its_curve_is_farthest_from_the_others():
    """Two shapes that part in the middle only: at 2 of 0 to 4, one up by 5 and one down by 5."""
    bump = {0: 0.0, 1: 1.0, 2: 5.0, 3: 1.0, 4: 0.0}
    X = pd.DataFrame({"x": np.tile(np.arange(5.0), 20), "s": np.repeat([1.0, -1.0], 50)})
    ev = Evaluation(
        lambda f: (f["x"].map(bump) * f["s"]).to_numpy(),
        X.assign(t=X.s),
        target="t",
        task="regression",
        features=["x", "s"],
    )
    drawn = figure(individual_conditional_expectation(ev, features="x", ice=40, centred=False))
    texts = [list(t.text) for t in drawn.data if t.type == "scatter" and t.mode == "lines+text"]
    assert texts == [["", "", "50%", "", ""]] * 2


def test_weights_count_in_typical_curves():
    lines = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [3.0, 9.0]])
    assert typical(lines, np.array([1.0, 1.0, 5.0, 0.0])).tolist()[:3] == [1, 1, 0]
    assert typical(np.zeros((3, 4))).tolist() == [0, 0, 0]


@pytest.mark.parametrize("effect", [partial_dependence, accumulated_local_effects])
def test_infinite_values_have_answers_and_no_bins(effect):
    """Trees take them; no bin of the density reaches that far, and the picture was lost with its width."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=300), "b": rng.normal(size=300), "only": np.arange(300.0) % 2})
    y = (X.a + X.b + X.only > 0).astype(int)
    model = HistGradientBoostingClassifier(max_iter=10).fit(X, y)
    X.loc[::10, "a"], X.loc[5::10, "a"], X["only"] = np.inf, -np.inf, np.where(X.only, np.inf, -np.inf)
    ev = Evaluation(model, X.assign(t=y), target="t")
    got = effect(ev, features=["a"], grid=8)
    inner = X.a[np.isfinite(X.a)]
    assert got.density.value.min() >= inner.min()
    assert got.density.right.max() <= inner.max()
    assert got.density.n.sum() == inner.between(got.density.value.min(), got.density.right.max()).sum() > 200
    assert np.isfinite(got.curves.estimate).all()
    assert "missing" not in got.sentence()
    assert len(figure(got).data)
    alone = effect(ev, features=["only"])
    assert alone.curves.value.tolist() == [-np.inf, np.inf]
    assert len(figure(alone).data)
