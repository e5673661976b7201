"""Shapley values against shap itself, against brute force, and against the rule that they add up."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import shap
from scipy import special
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from modelglass.analysis.errors import InputError, NotApplicable, Stopped
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import rows as shared
from modelglass.explainers import shapley_exact, shapley_row, shapley_values
from modelglass.explainers.shapley import _above
from modelglass.explainers.shapley_sampling import Lent, sampled_values
from modelglass.explainers.shapley_ways import Asked, plan


@pytest.fixture(scope="module")
def numbers():
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.normal(size=(300, 4)), columns=list("abcd"))
    score = X.a * X.b + X.c + rng.normal(size=300) * 0.3
    return X, score


def of(model, X, y, **settings):
    return Evaluation(model.fit(X, y), X.assign(target=np.asarray(y)), target="target", **settings)


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeClassifier(max_depth=4, random_state=0),
        RandomForestClassifier(20, random_state=0),
        ExtraTreesClassifier(20, random_state=0),
        GradientBoostingClassifier(n_estimators=20),
        HistGradientBoostingClassifier(max_iter=20),
    ],
    ids=lambda m: type(m).__name__,
)
def test_trees_equal_shap(numbers, model):
    X, score = numbers
    ev = of(model, X, (score > 0).astype(int))
    got = shapley_values(ev, rows=50)
    chosen = X.loc[got.rows]
    wanted = shap.TreeExplainer(model).shap_values(chosen.to_numpy(), check_additivity=False)
    wanted = wanted[:, :, 1] if wanted.ndim == 3 else wanted
    np.testing.assert_allclose(got.values[:, :, 0], wanted, atol=1e-8)
    assert got.additivity_gap < 1e-6
    assert got.exact
    link = special.expit if got.scale == "log-odds" else (lambda x: x)
    np.testing.assert_allclose(link(got.base + got.values.sum(axis=1))[:, 0], ev.output(chosen), atol=1e-6)
    assert got.source.rows == got.source.sample == 50


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeRegressor(max_depth=4),
        RandomForestRegressor(20, random_state=0),
        GradientBoostingRegressor(n_estimators=20),
        HistGradientBoostingRegressor(max_iter=20),
    ],
    ids=lambda m: type(m).__name__,
)
def test_regression_trees_equal_shap_in_the_unit_of_the_target(numbers, model):
    X, score = numbers
    got = shapley_values(of(model, X, score), rows=40)
    np.testing.assert_allclose(
        got.values[:, :, 0], shap.TreeExplainer(model).shap_values(X.loc[got.rows].to_numpy()), atol=1e-8
    )
    assert got.scale == "target"
    np.testing.assert_allclose(got.base + got.values.sum(axis=1), got.prediction, atol=1e-6)


def test_linear_equals_shap_and_the_closed_form(numbers):
    X, score = numbers
    model = LogisticRegression()
    ev = of(model, X, (score > 0).astype(int))
    got = shapley_values(ev)
    assert (got.method, got.scale, len(got.rows)) == ("linear", "log-odds", 300)
    np.testing.assert_allclose(got.values[:, :, 0], (X - X.mean()).to_numpy() * model.coef_, atol=1e-12)
    explainer = shap.LinearExplainer(model, shap.maskers.Independent(X.to_numpy(), max_samples=1000))
    np.testing.assert_allclose(got.values[:, :, 0], explainer.shap_values(X.to_numpy()), atol=1e-8)
    np.testing.assert_allclose(special.expit(got.base + got.values.sum(axis=1))[:, 0], ev.score, atol=1e-9)


def test_the_first_class_may_be_the_positive_one(numbers):
    X, score = numbers
    y = np.where(score > 0, "b", "a")
    for model in (
        LogisticRegression(),
        RandomForestClassifier(10, random_state=0),
        HistGradientBoostingClassifier(max_iter=10),
        GaussianNB(),
    ):
        second, first = (shapley_values(of(model, X, y, positive=c), rows=15) for c in "ba")
        assert first.groups == ("a",)
        np.testing.assert_allclose(first.values, -second.values, atol=1e-9)


@pytest.mark.parametrize(
    ("final", "target"),
    [
        (LogisticRegression(max_iter=300), "y"),
        (LogisticRegression(max_iter=500), "y3"),
        (LinearRegression(), "amount"),
        (HistGradientBoostingClassifier(max_iter=15), "y"),
        (HistGradientBoostingClassifier(max_iter=15), "y3"),
        (RandomForestClassifier(15, random_state=0), "y"),
        (RandomForestClassifier(15, random_state=0), "y3"),
        (GradientBoostingRegressor(n_estimators=15), "amount"),
        (RidgeClassifier(), "y"),
    ],
    ids=lambda m: m if isinstance(m, str) else type(m).__name__,
)
@pytest.mark.parametrize("sparse", [False, True])
def test_pipelines_sum_the_final_estimators_values_to_raw_columns(made, final, target, sparse):
    sparse = sparse and not type(final).__name__.startswith("Hist")  # which refuses sparse input itself
    ev = made(final, target, sparse=sparse)
    got = shapley_values(ev, rows=60)
    before, last = ev.estimator[:-1], ev.estimator[-1]
    Z = before.transform(ev.inputs().loc[got.rows])
    Z = Z.toarray() if sparse else Z
    if got.method == "tree":
        wanted = np.asarray(shap.TreeExplainer(last).shap_values(Z, check_additivity=False))
    else:
        ref = before.transform(ev.inputs())
        ref = ref.toarray() if sparse else ref
        wanted = (Z - ref.mean(axis=0))[:, :, None] * np.atleast_2d(last.coef_).T[None]
    wanted = wanted[:, :, None] if wanted.ndim == 2 else wanted
    wanted = wanted[:, :, [1]] if target == "y" and wanted.shape[2] == 2 else wanted
    # city: 3 columns, job: 4, then age, pay, pay missing, member
    blocks = {"city": [0, 1, 2], "job": [3, 4, 5, 6], "age": [7], "pay": [8, 9], "member": [10]}
    assert Z.shape[1] == 11
    for j, feature in enumerate(ev.features):
        np.testing.assert_allclose(got.values[:, j], wanted[:, blocks[feature]].sum(axis=1), atol=1e-8, err_msg=feature)
    np.testing.assert_allclose(got.base + got.values.sum(axis=1), got.prediction, atol=1e-6)
    assert got.groups == {"y": ("yes",), "y3": ("low", "mid", "top"), "amount": ("amount",)}[target]
    assert "summed back to raw columns" in got.how


def test_a_poisson_model_is_explained_in_the_log_of_the_target(numbers):
    X, score = numbers
    got = shapley_values(of(make_pipeline(StandardScaler(), PoissonRegressor()), X, np.exp(score / 2)))
    assert got.scale == "log of target"
    np.testing.assert_allclose(np.exp(got.base + got.values.sum(axis=1)), np.exp(got.prediction))


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("native", ["numbers", "categories", "pipeline"])
def test_boosters_add_up_to_their_raw_output(made, name, classes, native):
    library = pytest.importorskip(name)
    quiet = {"verbose": -1} if name == "lightgbm" else {"enable_categorical": True}
    model = (library.LGBMClassifier if name == "lightgbm" else library.XGBClassifier)(
        n_estimators=15, n_jobs=1, **quiet
    )
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "a": rng.normal(size=400),
            "b": np.where(rng.random(400) < 0.2, np.nan, rng.normal(size=400)),
            "c": pd.Categorical(rng.choice(list("pqrs"), 400)),
        }
    )
    y = (X.a + (X.c == "q") * 2 + X.b.fillna(1) > 0.8).astype(int) + (0 if classes == 2 else (X.a > 1).astype(int))
    if native == "pipeline":
        from sklearn.compose import make_column_transformer
        from sklearn.preprocessing import OneHotEncoder

        model = make_pipeline(
            make_column_transformer((OneHotEncoder(), ["c"]), remainder="passthrough"), model
        ).set_output(transform="pandas")
        if name == "xgboost":
            model[0].set_params(onehotencoder__sparse_output=False)
        else:
            model[0].set_params(onehotencoder__sparse_output=False)
    elif native == "numbers":
        X["c"] = X.c.cat.codes.astype(float)
    ev = of(model, X, y)
    got = shapley_values(ev, rows=60)
    assert (got.method, got.exact, got.reason) == ("tree", True, "")
    assert got.values.shape == (60, 3, 1 if classes == 2 else 3)
    link = special.expit if classes == 2 else (lambda v: special.softmax(v, axis=1))
    np.testing.assert_allclose(
        link(got.base + got.values.sum(axis=1)), ev.output(X.loc[got.rows]).reshape(60, -1), atol=1e-5
    )
    assert got.additivity_gap < 1e-4
    if name == "lightgbm" and native == "numbers":
        wanted = np.asarray(
            shap.TreeExplainer(model.booster_).shap_values(
                X.loc[got.rows].to_numpy(), check_additivity=False, from_call=True
            )
        )
        np.testing.assert_allclose(got.values, wanted.reshape(60, 3, -1), atol=1e-8)


def test_the_exponential_loss_is_explained_in_half_the_log_odds(numbers):
    X, score = numbers
    for positive in (0, 1):
        model = GradientBoostingClassifier(n_estimators=10, loss="exponential", random_state=0)
        ev = of(model, X, (score > 0).astype(int), positive=positive)
        got = shapley_values(ev)
        assert (got.scale, got.exact, got.method) == ("half the log-odds", True, "tree")
        np.testing.assert_allclose(special.expit(2 * got.prediction[:, 0]), ev.output(ev.inputs()), atol=1e-12)
        assert got.additivity_gap < 1e-12
    theirs = shap.TreeExplainer(ev.estimator).shap_values(X)
    np.testing.assert_allclose(got.values[:, :, 0], theirs, atol=1e-9)


def test_boosters_without_trees_or_with_linear_leaves_are_sampled_and_say_so(numbers, capfd):
    """They ended in LightGBM's own error, and in words of trees that are not there."""
    lightgbm, xgboost = pytest.importorskip("lightgbm"), pytest.importorskip("xgboost")
    X, score = numbers
    y = (score > 0).astype(int)
    leaves = of(lightgbm.LGBMClassifier(n_estimators=5, linear_tree=True, verbose=-1), X, y)
    capfd.readouterr()
    got = shapley_values(leaves, rows=10)
    assert (got.method, got.reason) == (
        "sampling",
        "each leaf of its trees is a linear model, and LightGBM does not explain these",
    )
    assert capfd.readouterr() == ("", "")  # LightGBM would print its own complaint among the results
    with pytest.raises(NotApplicable, match="each leaf of its trees is a linear model"):
        shapley_values(leaves, method="tree")
    linear = of(xgboost.XGBClassifier(n_estimators=5, booster="gblinear"), X, y)
    got = shapley_values(linear, rows=10)
    assert got.method == "sampling"
    assert "tree" not in got.sentence()


def test_trees_of_several_outputs_a_leaf_are_sampled_and_say_so(numbers):
    """The reason was a path in XGBoost's own source, with the time of day."""
    xgboost = pytest.importorskip("xgboost")
    X, score = numbers
    model = xgboost.XGBClassifier(n_estimators=5, multi_strategy="multi_output_tree", tree_method="hist")
    got = shapley_values(of(model, X, np.digitize(score, [-1, 1])), rows=10)
    assert (got.method, got.reason) == (
        "sampling",
        "each leaf of its trees holds a value for every class or output, and XGBoost does not explain these",
    )
    assert got.additivity_gap < 1e-9


def brute_force(f, x, background):
    """Shapley values by the definition: all subsets, absent features from each background row."""
    p = len(x)
    values = np.zeros(p)

    def worth(subset):
        rows = background.copy()
        rows[:, list(subset)] = x[list(subset)]
        return f(rows).mean()

    for j in range(p):
        others = [i for i in range(p) if i != j]
        for size in range(p):
            share = math.factorial(size) * math.factorial(p - size - 1) / math.factorial(p)
            for subset in itertools.combinations(others, size):
                values[j] += share * (worth((*subset, j)) - worth(subset))
    return values


def test_sampling_meets_brute_force_within_its_stated_error():
    rng = np.random.default_rng(3)
    X = rng.integers(0, 3, size=(30, 4)).astype(float)
    background = rng.integers(0, 3, size=(40, 4)).astype(float)
    f = lambda a: a[:, 0] * a[:, 1] + np.maximum(a[:, 2], a[:, 3]) * a[:, 0] + a[:, 3]  # noqa: E731
    names = list("abcd")
    ask = lambda frame: f(frame.to_numpy())[:, None]  # noqa: E731
    values, error, base, prediction, *_ = sampled_values(
        ask, pd.DataFrame(X, columns=names), pd.DataFrame(background, columns=names), seed=0
    )
    exact = np.array([brute_force(f, x, background) for x in X])
    off = (values[:, :, 0] - exact) / np.maximum(error[:, :, 0], 1e-12)
    assert np.abs(off).max() < 4
    assert np.abs(values[:, :, 0] - exact).max() > 0  # it is a sample, and says so
    np.testing.assert_allclose(values.sum(axis=1), prediction - base, atol=1e-12)
    many, *_ = sampled_values(
        ask, pd.DataFrame(X[:8], columns=names), pd.DataFrame(background, columns=names), seed=0, rounds=200
    )
    np.testing.assert_allclose(many[:, :, 0], exact[:8], atol=0.03)


def test_sampling_is_exact_for_an_additive_function_and_blind_to_equal_cells():
    frame = pd.DataFrame({"a": [1.0, np.nan, 3.0], "k": pd.Categorical(["x", "y", None]), "i": [1, 2, 3]})

    def ask(rows):
        assert rows.dtypes.to_dict() == frame.dtypes.to_dict()
        return (rows.a.fillna(9) + rows.k.cat.codes * 10 + rows.i * 100).to_numpy(dtype=float)[:, None]

    values, *_ = sampled_values(ask, frame, frame)
    parts = np.stack([frame.a.fillna(9), frame.k.cat.codes * 10, frame.i * 100], axis=1)
    np.testing.assert_allclose(values[:, :, 0], parts - parts.mean(axis=0), atol=1e-9)
    same = sampled_values(ask, frame.iloc[[1]], frame.iloc[[1, 1]])
    assert not same[0].any()
    assert same[2] == same[3][0]


def test_a_budget_that_ends_a_sampling_gives_what_there_is(monkeypatch):
    """Rows of an order of chance, each as it is without a budget; of one row fewer background rows and a larger error."""
    from modelglass.analysis.budget import BudgetSpent
    from modelglass.explainers import shapley_sampling

    monkeypatch.setattr(
        shapley_sampling, "MOST_CELLS", 10 * 2 * 25 * 8
    )  # ten pairs at a time for one row, 80 for several

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 5)), columns=list("abcde"))
    given = frame.assign(t=frame.a * frame.b, w=rng.uniform(0.5, 2, 60))
    ev = Evaluation(
        lambda f: (f.a * f.b + f.c * f.d).to_numpy(),
        given,
        target="t",
        task="regression",
        features=list("abcde"),
        weight="w",
    )

    def ends_at(share):
        def tells(done, _what):
            if done >= share:
                raise BudgetSpent(1.0)

        return tells

    whole = shapley_values(ev, rows=60, background=40)
    part = shapley_values(ev, rows=60, background=40, progress=ends_at(0.5))
    assert 30 <= len(part.rows) < 60
    assert f"the time ended it after {len(part.rows)} of 60 rows" in part.sentence()
    assert f"over {len(part.rows)} rows" in part.sentence()
    assert part.settings["rows"] == len(part.rows)
    at = np.flatnonzero(np.isin(whole.rows, part.rows))
    np.testing.assert_array_equal(whole.rows[at], part.rows)
    np.testing.assert_array_equal(whole.values[at], part.values)
    assert 0 < at.mean() / 59 < 1
    assert max(at) > 45  # and not the first ones of the data
    weight = given.w.to_numpy()[at]
    assert part.importance.estimate.to_numpy() == pytest.approx(
        np.sort(np.average(np.abs(part.values[:, :, 0]), axis=0, weights=weight))[::-1]
    )
    assert np.isfinite(part.importance[["low", "high"]]).all(axis=None) == np.isfinite(
        whole.importance[["low", "high"]]
    ).all(axis=None)
    with pytest.raises(BudgetSpent):
        shapley_values(ev, rows=60, background=40, progress=ends_at(0.0))
    one = shapley_row(ev, row=3, background=60)
    early = shapley_row(ev, row=3, background=60, progress=ends_at(0.4))
    met = early.settings["background"]
    assert 10 <= met < 60
    assert "the time ended it before all 60 background rows were met" in early.how
    assert early.additivity_gap < 1e-9
    wide = [(r.steps.high - r.steps.low).mean() for r in (one, early)]
    assert wide[1] > wide[0]


@pytest.mark.parametrize("rounds", [1, 3])
def test_sampling_does_not_depend_on_the_size_of_blocks(monkeypatch, rounds):
    from modelglass.explainers import shapley_sampling

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(20, 5)), columns=list("abcde"))
    ask = lambda f: np.prod(f.to_numpy(), axis=1)[:, None]  # noqa: E731
    one = sampled_values(ask, frame, frame, rounds=rounds)
    monkeypatch.setattr(shapley_sampling, "MOST_CELLS", 7 * 2 * 25 * rounds)
    two = sampled_values(ask, frame, frame, rounds=rounds)
    np.testing.assert_allclose(one[0], two[0], atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_what_shared_background_rows_add_to_the_error_of_a_mean(weighted, monkeypatch):
    """Its standard error is the spread of the mean over draws of background rows, the rows staying; blocks change nothing."""
    from modelglass.explainers import shapley_sampling

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.exponential(size=(60, 3)), columns=list("abc"))
    weight = rng.uniform(0.2, 2, 60) if weighted else None
    ask = lambda f: (f.to_numpy() @ [1.0, 0.5, 0.0] + f.a * f.c).to_numpy()[:, None]  # noqa: E731
    means, errors = [], []
    for seed in range(60):
        others = pd.DataFrame(rng.exponential(size=(40, 3)), columns=list("abc"))
        lent = Lent(60, weight)
        values, *_ = sampled_values(ask, frame, others, seed=seed, lent=lent)
        means.append(np.average(np.abs(values[:, :, 0]), axis=0, weights=weight))
        errors.append(lent.error()[:, 0])
    np.testing.assert_allclose(np.mean(errors, axis=0), np.std(means, axis=0, ddof=1), rtol=0.3)
    monkeypatch.setattr(shapley_sampling, "MOST_CELLS", 7 * 2 * 9)
    again = Lent(60, weight)
    sampled_values(ask, frame, others, seed=59, lent=again)
    np.testing.assert_array_equal(again.error()[:, 0], errors[-1])


def test_the_size_of_a_number_with_an_error_is_too_large():
    rng = np.random.default_rng(0)
    size, error = np.array([0.0, 0.5, 1.0, 4.0, 2.0]), np.array([1.0, 1.0, 0.5, 1.0, 0.0])
    drawn = np.abs(size + error * rng.normal(size=(400_000, 5))).mean(axis=0)
    np.testing.assert_allclose(_above(size, error), drawn - size, atol=5e-3)
    assert _above(size, error)[0] == pytest.approx(np.sqrt(2 / np.pi))


def test_the_interval_of_sampled_importance_covers_background_rows():
    """Rows alone made it hold 75 to 93 per cent (benchmarks/coverage_sampled.py)."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.exponential(size=(1_000, 3)), columns=list("abc"))
    frame["t"] = frame.a + 0.5 * frame.b * frame.c
    ev = of(
        KNeighborsRegressor(20),
        frame[list("abc")],
        frame.t,
    )
    got = shapley_values(ev, rows=200)
    assert not got.exact
    table = got.frame().set_index("feature").loc[list("abc")]
    estimate, low, high = shared.mean_interval(ev.sample(200), np.abs(got.values[:, :, 0]), 0.95)
    np.testing.assert_allclose(table.estimate, estimate)
    assert (table.low < low).all()
    assert (table.high - table.low > 1.02 * (high - low)).all()


@pytest.mark.parametrize(
    ("final", "reason"),
    [
        (make_pipeline(PCA(3), LogisticRegression()), "the pipeline mixes raw columns"),
        (MLPClassifier((8,), max_iter=400, random_state=0, tol=1e-2), "there is no exact method for MLPClassifier"),
        (
            VotingClassifier([("a", LogisticRegression()), ("b", DecisionTreeClassifier(max_depth=3))], voting="soft"),
            "no exact method for VotingClassifier",
        ),
    ],
)
def test_other_models_are_sampled_and_say_so(made, final, reason):
    got = shapley_values(made(final), rows=12)
    assert (got.method, got.exact, got.scale) == ("sampling", False, "probability")
    assert reason in got.reason
    assert f"because {got.reason}" in got.sentence()
    assert got.error.shape == got.values.shape == (12, 5, 1)
    np.testing.assert_allclose(got.base + got.values.sum(axis=1), got.prediction, atol=1e-9)
    assert got.settings["background"] == 100


def test_categorical_splits_of_hist_gradient_boosting_are_exact(numbers):
    """shap ignores them: its values would miss the prediction by far."""
    X, score = numbers
    X = X.assign(d=pd.Categorical(np.where(X.d > 0, "u", "v")))
    model = HistGradientBoostingClassifier(max_iter=10, categorical_features="from_dtype")
    got = shapley_values(of(model, X, ((score > 0) ^ (X.d == "u")).astype(int)), rows=10)
    assert (got.method, got.reason) == ("tree", "")
    assert got.additivity_gap < 1e-9


def test_three_classes_of_gradient_boosting_are_exact(made):
    got = shapley_values(made(GradientBoostingClassifier(n_estimators=5), "y3"), rows=5)
    assert (got.method, got.reason) == ("tree", "")
    assert got.additivity_gap < 1e-9


def test_missing_values_in_hist_gradient_boosting_equal_the_prediction(numbers):
    X, score = numbers
    X = X.mask(np.random.default_rng(0).random(X.shape) < 0.3)
    got = shapley_values(of(HistGradientBoostingRegressor(max_iter=20, loss="poisson"), X, np.exp(score)), rows=80)
    assert got.scale == "log of target"
    assert got.additivity_gap < 1e-9


def test_a_search_is_explained_as_what_it_found(numbers):
    X, score = numbers
    ev = of(GridSearchCV(DecisionTreeClassifier(), {"max_depth": [2, 3]}, cv=2), X, (score > 0).astype(int))
    assert shapley_values(ev, rows=10).method == "tree"


def test_importance_is_the_weighted_mean_with_an_interval(numbers):
    X, score = numbers
    w = np.random.default_rng(0).uniform(0, 2, 300)
    frame = X.assign(w=w, target=(score > 0).astype(int))
    ev = Evaluation(LogisticRegression().fit(X, frame.target), frame, target="target", weight="w")
    got = shapley_values(ev)
    table = got.frame().set_index("feature")
    assert list(got.frame().columns) == ["feature", "group", "estimate", "low", "high", "n"]
    for j, f in enumerate("abcd"):
        assert table.estimate[f] == pytest.approx(np.average(np.abs(got.values[:, j, 0]), weights=w))
    assert (table.low < table.estimate).all()
    assert table.estimate.is_monotonic_decreasing
    plain = (
        shapley_values(Evaluation(ev.estimator, frame.drop(columns="w"), target="target")).frame().set_index("feature")
    )
    size = np.abs((X.a - X.a.mean()) * ev.estimator.coef_[0, 0])
    half = special.stdtrit(299, 0.975) * size.std() / np.sqrt(300)
    width = (plain.high["a"] - plain.low["a"]) / 2
    assert width == pytest.approx(half, rel=0.05)  # corrected for skewness, so not the same
    assert shapley_values(ev, rows=100).frame().low.isna().all()  # too few for an interval that holds its level
    long = got.long()
    assert long.shap.sum() == pytest.approx(got.values.sum())
    assert long.value[0] == f"{X.a.iloc[0]:.4g}"


def test_one_row_walks_from_base_to_prediction(made):
    ev = made(HistGradientBoostingClassifier(max_iter=15))
    got = shapley_values(ev, row=7)
    assert got.frame().columns.tolist() == ["feature", "value", "group", "shap", "low", "high"]
    assert got.base[0] + got.frame().shap.sum() == pytest.approx(got.prediction[0])
    assert special.expit(got.prediction[0]) == pytest.approx(ev.score[7])
    assert got.output[0] == pytest.approx(ev.score[7])
    many = shapley_values(ev, rows=400)
    by_feature = got.frame().set_index("feature").shap
    np.testing.assert_allclose(by_feature[list(ev.features)], many.values[7, :, 0])
    assert got.frame().set_index("feature").value["city"] == ev.frame.city.iloc[7]
    assert "Row 7: probability of yes" in got.sentence()


def test_one_row_of_a_cohort_is_the_same_row(made):
    ev = made(LogisticRegression(max_iter=300))
    cohort = ev.where("city = 'Oslo'")
    row = int(cohort.frame.index[3])
    assert shapley_row(cohort, row=row).frame().equals(shapley_row(ev, row=row).frame())
    outside = int(ev.where("city = 'Bergen'").frame.index[0])
    with pytest.raises(InputError, match="Expected the number of a row among these"):
        shapley_row(cohort, row=outside)


def test_one_row_sampled_has_intervals(made):
    got = shapley_row(made(GaussianNB()), row=3)
    assert not got.exact
    assert (got.frame().low <= got.frame().shap).all()
    assert (got.frame().high > got.frame().shap).any()


def test_a_deep_forest_in_parts_is_the_same(numbers, monkeypatch):
    from modelglass.explainers import shap_adapter

    X, score = numbers
    model = RandomForestRegressor(7, random_state=0).fit(X, score)
    whole = shap_adapter.tree_values(model, X.to_numpy()[:9])
    monkeypatch.setattr(shap_adapter, "STEPS_A_CALL", shap_adapter.steps_a_row(model) / 3)
    shares = []
    parts = shap_adapter.tree_values(model, X.to_numpy()[:9], lambda share, what: shares.append(share))
    np.testing.assert_allclose(parts[0], whole[0], atol=1e-9)
    np.testing.assert_allclose(parts[1], whole[1], atol=1e-9)
    assert len(model.estimators_) == 7
    assert shares == sorted(shares)
    assert len(shares) > 9
    assert shares[-1] == 1.0


def test_too_deep_trees_are_sampled_unless_asked_for(numbers, monkeypatch):
    from modelglass.explainers import shapley_ways

    X, score = numbers
    ev = of(RandomForestClassifier(5, random_state=0), X, (score > 0).astype(int))
    monkeypatch.setattr(shapley_ways, "TOO_DEEP", 1.0)
    assert "so deep" in shapley_values(ev, rows=3).reason
    assert shapley_values(ev, rows=3, method="tree").method == "tree"
    assert shapley_row(ev, row=0).method == "tree"


def test_progress_can_stop_it(made):
    def stop(share, what):
        raise Stopped("stop")

    for final in (LogisticRegression(max_iter=300), GaussianNB(), RandomForestClassifier(5)):
        ev = made(final)
        if type(final) is not LogisticRegression:
            with pytest.raises(Stopped):
                shapley_values(ev, rows=10, progress=stop)


def test_seed_decides(made):
    ev = made(GaussianNB())
    one, same, other = (shapley_values(ev, rows=5, seed=s).values for s in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_refusals(made):
    ev = made(LogisticRegression(max_iter=300))
    with pytest.raises(InputError, match="Expected method to be one of auto, tree, linear, sampling"):
        shapley_values(ev, method="kernel")
    with pytest.raises(NotApplicable, match="the method 'tree' does not fit this model"):
        shapley_values(ev, method="tree")
    with pytest.raises(InputError, match="Expected rows of at least 1"):
        shapley_values(ev, rows=0)
    bare = Evaluation.from_predictions([0, 1, 1], prediction=[0, 1, 0])
    with pytest.raises(NotApplicable, match="there is no model here"):
        shapley_values(bare)


@pytest.mark.parametrize("positive", [-1, 1])
def test_isolation_forests_are_explained_exactly(positive):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 3)), columns=list("abc"))
    frame["y"] = np.where(np.abs(frame.a) > 2, -1, 1)
    model = IsolationForest(n_estimators=20, random_state=0).fit(frame[list("abc")])
    ev = Evaluation(model, frame, target="y", positive=positive)
    assert ev.score_kind == "decision"
    found = shapley_values(ev)
    assert (found.method, found.scale, found.exact) == ("tree", "relative path length", True)
    lengths = -np.log2(-model.score_samples(frame[list("abc")]))
    np.testing.assert_allclose(found.prediction[:, 0], positive * lengths, atol=1e-9)
    assert found.additivity_gap < 1e-9


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(10, random_state=0),
        GradientBoostingClassifier(n_estimators=15, random_state=0),
        HistGradientBoostingClassifier(max_iter=15),
        DecisionTreeRegressor(max_depth=5, random_state=0),
    ],
    ids=lambda m: type(m).__name__,
)
def test_trees_against_background_rows_equal_shap_and_the_definition(numbers, model):
    X, score = numbers
    ev = of(model, X, score if isinstance(model, DecisionTreeRegressor) else (score > 0).astype(int))
    got = shapley_values(ev, rows=40, background=25)
    assert (got.method, got.exact, got.settings["background"]) == ("tree", True, 25)
    assert "take the values of 25 background rows" in got.sentence()
    used = shared.background_of(ev, 25, ev.seed).to_numpy()
    asks = getattr(model, "decision_function", getattr(model, "predict_proba", model.predict))

    def raw(Z):
        return asks(pd.DataFrame(Z, columns=X.columns)).reshape(len(Z), -1)[:, -1]

    wanted = np.array([brute_force(raw, x, used) for x in X.loc[got.rows[:6]].to_numpy()])
    np.testing.assert_allclose(got.values[:6, :, 0], wanted, atol=1e-9)
    if not isinstance(model, HistGradientBoostingClassifier):  # which shap reads in 32 bits, and so at other thresholds
        explainer = shap.TreeExplainer(model, used, feature_perturbation="interventional", model_output="raw")
        wanted = np.asarray(explainer.shap_values(X.loc[got.rows].to_numpy(), check_additivity=False))
        np.testing.assert_allclose(got.values[:, :, 0], wanted[:, :, 1] if wanted.ndim == 3 else wanted, atol=1e-8)
    assert got.additivity_gap < 1e-9
    np.testing.assert_allclose(got.base, raw(used).mean(), atol=1e-9)
    other = shapley_values(ev, rows=40)
    assert other.settings["background"] == 0
    assert (
        np.abs(other.values - got.values).max() > 1e-3
    )  # against the training rows of each tree it is another question
    one = shapley_row(ev, row=int(got.rows[7]), background=25)
    np.testing.assert_allclose(one.steps.set_index("feature").loc[list("abcd")].shap, got.values[7, :, 0], atol=1e-12)


def test_background_rows_by_weight_through_a_pipeline_of_several_classes(made):
    ev = made(HistGradientBoostingClassifier(max_iter=10), "y3")
    weighed = Evaluation(ev.model, ev.frame.assign(w=np.where(ev.frame.age > 60, 1.0, 0.0)), target="y3", features=ev.features, weight="w")  # fmt: skip
    got = shapley_values(weighed, rows=30, background=50)
    assert got.values.shape == (30, 5, 3)
    used = shared.background_of(weighed, 50, weighed.seed)
    assert used.age.min() > 60
    steps, final = ev.estimator[:-1], ev.estimator[-1]
    np.testing.assert_allclose(got.base, final.decision_function(steps.transform(used)).mean(axis=0), atol=1e-9)
    assert got.additivity_gap < 1e-9


def test_trees_that_cannot_be_read_are_not_set_against_background_rows(numbers, monkeypatch):
    X, score = numbers
    ev = of(GradientBoostingClassifier(n_estimators=5), X, (score > 0).astype(int))
    monkeypatch.setattr(shapley_exact, "tree_model", lambda *_: "they are strange")
    assert shapley_values(ev, rows=20).method == "tree"
    got = shapley_values(ev, rows=20, background=10)
    assert got.method == "sampling"
    assert "cannot be set against background rows" in got.sentence()
    with pytest.raises(NotApplicable, match="cannot be set against background rows"):
        shapley_values(ev, rows=20, background=10, method="tree")


def test_deep_trees_against_many_background_rows_are_not_taken_unasked(numbers):
    X, score = numbers
    ev = of(RandomForestRegressor(100, random_state=0), X, score)
    assert shapley_values(ev, rows=5, background=50).method == "tree"
    way, reason, _ = plan(ev, Asked(method="auto", background=100_000, seed=0), 300, 300)
    assert way is None
    assert "so deep" in reason
