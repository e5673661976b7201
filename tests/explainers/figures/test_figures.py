"""Pictures hold the numbers of their results, and names from the data are shown as they are."""

import importlib.util

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.analysis.noise_robustness import noise_robustness
from modelglass.explainers import (
    anchor,
    individual_conditional_expectation,
    lime_weights,
    partial_dependence,
    permutation_importance,
    shapley_row,
    shapley_values,
)
from modelglass.explainers.anchor import Anchor


@pytest.fixture(scope="module")
def ev(made):
    return made(HistGradientBoostingClassifier(max_iter=10))


@pytest.fixture(scope="module")
def three(made):
    return made(LogisticRegression(max_iter=500), "y3")


@pytest.fixture(scope="module")
def amounts(made):
    return made(LinearRegression(), "amount")


def test_importance_bars(ev):
    result = permutation_importance(ev, n_repeats=2)
    bar = figure(result).data[0]
    assert list(bar.y) == result.frame().feature.tolist()
    np.testing.assert_allclose(bar.x, result.frame().estimate)
    np.testing.assert_allclose(bar.error_x.array, result.frame().high - result.frame().estimate)


def test_shapley_bars_and_swarm(ev):
    result = shapley_values(ev)
    made = figure(result)
    np.testing.assert_allclose(made.data[0].x, result.frame().estimate)
    swarm = made.data[1]
    first = result.features.index(result.frame().feature[0])
    places = np.linspace(0, 399, 250).astype(int)
    np.testing.assert_allclose(swarm.x, result.values[places, first, 0], atol=1e-6)
    assert np.abs(np.asarray(swarm.y)).max() <= 0.45
    assert all(t.type != "scattergl" for t in made.data)
    assert "log-odds" in made.layout.xaxis.title.text


def test_shapley_of_three_classes_is_stacked(three):
    result = shapley_values(three, rows=50)
    made = figure(result)
    assert [t.name for t in made.data] == ["low", "mid", "top"]
    total = sum(np.asarray(t.x) for t in made.data)
    np.testing.assert_allclose(total, result.importance.groupby("feature").estimate.sum().sort_values(ascending=False))


@pytest.mark.parametrize("kind", ["ev", "three", "amounts"])
def test_waterfall_goes_from_base_to_prediction(request, kind):
    result = shapley_row(request.getfixturevalue(kind), row=5)
    made = figure(result)
    bar = made.data[0]
    at = int(np.argmax(result.output))
    assert bar.base == result.base[at]
    assert bar.base + sum(bar.x) == pytest.approx(result.prediction[at])
    assert [s.x0 for s in made.layout.shapes] == pytest.approx([result.base[at], result.prediction[at]])
    assert any(str(result.frame().value[0]) in y for y in bar.y)


def test_a_long_waterfall_sums_the_small_steps():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 20)), columns=[f"c{i}" for i in range(20)])
    ev = Evaluation(LinearRegression().fit(X, X.sum(axis=1)), X.assign(t=X.sum(axis=1)), target="t")
    bar = figure(shapley_row(ev, row=0)).data[0]
    assert "8 other columns" in bar.y
    assert bar.base + sum(bar.x) == pytest.approx(X.iloc[0].sum())


def test_partial_dependence_panels(ev, three):
    result = partial_dependence(ev, features=["age", "job"], ice=10)
    made = figure(result)
    means = [t for t in made.data if t.type == "scatter" and t.hovertext is not None]
    for trace, feature in zip(means, ["age", "job"], strict=True):
        np.testing.assert_allclose(trace.y, result.frame()[result.frame().feature == feature].estimate)
    assert list(means[1].x)[-1] == "missing"
    bars = [t for t in made.data if t.type == "bar"]
    np.testing.assert_allclose(bars[0].y, result.density[result.density.feature == "age"].n.astype(int))
    many = figure(partial_dependence(three, features=["age"]))
    assert [t.name for t in many.data if t.showlegend] == ["low", "mid", "top"]
    lines = figure(individual_conditional_expectation(ev, features=["age"], ice=7)).data[0]
    assert sum(v is None for v in lines.y) == 7


def test_lime_bars(ev):
    result = lime_weights(ev, row=2, n_samples=500)
    bar = figure(result).data[0]
    np.testing.assert_allclose(bar.x, result.frame().weight)
    assert "local R²" in figure(result).layout.title.text


def test_noise_curves(ev, amounts):
    for evaluation, column in ((ev, "changed"), (amounts, "moved")):
        result = noise_robustness(evaluation, levels=[0.1, 1.0])
        made = figure(result)
        whole = result.frame()[result.frame().feature == "(all columns)"]
        np.testing.assert_allclose(made.data[0].y, [0.0, *whole.estimate])
        np.testing.assert_allclose(made.data[1].y, [0.0, *whole[column]])
        np.testing.assert_allclose(made.data[0].x, [0.0, *whole.level])


def test_anchor_table(ev):
    if importlib.util.find_spec("alibi"):
        result = anchor(ev, row=2)
    else:
        settings = {"threshold": 0.95, "reference": 400, "seed": 0}
        rule = pd.DataFrame({"condition": ["city = <b>"], "precision": [0.97], "coverage": [0.3], "n": [400]})
        result = Anchor(
            rule=rule,
            conditions=("city = <b>",),
            decision="yes",
            precision=0.97,
            coverage=0.3,
            met=True,
            row=2,
            notes=(),
            source=ev.source,
            settings=settings,
        )
    cells = figure(result).data[0].cells.values
    assert len(cells[0]) == len(result.rule)
    assert "<b>" not in str(cells)


def test_names_that_begin_alike_keep_places_of_their_own():
    """Cut to one text, they would be drawn on one place: two bars as one, two levels as one."""
    rng = np.random.default_rng(0)
    long = "a rather long name of a column, of which there are"
    frame = pd.DataFrame({f"{long} {i}": rng.normal(size=300) for i in range(3)})
    frame["where"] = rng.choice([f"department of the north {i}" for i in range(4)], 300)
    y = (frame.iloc[:, 0] + frame.iloc[:, 1] + frame["where"].str.endswith("2") > 0).astype(int)
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["where"]), remainder="passthrough"), LogisticRegression()
    ).fit(frame, y)
    ev = Evaluation(model, frame.assign(y=y), target="y")
    for result in (permutation_importance(ev, n_repeats=2), shapley_values(ev), shapley_row(ev, row=3)):
        assert len(set(figure(result).data[0].y)) == 4, type(result)
    bars = figure(lime_weights(ev, row=3)).data[0]
    assert len(set(bars.y)) == len(bars.y) == 4
    for result in (
        partial_dependence(ev, features=["where"]),
        individual_conditional_expectation(ev, features=["where"]),
    ):
        made = figure(result)
        counts = next(t for t in made.data if t.type == "bar")
        assert len(set(counts.x)) == 4
        assert sum(counts.y) == len(frame)
        lines = next(t for t in made.data if t.mode == "lines")
        assert set(lines.x) - {None} == set(counts.x)


def test_names_from_the_data_are_escaped():
    frame = pd.DataFrame({"<b>x</b>": np.arange(40.0), "k": ["<i>a</i>", "b"] * 20})
    X = frame[["<b>x</b>"]]
    ev = Evaluation(GaussianNB().fit(X, frame.k), frame.rename(columns={"k": "y"}), target="y")
    for result in (
        shapley_row(ev, row=0),
        permutation_importance(ev),
        partial_dependence(ev),
        noise_robustness(ev),
        shapley_values(ev, rows=5),
    ):
        assert "<b>x" not in figure(result).to_json().replace("\\u003c", "<")
