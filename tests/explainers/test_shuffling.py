"""Groups, columns that go together, strata, the trees' own answers, and when shuffling stops."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import LinearSVC

from modelglass.analysis.errors import InputError
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.groups import Rows, rows_of
from modelglass.analysis.metrics import METRICS
from modelglass.analysis.paired import Tally, judged
from modelglass.explainers import permutation_importance, shapley_exact
from modelglass.explainers.going_together import associations, going_together
from modelglass.explainers.reshuffled import reshuffled
from modelglass.explainers.strata import strata_of, within


def tabular(n=1_200, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 3)), columns=["a", "b", "c"])
    frame["twin"] = frame.a + 0.2 * rng.normal(size=n)
    frame["city"] = rng.choice(["Oslo", "Bergen", "Moss"], n)
    frame["lat"] = frame.city.map({"Oslo": 59.9, "Bergen": 60.4, "Moss": 59.4}) + 0.01 * rng.normal(size=n)
    frame.loc[rng.random(n) < 0.1, "c"] = np.nan
    drive = frame.a + frame.b * (frame.city == "Oslo") + frame.c.fillna(0) + rng.normal(size=n)
    frame["y"] = np.where(drive > 0, "yes", "no")
    frame["y3"] = pd.cut(drive, [-99, -1, 1, 99], labels=["low", "mid", "top"]).astype(str)
    frame["t"] = drive
    return frame


def fitted(final, target, one_hot=False):
    frame = tabular()
    names = ["a", "b", "c", "twin", "city", "lat"]
    if one_hot:
        final = make_pipeline(
            make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough", sparse_threshold=0), final
        )
    else:
        frame["city"] = frame.city.astype("category")
    model = final.fit(frame[names], frame[target])
    return Evaluation(model, frame, target=target, ignore=[x for x in ("y", "y3", "t") if x != target])


@pytest.mark.parametrize(
    ("final", "target", "one_hot"),
    [
        (HistGradientBoostingClassifier(max_iter=15, categorical_features="from_dtype"), "y", False),
        (HistGradientBoostingClassifier(max_iter=8), "y3", True),
        (HistGradientBoostingRegressor(max_iter=15, categorical_features="from_dtype"), "t", False),
        (RandomForestClassifier(8, max_depth=6, random_state=0), "y", True),
        (RandomForestClassifier(8, max_depth=6, random_state=0), "y3", True),
    ],
)
@pytest.mark.parametrize("columns", [["a"], ["city"], ["c", "city", "twin"]])
def test_the_trees_answer_as_the_model_does(final, target, one_hot, columns):
    ev = fitted(final, target, one_hot)
    judge = reshuffled(ev)
    assert judge.how.startswith("through the trees")
    order = np.random.default_rng(1).permutation(ev.n)
    others = [name for name in ev.features if name != "b"]
    *_, got = judge.answers([["b"], others, columns], [order[::-1], order, order])
    want = judged(ev, ev.inputs().assign(**{c: ev.inputs()[c].array[order] for c in columns}), rows_of(ev))
    if target != "t":
        assert np.array_equal(got.predicted, want.predicted)
        assert np.abs(got.score - want.score).max() < 1e-12
    assert np.abs(got.predicted - want.predicted).max() < 1e-12


def test_thresholds_and_the_other_class_through_the_trees():
    ev = fitted(RandomForestClassifier(8, max_depth=6, random_state=0), "y", True)
    for one in (
        ev.with_threshold(0.7),
        Evaluation(ev.estimator, ev.frame, target="y", positive="no", ignore=["y3", "t"]),
    ):
        judge = reshuffled(one)
        assert judge.how.startswith("through the trees")
        assert np.array_equal(judge.clean.predicted, rows_of(one).predicted)


def linear(final, target, **more):
    """A pipeline whose last step is no tree."""
    frame = tabular()
    names = ["a", "b", "c", "twin", "city", "lat"]
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    coded = make_column_transformer((OneHotEncoder(), ["city"]), (numbers, ["lat", "c", "a", "b", "twin"]), **more)
    model = make_pipeline(coded, final).fit(frame[names], frame[target])
    return Evaluation(model, frame, target=target, ignore=[x for x in ("y", "y3", "t") if x != target])


@pytest.mark.parametrize(
    ("final", "target", "sparse"),
    [
        (LogisticRegression(), "y", 0),
        (LogisticRegression(), "y3", 1),
        (Ridge(), "t", 0),
        (LinearSVC(), "y", 1),
        (LinearSVC(), "y3", 0),
    ],
)
def test_the_last_step_answers_as_the_whole_pipeline_does(final, target, sparse):
    ev = linear(final, target, sparse_threshold=sparse)
    judge = reshuffled(ev)
    assert judge.how.startswith("by asking the last step of the pipeline")
    groups, rng = [["c"], ["city"], ["b", "city", "c"]], np.random.default_rng(1)
    orders = [rng.permutation(ev.n) for _ in groups]
    for columns, order, got in zip(groups, orders, judge.answers(groups, orders), strict=True):
        want = judged(ev, ev.inputs().assign(**{c: ev.inputs()[c].array[order] for c in columns}), rows_of(ev))
        if target != "t":
            assert np.array_equal(got.predicted, want.predicted)
            assert np.abs(got.score - want.score).max() < 1e-12
        assert np.abs(got.predicted - want.predicted).max() < 1e-12
        assert not np.array_equal(got.predicted, judge.clean.predicted)


def test_the_last_step_decides_by_the_threshold_and_for_the_class_asked():
    ev = linear(LogisticRegression(), "y")
    other = Evaluation(ev.estimator, ev.frame, target="y", positive="no", ignore=["y3", "t"])
    order = np.random.default_rng(2).permutation(ev.n)
    for one, class_ in ((ev.with_threshold(0.7), None), (other, None), (linear(LogisticRegression(), "y3"), "mid")):
        judge = reshuffled(one, class_)
        assert judge.how.startswith("by asking the last step of the pipeline")
        assert np.array_equal(judge.clean.predicted, rows_of(one, class_).predicted)
        (got,) = judge.answers([["a"]], [order])
        want = judged(one, one.inputs().assign(a=one.inputs()["a"].array[order]), rows_of(one), class_)
        assert np.array_equal(got.predicted, want.predicted)


def test_how_columns_reach_the_last_step_is_found_once(monkeypatch):
    ev, asked = linear(LogisticRegression(), "y"), []
    found = shapley_exact.provenance
    monkeypatch.setattr(shapley_exact, "provenance", lambda *given: asked.append(1) or found(*given))
    for one in (ev, ev.with_threshold(0.3), ev.where("a > 0")):
        way = shapley_exact.exact_way(one)
        assert way.kind == "linear"
        assert shapley_exact.exact_way(one, ("tree",)) == "the model is of kind linear"
        assert shapley_exact.exact_way(ev) is way
    assert len(asked) == 1


def test_a_pipeline_that_mixes_columns_or_decides_elsewhere_is_asked_whole():
    frame = tabular()[["a", "b", "y"]]
    for model in (
        make_pipeline(PolynomialFeatures(), LogisticRegression()),
        FixedThresholdClassifier(make_pipeline(StandardScaler(), LogisticRegression()), threshold=0.8),
        make_pipeline(StandardScaler(), FixedThresholdClassifier(LogisticRegression(), threshold=0.8)),
    ):
        ev = Evaluation(model.fit(frame[["a", "b"]], frame.y), frame, target="y")
        assert reshuffled(ev).how == "by asking the model"


def test_other_models_and_few_rows_are_asked():
    forest = fitted(RandomForestClassifier(3, random_state=0), "y", True)
    assert reshuffled(forest.sample(100)).how == "by asking the model"
    frame = tabular()[["a", "b", "t"]]
    assert (
        reshuffled(Evaluation(LinearRegression().fit(frame[["a", "b"]], frame.t), frame, target="t")).how
        == "by asking the model"
    )


def test_a_boosted_model_that_starts_from_another_model_is_asked():
    frame = tabular()[["a", "b", "t"]]
    start = LinearRegression().fit(frame[["a", "b"]], frame.t)
    model = GradientBoostingRegressor(n_estimators=5, init=start).fit(frame[["a", "b"]], frame.t)
    assert reshuffled(Evaluation(model, frame, target="t")).how == "by asking the model"


def test_a_group_is_shuffled_in_one_order():
    ev = fitted(HistGradientBoostingClassifier(max_iter=10), "y", True)
    got = permutation_importance(ev, features=["a"], groups=[["a", "b"]], n_repeats=1, together=None, metric="accuracy")
    order = np.random.default_rng((0, 20_004, 0, 1)).permutation(ev.n)
    X = ev.inputs()
    mixed = X.assign(a=X.a.to_numpy()[order], b=X.b.to_numpy()[order])
    want = (ev.estimator.predict(X) == ev.frame.y).mean() - (ev.estimator.predict(mixed) == ev.frame.y).mean()
    row = got.frame().set_index("feature").loc["a + b"]
    assert row.estimate == pytest.approx(want)
    assert row["columns"] == 2
    assert got.together.why.tolist() == ["given"]
    for form in ("a+b", {"both": ["a", "b"]}, [("a", "b")]):
        again = permutation_importance(ev, features=["a"], groups=form, n_repeats=1, together=None, metric="accuracy")
        assert again.frame()["columns"].max() == 2
    assert "both" in set(
        permutation_importance(ev, features=["a"], groups={"both": ["a", "b"]}, n_repeats=1).frame().feature
    )


def test_columns_that_go_together_are_found_and_said():
    ev = fitted(HistGradientBoostingClassifier(max_iter=10), "y", True)
    found = going_together(ev, 0.7)
    assert [set(g.columns) for g in found] == [{"a", "twin"}, {"city", "lat"}]
    table = associations(ev)
    assert table.loc["a", "twin"] == pytest.approx(abs(stats.spearmanr(ev.frame.a, ev.frame.twin).statistic))
    assert found[0].weakest == pytest.approx(table.loc["a", "twin"])
    there = ev.frame.c.notna()
    assert table.loc["a", "c"] == pytest.approx(abs(stats.spearmanr(ev.frame.a[there], ev.frame.c[there]).statistic))
    assert table.loc["city", "lat"] > 0.9
    assert table.loc["city", "b"] < 0.1
    got = permutation_importance(ev, n_repeats=2)
    assert set(got.together.feature) == {"a + twin", "city + lat"}
    assert "a and twin go together (association 0.9" in got.sentence()
    assert len(got.single) == 6


def test_cramers_v_is_scipys_corrected_one():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 3, 500)
    b = np.where(rng.random(500) < 0.5, a, rng.integers(0, 3, 500))
    frame = pd.DataFrame({"a": a.astype(str), "b": b.astype(str), "t": rng.normal(size=500)})
    ev = Evaluation(lambda f: np.zeros(len(f)), frame, target="t", features=["a", "b"])
    v = stats.contingency.association(pd.crosstab(a, b).to_numpy(), method="cramer")
    phi2 = 2 * v**2 - 4 / 499
    assert associations(ev).loc["a", "b"] == pytest.approx(np.sqrt(phi2 / (3 - 4 / 499 - 1)), rel=1e-6)


def test_within_strata_every_row_keeps_its_stratum():
    strata = np.random.default_rng(0).integers(0, 5, 200)
    order = within(strata, np.random.default_rng(1))
    assert np.array_equal(np.sort(order), np.arange(200))
    assert np.array_equal(strata[order], strata)
    assert (order != np.arange(200)).mean() > 0.9


def test_conditional_importance_is_what_a_column_adds_to_the_others():
    """y = a + b of a linear model: shuffled among all a costs 2 var(a) of squared error, given twin only about 2 var(a | twin)."""
    frame = tabular(8_000)[["a", "b", "twin"]].assign(t=lambda f: f.a + f.b)
    model = LinearRegression().fit(frame[["a", "b", "twin"]], frame.t)
    ev = Evaluation(model, frame, target="t")
    ask = {"metric": "rmse", "rows": None, "n_repeats": 3, "together": None}
    free = permutation_importance(ev, **ask).frame().set_index("feature").estimate
    tied = permutation_importance(ev, conditional=True, **ask)
    assert free["a"] ** 2 == pytest.approx(2, rel=0.1)
    given = 0.2**2 / (1 + 0.2**2)  # var(a | twin); the 32 strata are a little coarser
    assert 2 * given < tied.frame().set_index("feature").estimate["a"] ** 2 < 2 * given * 1.6
    assert free["b"] == pytest.approx(tied.frame().set_index("feature").estimate["b"], rel=0.1)
    about = tied.strata.set_index("feature")
    assert about.explained["a"] > 0.9
    assert about.explained["b"] < 0.1
    assert "among rows alike in the other columns" in tied.sentence()


def test_strata_of_categories_missing_and_constants():
    ev = fitted(HistGradientBoostingClassifier(max_iter=5), "y", True)
    codes, explained = strata_of(ev, ["city"])
    assert explained > 0.9
    assert np.bincount(codes).min() >= 30
    assert strata_of(ev, ["c"])[1] < 0.1
    assert strata_of(ev, list(ev.features))[1] == 0


def test_it_stops_when_the_order_is_settled():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(2_000, 3)), columns=["a", "b", "c"])
    frame["t"] = 3 * frame.a + frame.b
    model = LinearRegression().fit(frame[["a", "b", "c"]], frame.t)
    far = permutation_importance(Evaluation(model, frame, target="t"), n_repeats=20)
    assert far.made == 2
    assert "It stopped there because the order is settled" in far.sentence()
    assert permutation_importance(Evaluation(model, frame, target="t"), n_repeats=6, settle=False).made == 6
    frame["b"] = frame.a.to_numpy()[::-1]  # the two are worth the same
    frame["t"] = frame.a + frame.b + 0.1 * rng.normal(size=2_000)
    model.coef_ = np.array([1.0, 1.0, 0.0])
    near = permutation_importance(Evaluation(model, frame, target="t"), n_repeats=3)
    assert near.made == 3
    assert set(near.unsettled[0]) == {"a", "b"}
    assert "More shuffles could change the order of" in near.sentence()


def test_the_doubt_of_shuffles_is_their_spread():
    """200 times three shuffles of the same rows: the variance of their means is what ``doubt`` says."""
    rng = np.random.default_rng(0)
    a, b, e = rng.normal(size=(3, 400))
    clean = Rows(task="regression", y=a + b + e, predicted=a + b)
    means, doubts = [], []
    for _ in range(200):
        tally = Tally(METRICS["mae"], clean)
        for _ in range(3):
            order = rng.permutation(400)
            tally.add(Rows(task="regression", y=clean.y, predicted=a[order] + b), order)
        means.append(tally.estimate)
        doubts.append(tally.doubt)
    assert np.mean(doubts) == pytest.approx(np.var(means), rel=0.35)


def test_the_interval_within_strata_holds_its_level():
    """Two columns correlated by 0.8; 200 samples of 400 rows against 400,000."""
    cuts = stats.norm.ppf(np.arange(1, 6) / 6)

    def shuffled(n, seed):
        rng = np.random.default_rng(seed)
        b, z, e = rng.normal(size=(3, n))
        a, strata = 0.8 * b + 0.6 * z, np.searchsorted(cuts, b)
        tally = Tally(METRICS["rmse"], Rows(task="regression", y=a + b + e, predicted=a + b), strata=strata)
        for _ in range(3):
            order = within(strata, rng)
            tally.add(Rows(task="regression", y=a + b + e, predicted=a[order] + b), order)
        return tally.change()

    truth = shuffled(400_000, 999).estimate
    held = np.mean([f.low <= truth <= f.high for f in (shuffled(400, s) for s in range(200))])
    assert 0.90 <= held <= 0.99


def test_weights_and_clusters_through_the_trees():
    ev = fitted(HistGradientBoostingClassifier(max_iter=10), "y", True)
    frame = ev.frame.assign(w=np.where(ev.frame.city == "Oslo", 2.0, 1.0), who=np.arange(ev.n) // 4)
    tied = Evaluation(ev.estimator, frame, target="y", weight="w", cluster="who", ignore=["y3", "t"])
    got = permutation_importance(tied, features=["a"], n_repeats=2, together=None)
    order = np.random.default_rng((0, 20_004, 0)).permutation(ev.n)
    X = ev.inputs()
    auc = lambda f: metrics.roc_auc_score(frame.y, ev.estimator.predict_proba(f)[:, 1], sample_weight=frame.w)  # noqa: E731
    assert got.repeats.estimate[0] == pytest.approx(auc(X) - auc(X.assign(a=X.a.to_numpy()[order])), abs=1e-12)
    assert got.interval == "paired influences of clusters"


def test_refusals():
    ev = fitted(HistGradientBoostingClassifier(max_iter=5), "y", True)
    with pytest.raises(InputError, match="Expected groups of at least two columns"):
        permutation_importance(ev, groups=[["a"]])
    with pytest.raises(InputError, match="Expected groups as a list of lists"):
        permutation_importance(ev, groups=["a", "b"])
    with pytest.raises(InputError, match="Did you mean 'city'"):
        permutation_importance(ev, groups="a + cty")
    with pytest.raises(InputError, match="Expected an association above 0"):
        permutation_importance(ev, together=2)
