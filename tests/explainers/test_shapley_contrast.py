"""Why this row and not that row, why this class and not that class: by hand, against shap, and with an error that holds."""

import functools
import itertools
import math

import numpy as np
import pandas as pd
import pytest
import shap
from scipy import special
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB

import modelglass as mg
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import class_contrast, shapley_contrast
from modelglass.explainers.shapley_contrast import ORDERS, _between


def test_a_linear_model_by_hand():
    frame = pd.DataFrame({"a": [1.0, 2.0, 5.0], "b": [0.0, 3.0, 1.0], "c": [7.0, 7.0, 1.0], "y": [0.0, 1.0, 2.0]})
    model = LinearRegression().fit(frame[["a", "b", "c"]], frame.y)
    found = shapley_contrast(Evaluation(model, frame, target="y"), row=0, other=1)
    parts = found.frame().set_index("feature")
    np.testing.assert_allclose(parts.shap[["a", "b", "c"]], model.coef_ * [-1.0, -3.0, 0.0], atol=1e-12)
    assert parts.instead_of["b"] == "3"
    assert found.exact
    assert "row 0" in found.sentence()
    assert "instead of 3" in found.sentence()
    assert "all combinations of the 2 columns that differ" in found.sentence()


def test_one_background_row_of_shap_gives_the_same():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 5)).astype("float32").astype(float), columns=list("abcde"))
    frame["y"] = frame.a * frame.b + frame.c
    model = GradientBoostingRegressor(n_estimators=20).fit(frame[list("abcde")], frame.y)
    found = shapley_contrast(Evaluation(model, frame, target="y"), row=3, other=9)
    X = frame[list("abcde")].to_numpy()
    explainer = shap.TreeExplainer(model, X[[9]], feature_perturbation="interventional")
    wanted = dict(zip("abcde", explainer.shap_values(X[[3]], check_additivity=False)[0], strict=True))
    for step in found.frame().itertuples():
        assert step.shap == pytest.approx(wanted[step.feature], abs=1e-7)  # shap keeps some of it in 32 bits
    assert found.additivity_gap < 1e-12


@pytest.mark.parametrize(
    ("final", "target"),
    [(HistGradientBoostingClassifier(max_iter=10), "y"), (GaussianNB(), "y3"), (LinearRegression(), "amount")],
    ids=["y", "y3", "amount"],
)
def test_raw_columns_are_the_players(final, target, made):
    ev = made(final, target)
    found = shapley_contrast(ev, row=4, other=11)
    inputs = ev.inputs()
    names = list(ev.features)

    @functools.cache
    def worth(subset):
        row = inputs.iloc[[11]].copy()
        for name in subset:
            row[name] = inputs[name].iloc[[4]].to_numpy()
        return np.asarray(ev.output(row.astype(inputs.dtypes.to_dict()))).reshape(-1)[0]

    for name in names:
        others, total = [o for o in names if o != name], 0.0
        for size in range(len(names)):
            share = math.factorial(size) * math.factorial(len(names) - size - 1) / math.factorial(len(names))
            for s in itertools.combinations(others, size):
                total += share * (worth(frozenset({*s, name})) - worth(frozenset(s)))
        mine = found.frame().query("group == @found.groups[0] and feature == @name").shap.iloc[0]
        assert mine == pytest.approx(total, abs=1e-9)
    mg.figure(found)


def test_without_another_row_the_nearest_answered_otherwise():
    frame = pd.DataFrame({"a": np.arange(40.0), "city": ["x", "y"] * 20})
    frame["y"] = np.where(frame.a >= 20, "yes", "no")
    ev = Evaluation(HistGradientBoostingClassifier(min_samples_leaf=1).fit(frame[["a"]], frame.y), frame[["a", "y"]], target="y", positive="yes")  # fmt: skip
    found = shapley_contrast(ev, row=30)
    assert found.other == "row 19"
    assert "the most similar row answered otherwise" in found.sentence()
    with pytest.raises(NotApplicable, match="no other row"):
        shapley_contrast(ev.where("a >= 20"), row=30)
    with pytest.raises(InputError, match="two different rows"):
        shapley_contrast(ev, row=30, other=30)
    with pytest.raises(InputError, match="number of a row"):
        shapley_contrast(ev, row=30, other=99)
    amount = Evaluation(LinearRegression().fit(frame[["a"]], frame.a), frame[["a"]].assign(t=frame.a), target="t")
    assert shapley_contrast(amount, row=0).other == "row 12"  # the first further away than the deviation of 11.5


def test_the_error_of_sampled_parts_holds():
    rng = np.random.default_rng(5)
    names = [f"c{j}" for j in range(13)]
    both = pd.DataFrame(rng.normal(size=(2, 13)), columns=names)
    w = rng.normal(size=13)

    def ask(frame):
        x = frame.to_numpy()
        return (x @ w + 3 * x[:, 0] * x[:, 1] * x[:, 2] + x[:, 3] ** 2 * x[:, 4])[:, None]

    x, z = both.to_numpy()
    truth = w * (x - z)
    for players, f in (([0, 1, 2], lambda v: 3 * v[0] * v[1] * v[2]), ([3, 4], lambda v: v[3] ** 2 * v[4])):
        for order in itertools.permutations(players):
            now = z.copy()
            for p in order:
                before = f(now)
                now[p] = x[p]
                truth[p] += (f(now) - before) / math.factorial(len(players))
    held, size = [], []
    for seed in range(60):
        values, error, answers, how = _between(ask, both, seed, None)
        assert values.sum() == pytest.approx(answers[0, 0] - answers[1, 0])
        wide = special.stdtrit(ORDERS - 1, 0.975) * error[:5, 0]
        held.append(np.abs(values[:5, 0] - truth[:5]) <= wide + 1e-12)
        size.append(error[:3].mean())
    assert 0.9 <= np.mean(held) <= 0.99  # 300 intervals, of which some go together
    assert "13 columns differ; sampled, 400 orders" in how


def test_classes_exactly_and_by_hand(made):
    ev = made(LogisticRegression(max_iter=500), "y3")
    found = class_contrast(ev, row=5, this="top", that="low")
    p = np.asarray(ev.output(ev.inputs().iloc[[5]]))[0]
    assert found.prediction[0] == pytest.approx(np.log(p[2] / p[0]))
    assert found.frame().shap.sum() == pytest.approx(found.prediction[0] - found.base[0])
    assert found.exact
    np.testing.assert_allclose(found.output, p[[2, 0]])
    back = class_contrast(ev, row=5, this="low", that="top").frame().set_index("feature").shap
    np.testing.assert_allclose(back[found.frame().feature], -found.frame().shap, atol=1e-12)
    assert "top rather than low" in found.sentence()
    assert "how many times likelier" in found.sentence()
    mg.figure(found)


def test_classes_of_a_forest_and_of_any_model(made):
    forest = made(RandomForestClassifier(5, max_depth=4, random_state=0), "y3")
    found = class_contrast(forest, row=5)
    p = np.asarray(forest.output(forest.inputs().iloc[[5]]))[0]
    best = np.argsort(-p)[:2]
    assert found.prediction[0] == pytest.approx(p[best[0]] - p[best[1]])
    assert found.settings["this"] == ("low", "mid", "top")[best[0]]
    assert found.scale == "difference of probability"
    other = class_contrast(made(GaussianNB(), "y3"), row=5)
    assert not other.exact
    assert (other.frame().low < other.frame().high).any()
    assert other.additivity_gap < 1e-9
    assert "not exact, because there is no exact method for GaussianNB" in other.sentence()
    with pytest.raises(InputError, match="two different classes"):
        class_contrast(forest, row=5, this="top", that="top")
    with pytest.raises(InputError, match="mid"):
        class_contrast(forest, row=5, this="mit")
    with pytest.raises(NotApplicable, match="not several classes"):
        class_contrast(made(GaussianNB(), "y"), row=5)
