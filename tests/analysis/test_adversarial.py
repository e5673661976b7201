"""The cheapest change: against closed forms and enumerations, never below what is certified, and always a possible row."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import modelglass as mg
from modelglass.analysis.adversarial import adversarial
from modelglass.analysis.adversarial_find import find
from modelglass.analysis.changed_answers import Answers
from modelglass.analysis.constraints import constraints
from modelglass.analysis.crowding import GRID, alone, crowd, own_spread
from modelglass.analysis.errors import InputError, NotApplicable, Stopped
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.finding import Budget
from modelglass.sample_models.catalogue import make


def numbers(n=300, p=3, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, p)), columns=list("abcdefgh")[:p])
    y = np.where(X.a + X.b * X.c + 0.3 * rng.logistic(size=n) > 0, "yes", "no")
    return X, y


def evaluation(model, X, y, **more):
    return Evaluation(model.fit(X, y), X.assign(y=y), target="y", **more)


def spreads(ev):
    return np.array([r.spread for r in constraints(ev).columns.values()])


@pytest.mark.parametrize("threshold", [None, 0.3])
@pytest.mark.parametrize(
    "model", [LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression())], ids=["bare", "scaled"]
)
def test_linear_is_the_closed_form(model, threshold):
    X, y = numbers()
    ev = evaluation(model, X, y, threshold=threshold)
    got = adversarial(ev, rows=40, rounds=2)
    weights = model.coef_[0] if hasattr(model, "coef_") else model[-1].coef_[0] / model[0].scale_
    margin = model.decision_function(X.iloc[got.rows.row]) - np.log((threshold or 0.5) / (1 - (threshold or 0.5)))
    # the cheapest way is the column of most weight per cost alone, while its range allows
    alone = np.abs(margin) / (np.abs(weights) * spreads(ev)).max()
    j = np.argmax(np.abs(weights) * spreads(ev))
    x, rule = X.iloc[got.rows.row, j], list(constraints(ev).columns.values())[j]
    wanted = x - margin / weights[j]
    fits = (wanted > rule.low) & (wanted < rule.high)
    assert fits.sum() > 20
    np.testing.assert_allclose(got.rows.cost[fits.to_numpy()], alone[fits.to_numpy()], rtol=1e-6)
    assert (got.rows.cost.to_numpy() >= alone * (1 - 1e-9)).all()
    assert (got.rows.certified <= got.rows.cost).all()
    np.testing.assert_allclose(got.rows.certified, got.rows.cost, rtol=1e-5)
    assert "closed form" in got.sentence()


def test_linear_regression_moves_by_the_amount_either_way():
    X, _ = numbers()
    ev = evaluation(LinearRegression(), X, 2 * X.a - X.b)
    got = adversarial(ev, amount=0.5, rows=30, rounds=1)
    np.testing.assert_allclose(got.rows.cost, 0.5 / (np.array([2, 1, 0]) * spreads(ev)).max(), rtol=1e-5)
    np.testing.assert_allclose(np.abs(got.rows.after.astype(float) - got.rows.before.astype(float)), 0.5, rtol=1e-3)
    assert "moves the prediction by 0.5" in got.sentence()


def _under(cut):
    """The largest number of 32 bits, as which scikit-learn reads values, that is not above a threshold."""
    got = np.float32(cut)
    return float(got if got <= cut else np.nextafter(got, np.float32(-np.inf)))


def _over(cut):
    got = np.float32(cut)
    return float(got if got > cut else np.nextafter(got, np.float32(np.inf)))


def enumerated(ev, model, rows):
    """Cheapest change by trying a point of every cell of the grid that all thresholds make (independent of the search)."""
    X, spread = ev.inputs(), spreads(ev)
    trees = [t.tree_ for t in np.ravel(model.estimators_)] if hasattr(model, "estimators_") else [model.tree_]
    cuts = [np.unique(np.concatenate([t.threshold[t.feature == j] for t in trees])) for j in range(X.shape[1])]
    rules = list(constraints(ev).columns.values())
    out = []
    for place in rows:
        x = X.loc[place].to_numpy()
        options = []
        for j, c in enumerate(cuts):
            own = np.searchsorted(c, x[j])
            near = [_under(c[i]) if i < own else _over(c[i - 1]) if i > own else x[j] for i in range(len(c) + 1)]
            options.append([v for v in near if v == x[j] or rules[j].low <= v <= rules[j].high])
        grid = pd.DataFrame(list(itertools.product(*options)), columns=X.columns)
        other = model.predict(grid) != model.predict(X.loc[[place]])
        cost = (np.abs(grid - x) / spread).sum(axis=1)
        out.append(cost[other].min() if other.any() else np.inf)
    return np.array(out)


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeClassifier(max_depth=4, random_state=0),
        GradientBoostingClassifier(n_estimators=6, max_depth=2, random_state=0),
        RandomForestClassifier(5, max_depth=3, random_state=0),
    ],
    ids=["tree", "boosted", "forest"],
)
def test_small_trees_are_the_enumeration(model):
    X, y = numbers()
    ev = evaluation(model, X, y)
    got = adversarial(ev, rows=25, rounds=1)
    wanted = enumerated(ev, model, got.rows.row)
    np.testing.assert_allclose(got.rows.cost, wanted, rtol=1e-3, atol=1e-4)
    assert (got.rows.certified <= wanted + 1e-9).all()
    if isinstance(model, DecisionTreeClassifier):  # one tree: the bound is the answer
        np.testing.assert_allclose(got.rows.certified, wanted, rtol=1e-4, atol=1e-6)
    assert got.rows.certified.max() > 0.1


@pytest.mark.parametrize(
    ("library", "task"),
    [
        ("sklearn", "multiclass"), ("sklearn", "regression"), ("hist", "binary"), ("hist", "multiclass"), ("xgboost", "multiclass"),
        ("xgboost", "regression"), ("lightgbm", "binary"),
    ],
)  # fmt: skip
def test_certified_is_never_above_found(task, library):
    rng = np.random.default_rng(2)
    n = 400
    X = pd.DataFrame(
        {
            "a": rng.normal(size=n),
            "b": rng.integers(0, 20, n).astype(float),
            "c": np.where(rng.random(n) < 0.15, np.nan, rng.normal(size=n)),
            "k": pd.Categorical(rng.choice(list("pqr"), n)),
        }
    )
    if library == "sklearn":
        X = X.drop(columns="k").assign(c=X.c.fillna(0))
    value = X.a + 0.1 * X.b + X.c.fillna(0) + (0 if "k" not in X else (X.k == "q") * 1.5) + 0.3 * rng.normal(size=n)
    y = (
        value
        if task == "regression"
        else np.where(value > 2, "hi", np.where((value > 0) | (task == "binary"), "mid", "lo"))
    )
    if library == "xgboost" and task != "regression":
        y = np.unique(y, return_inverse=True)[1]
    ev = evaluation(_model(library, task), X, y)
    got = adversarial(ev, rows=20, rounds=0)
    assert got.no_certificate == ""
    assert (got.rows.certified <= got.rows.cost * (1 + 1e-9)).all()
    assert got.rows.certified.median() > 0.01
    assert np.isfinite(got.rows.cost).mean() > 0.9


def _model(library, task):
    kind = "Regressor" if task == "regression" else "Classifier"
    if library == "xgboost":
        module = pytest.importorskip("xgboost")
        return getattr(module, f"XGB{kind}")(n_estimators=8, max_depth=3, enable_categorical=True)
    if library == "lightgbm":
        return getattr(pytest.importorskip("lightgbm"), f"LGBM{kind}")(
            n_estimators=8, num_leaves=8, verbose=-1, n_jobs=1
        )
    import sklearn.ensemble

    if library == "hist":
        return getattr(sklearn.ensemble, f"HistGradientBoosting{kind}")(
            max_iter=8, max_leaf_nodes=8, categorical_features="from_dtype"
        )
    return getattr(sklearn.ensemble, f"RandomForest{kind}")(8, max_depth=4, random_state=0)


def mixed(n=300, seed=1):
    rng = np.random.default_rng(seed)
    school = rng.choice(["none", "primary", "higher"], n)
    share = rng.uniform(0.1, 0.9, n)
    X = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "pay": np.where(rng.random(n) < 0.1, np.nan, rng.lognormal(3, 1, n).round(2)),
            "school": school,
            "years": pd.Series(school).map({"none": 0, "primary": 6, "higher": 14}),
            "member": rng.random(n) < 0.5,
            "rent": share,
            "rest": 1 - share,
        }
    )
    y = np.where(X.age / 20 + X.years / 6 + X.member + 2 * X.rent + 0.3 * rng.logistic(size=n) > 5.2, "yes", "no")
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["school"]), remainder="passthrough"),
        HistGradientBoostingClassifier(max_iter=15),
    )
    return Evaluation(model.fit(X, y), X.assign(y=y), target="y")


@pytest.fixture(scope="module")
def people():
    return mixed()


def watched(monkeypatch, rules):
    """Let the validator see every probe before the model does."""
    seen = []
    original = Answers.ask

    def ask(self, places, X):
        made = self.space.rows(places, X)
        found = rules.violations(made, self.space.frame.iloc[places].reset_index(drop=True))
        assert found.empty, found.head()
        seen.append(len(made))
        return original(self, places, X)

    monkeypatch.setattr(Answers, "ask", ask)
    return seen


RULES = st.fixed_dictionaries(
    {},
    optional={
        "age": st.fixed_dictionaries(
            {},
            optional={
                "direction": st.sampled_from(["up", "down"]),
                "step": st.sampled_from([1, 5, 7]),
                "low": st.integers(0, 30),
            },
        ),
        "pay": st.fixed_dictionaries(
            {}, optional={"direction": st.sampled_from(["up", "down", "any"]), "high": st.floats(900, 2_000)}
        ),
        "school": st.fixed_dictionaries(
            {}, optional={"immutable": st.booleans(), "levels": st.just(["none", "primary", "higher"])}
        ),
        "years": st.fixed_dictionaries(
            {}, optional={"immutable": st.booleans(), "direction": st.sampled_from(["up", "down"])}
        ),
        "member": st.fixed_dictionaries({}, optional={"immutable": st.booleans(), "cost": st.floats(0.1, 3)}),
        "rent": st.fixed_dictionaries(
            {}, optional={"low": st.floats(0, 0.1), "direction": st.sampled_from(["up", "down"])}
        ),
    },
)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(RULES)
def test_every_probe_is_a_possible_row(people, given_rules):
    with pytest.MonkeyPatch.context() as patch:
        rules = constraints(people, given={"columns": given_rules})
        seen = watched(patch, rules)
        got = adversarial(people, constraints=rules, rows=30, rounds=0)
        assert sum(seen) > 30
        after = got.rows[(got.rows.excluded == "") & np.isfinite(got.rows.cost)]
        assert (after.before != after.after).all()


@pytest.mark.data
def test_every_probe_of_adult_is_a_possible_row(data_file, monkeypatch):
    train = pd.read_csv(data_file("adult_train.csv"), na_values="?", nrows=3_000)
    test = pd.read_csv(data_file("adult_test.csv"), na_values="?", nrows=1_000)
    levels = test.select_dtypes(exclude="number").columns.drop("income")
    coded = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), list(levels)), remainder="passthrough"
    )
    model = make_pipeline(coded, HistGradientBoostingClassifier(max_iter=20)).fit(
        train.drop(columns="income"), train.income
    )
    ev = Evaluation(model, test, target="income", train=train)
    rules = constraints(
        ev, given={"columns": {"age": {"direction": "up"}, "sex": {"immutable": True}, "race": {"immutable": True}}}
    )
    assert ("education", "education_num") in {t.columns for t in rules.together}
    seen = watched(monkeypatch, rules)
    got = adversarial(ev, constraints=rules, rows=12, rounds=1)
    assert sum(seen) > 1_000
    assert not set(got.changes.column) & {"sex", "race"}
    assert set(got.curve.bound) == {"found", "certified"}
    assert (got.rows.certified <= got.rows.cost).all()
    assert got.rows.certified.median() > 0.05


def test_curve_rows_and_columns_agree(people):
    got = adversarial(people, rows=40, rounds=1)
    curve = got.frame()
    assert list(curve.columns) == ["budget", "what", "bound", "estimate", "low", "high", "n"]
    held = curve[(curve.what == "decisions") & (curve.bound == "found")].set_index("budget").estimate
    assert held[1.0] == pytest.approx((got.rows.cost > 1.0).mean())
    assert held.is_monotonic_decreasing
    right = curve[(curve.what == "right decisions") & (curve.bound == "found")].set_index("budget").estimate
    assert right[0.0] == pytest.approx(got.rows.was_right.mean())
    assert right[0.5] == pytest.approx((got.rows.was_right & (got.rows.cost > 0.5)).mean())
    per_row = got.changes.groupby("row").cost.sum()
    np.testing.assert_allclose(per_row, got.rows.set_index("row").cost[per_row.index], rtol=1e-9)
    assert got.columns.used.max() <= 1
    assert got.columns.share_of_cost.sum() == pytest.approx(1)
    worst = got.worst(3)
    assert worst.cost.is_monotonic_increasing
    assert " to " in worst.change[0]
    with pytest.raises(AssertionError):
        pd.testing.assert_frame_equal(got.rows, adversarial(people, rows=40, rounds=1, seed=5).rows)
    pd.testing.assert_frame_equal(got.rows, adversarial(people, rows=40, rounds=1).rows)


def test_a_column_that_decides_alone_is_named_first():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"wide": rng.normal(size=600), "edge": np.where(rng.random(600) < 0.4, 0.03, 1) * rng.normal(size=600) + 5}
    )
    y = np.where((X.edge > 5) ^ (X.wide > 1.5), "yes", "no")
    got = adversarial(evaluation(DecisionTreeClassifier(max_depth=3), X, y), rows=100, rounds=2)
    assert got.columns.column[0] == "edge"
    assert got.columns.estimate[0] > 2 * got.columns.estimate[1]
    assert "most fragile column is edge" in got.sentence()


def test_numbers_and_levels_are_named_apart(people):
    got = adversarial(people, rows=40, rounds=1)
    level, number = (part.loc[part.estimate.idxmax()] for _, part in got.columns.groupby("number"))
    assert level.estimate > number.estimate > 0, "the level is the worse, and a whole change"
    assert (
        f"The most fragile number is {number.column}: 0.1 spreads of it alone suffice for {number.estimate:.1%} of rows"
        in got.sentence()
    )
    assert f"Another level of {level.column} alone suffices for {level.estimate:.1%}." in got.sentence()
    used = {
        c: (got.changes.groupby("row").column.agg(set).map(lambda s, c=c: c in s)).mean() for c in got.columns.column
    }
    most = max(used, key=used.get)
    assert f"The changes found use {most} most often ({used[most]:.0%} of them)." in got.sentence()


def test_nothing_feasible_is_an_answer():
    X, y = numbers()
    ev = evaluation(LogisticRegression(), X, y)
    rules = {"columns": {c: {"immutable": True} for c in "ab"} | {"c": {"low": -9, "high": 9}}}
    model = DecisionTreeClassifier(max_depth=1).fit(X[["a"]].assign(b=0.0, c=0.0), y)
    ev = Evaluation(model, X.assign(y=y), target="y")
    got = adversarial(ev, constraints=rules, rows=20)
    assert not np.isfinite(got.rows.cost).any()
    assert "robust within the constraints" in got.sentence()
    assert np.isinf(got.rows.certified).all()
    with pytest.raises(NotApplicable, match="no column change"):
        adversarial(ev, immutable=list("abc"))


def test_rows_that_the_constraints_leave_out_are_said():
    X, y = numbers()
    ev = evaluation(LogisticRegression(), X, y)
    got = adversarial(ev, constraints={"columns": {"a": {"high": 0}}}, rows=50, rounds=1)
    out = got.rows[got.rows.excluded != ""]
    assert 0 < len(out) < 50
    assert (out.excluded == "a: above 0").all()
    assert len(got.rows) == 50
    assert "leave out (a: above 0)" in got.sentence()
    with pytest.raises(InputError, match=r"All 50 rows are left out; the first, row \d+, by a: below 100"):
        adversarial(ev, constraints={"columns": {"a": {"low": 100, "high": None}}}, rows=50)


def test_time_over_gives_the_best_so_far():
    X, y = numbers(p=3)
    got = adversarial(evaluation(KNeighborsClassifier(), X, y), rows=100, rounds=10_000, budget=0.5)
    assert got.stopped
    assert "best so far" in got.sentence()
    assert np.isfinite(got.rows.cost).any()
    nothing = adversarial(evaluation(KNeighborsClassifier(), X, y), rows=100, budget=1e-9)
    assert nothing.stopped
    assert "robust" not in nothing.sentence()
    assert "The time was over before the search was done" in nothing.sentence()


def test_weights_clusters_and_several_classes_and_labels_alone():
    X, y = numbers()
    frame = X.assign(
        y=np.where(X.a > 1, "top", y), w=np.random.default_rng(0).uniform(0.5, 2, 300), g=np.repeat(np.arange(60), 5)
    )
    ev = Evaluation(DecisionTreeClassifier(max_depth=3).fit(X, frame.y), frame, target="y", weight="w", cluster="g")
    got = adversarial(ev, rows=None, rounds=1)
    at = got.curve[(got.curve.what == "decisions") & (got.curve.bound == "found") & (got.curve.budget == 0.5)].iloc[0]
    weight = frame.w.to_numpy()
    assert at.estimate == pytest.approx(np.average(got.rows.cost > 0.5, weights=weight))
    assert at.low < at.estimate < at.high

    class Labels:
        def predict(self, X):
            return np.where(X["a"] + X["b"] > 0, "yes", "no")

    got = adversarial(Evaluation(Labels(), X.assign(y=y), target="y"), rows=30, rounds=3)
    far = (
        np.abs(X.a + X.b).loc[got.rows.row].to_numpy()
        / spreads(Evaluation(Labels(), X.assign(y=y), target="y"))[:2].max()
    )
    close = far < 0.7
    np.testing.assert_allclose(got.rows.cost[close], far[close], rtol=0.02, atol=1e-3)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"budget": 0}, "budget above 0"),
        ({"rounds": -1}, "rounds"),
        ({"amount": 0}, "amount above 0"),
        ({"immutable": "zz"}, "'zz'"),
    ],
)
def test_wrong_settings_are_said(people, wrong, said):
    with pytest.raises(InputError, match=said):
        adversarial(people, **wrong)


def test_without_a_model_and_when_stopped(people):
    with pytest.raises(NotApplicable, match="only predictions"):
        adversarial(Evaluation.from_predictions([0, 1], prediction=[0, 1]))

    def stop(share, what):
        raise Stopped("enough")

    with pytest.raises(Stopped):
        adversarial(people, rows=10, progress=stop)


def test_regression_trees_with_a_default_amount():
    X, _ = numbers()
    ev = evaluation(DecisionTreeRegressor(max_depth=3), X, X.a * 3)
    got = adversarial(ev, rows=30, rounds=2)
    assert got.settings["amount"] == pytest.approx(np.std(ev.predicted) / 2)
    np.testing.assert_allclose(got.rows.certified, got.rows.cost, rtol=1e-4, atol=1e-5)


def crowded(seed, piled):
    """A step of the outcome at 0.4 of ``edge``, and three rows in ten just above it; without the pile an honest model of smooth columns."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"wide": rng.normal(size=3_000), "edge": rng.normal(size=3_000)})
    if piled:
        X["edge"] = np.where(rng.random(3_000) < 0.3, 0.4 + 0.1 * rng.random(3_000), X.edge)
    drive = X.wide + (6 * ((X.edge > 0.4) - 0.5) if piled else X.edge)
    y = np.where(drive + rng.logistic(size=3_000) > 0, "yes", "no")
    model = HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=6).fit(X[:1_000], y[:1_000])
    return Evaluation(model, X[1_000:].assign(y=y[1_000:]), target="y", positive="yes")


def test_a_fragile_column_is_found_and_where():
    ev, budget = crowded(0, True), Budget(30.0)
    got = find(ev, budget)
    assert [(f.kind, f.features, f.severity) for f in got] == [("fragile_column", ("edge",), "medium")]
    assert budget.used == ev.n
    assert got[0].p_adjusted < 0.001
    assert "turns over" in got[0].sentence
    there = ev.where(got[0].where).frame.edge
    assert there.between(0.35, 0.55).mean() > 0.8
    near = alone(ev, constraints(ev), seconds=30)
    flags = near.first[:, near.columns.index("edge")] <= 2
    assert got[0].estimate == pytest.approx(flags.mean())
    assert got[0].low < flags.mean() < got[0].high


def test_no_fragile_column_in_robust_models():
    assert [find(crowded(seed, False), Budget(30.0)) for seed in range(4)] == [[]] * 4
    X, y = numbers(n=1_500)
    assert find(evaluation(make_pipeline(StandardScaler(), LogisticRegression()), X, y), Budget(30.0)) == []


def test_find_says_nothing_without_a_model_time_or_decisions(people):
    with pytest.raises(NotApplicable, match="predictions only"):
        find(Evaluation.from_predictions([0, 1] * 9, prediction=[0, 1] * 9), Budget(1.0))
    X, y = numbers(n=600)
    with pytest.raises(NotApplicable, match="the outcome is a number"):
        find(evaluation(LinearRegression(), X, X.a), Budget(1.0))
    slow = evaluation(RandomForestClassifier(20, random_state=0), X, y)
    early = Budget(0.0)
    early.left = lambda: -1.0
    told = find(slow, early)
    assert told == []
    assert early.used <= 600

    def stop(share, what):
        raise Stopped("enough")

    with pytest.raises(Stopped):
        find(people, Budget(10.0, progress=stop))


def test_alone_is_the_distance_to_a_known_boundary():
    X, _ = numbers(n=500)
    y = np.where(X.a > 0.2, "yes", "no")
    ev = evaluation(DecisionTreeClassifier(max_depth=1), X, y)
    got = alone(ev, constraints(ev), seconds=30)
    limit, spread = ev.estimator.tree_.threshold[0], constraints(ev).columns["a"].spread
    here = got.kept.frame.a.to_numpy()
    far = np.abs(here - limit) / own_spread(here, spread)
    expected = np.searchsorted(GRID, far)
    found = got.first[:, got.columns.index("a")]
    inside = np.abs(here - limit) < 0.7 * spread  # beyond it the end of the range may come first
    assert (found[inside] == expected[inside]).mean() > 0.97  # but for the steps of 0.001 that values are moved to
    assert (np.delete(got.first, got.columns.index("a"), axis=1) == len(GRID)).all()


def test_steps_count_as_steps():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"k": rng.integers(0, 40, 600), "x": rng.normal(size=600)})
    ev = evaluation(DecisionTreeClassifier(max_depth=2), X, np.where(X.k > 20, "yes", "no"))
    got = alone(ev, constraints(ev), seconds=30)
    k = got.columns.index("k")
    spread = constraints(ev).columns["k"].spread
    one = crowd(got, k)
    at = got.kept.frame.k.to_numpy()
    reach, wide = (np.floor(r * own_spread(at.astype(float), spread)) for r in (0.1, 0.75))
    assert (reach == 1).any()
    assert (reach == 0).any()
    np.testing.assert_allclose(got.part[:, k], np.where(reach > 0, reach / wide, np.nan))
    assert (one.near == ((at <= 20) & (at + reach > 20) | (at > 20) & (at - reach <= 20))).all()


def test_the_planted_fragile_feature_of_credit_is_first(tmp_path):
    made = make("credit", tmp_path)
    ev = Evaluation(mg.load_model(made.model), mg.read_data(made.data), train=mg.read_data(made.train), **made.options)
    got = adversarial(ev, rows=200, rounds=0, budget=None)
    assert got.columns.column[0] == "bureau_score"
    assert "-999" in constraints(ev).columns["employment_years"].how
    numbers_only = got.columns[~got.columns.column.isin(["housing", "purpose", "region", "channel"])]
    assert numbers_only.estimate.iloc[0] > numbers_only.estimate.iloc[1]
    solid = next(t for t in mg.figure(got).data if t.name == "decisions, found")
    curve = got.curve[got.curve.what == "decisions"]
    np.testing.assert_allclose(solid.y, curve[curve.bound == "found"].estimate)
    held = {bound: part.set_index("budget").estimate for bound, part in curve.groupby("bound")}
    assert (held["certified"] <= held["found"]).all()
    assert held["certified"][0.1] > 0.5, "through imputer and one-hot columns"
    told = find(ev, Budget(60.0))
    assert [f.features for f in told] == [("bureau_score",)]
    assert 600 in ev.where(told[0].where).frame.bureau_score.to_numpy() + np.array([[-1], [0], [1]])
    plain = make("credit-logistic", tmp_path)
    logistic = Evaluation(
        mg.load_model(plain.model), mg.read_data(plain.data), train=mg.read_data(plain.train), **plain.options
    )
    assert find(logistic, Budget(60.0)) == []


def test_time_ends_the_bounds_and_the_starts_too(monkeypatch):
    """Bounds of 100,000 rows took a minute before the search, whatever the time given, and could not be stopped."""
    X, y = numbers(n=3_000, p=4)
    ev = evaluation(RandomForestClassifier(60, max_depth=7, random_state=0), X, y)
    whole = adversarial(ev, rows=300, rounds=0, budget=None)
    monkeypatch.setattr("modelglass.analysis.leaf_boxes.COSTS", 200_000)
    monkeypatch.setattr("modelglass.analysis.changed_answers.STARTED", 20)
    heard = []
    got = adversarial(ev, rows=300, rounds=0, budget=1e-3, progress=lambda share, what: heard.append((share, what)))
    assert got.stopped
    assert "this is the best so far" in got.sentence()
    sure = got.rows.certified.to_numpy() > 0
    assert 0 < sure.sum() < 150, "those of the first rows only"
    np.testing.assert_allclose(got.rows.certified[sure], whole.rows.certified[sure])
    assert (got.rows.certified <= whole.rows.cost * (1 + 1e-9)).all()
    assert [s for s, _ in heard] == sorted(s for s, _ in heard)
    assert {"bounds of the trees' leaves", "other rows beyond the boundary"} <= {w for _, w in heard}

    def stop(share, what):
        raise Stopped("enough")

    with pytest.raises(Stopped):
        adversarial(ev, rows=300, budget=None, progress=stop)
