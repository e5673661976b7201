"""Models in their own terms: coefficients in raw columns, rules that hold exactly, additive models by duck typing."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, PolynomialFeatures, SplineTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import modelglass as mg
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import decision_path, own_terms


def numbers(n=300, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"a": rng.normal(5, 2, n), "b": rng.integers(0, 9, n), "c": rng.normal(size=n)})


def test_coefficients_through_a_scaler_are_those_of_raw_columns():
    X = numbers()
    y = 3 * X.a - 2 * X.b + 7
    ev = Evaluation(make_pipeline(StandardScaler(), LinearRegression()).fit(X, y), X.assign(t=y), target="t")
    got = own_terms(ev)
    table = got.frame().set_index("feature")
    assert got.kind == "linear"
    assert table.term.tolist() == ["one more"] * 3
    assert table.estimate[["a", "b", "c"]].tolist() == pytest.approx([3, -2, 0], abs=1e-9)
    assert table.per_spread["a"] == pytest.approx(3 * X.a.std(ddof=0))
    assert table.odds_ratio.isna().all()
    assert got.intercept["t"] == pytest.approx(y.mean())
    assert "a (+3 for one more" in got.sentence()
    weighted = Evaluation(ev.model, X.assign(t=y, w=np.arange(300.0)), target="t", weight="w")
    spread = own_terms(weighted).frame().set_index("feature").per_spread["a"]
    w = np.arange(300.0)
    assert spread == pytest.approx(3 * np.sqrt(np.average((X.a - np.average(X.a, weights=w)) ** 2, weights=w)))


def test_levels_missing_and_odds(made):
    """Changing one raw column of a row changes the log-odds by what the terms say."""
    ev = made(LogisticRegression(max_iter=300), n=400)
    got = own_terms(ev)
    assert got.scale == "log-odds"
    table = got.frame()
    rows = ev.inputs().iloc[:5].copy()
    odds = lambda f: np.log(ev.output(f)) - np.log1p(-ev.output(f))  # noqa: E731
    rows["city"] = "Oslo"
    other = rows.assign(city="Bergen")
    term = table[table.term == "Bergen rather than Oslo"].iloc[0]
    assert (odds(other) - odds(rows)).tolist() == pytest.approx([term.estimate] * 5, abs=1e-8)
    assert term.odds_ratio == pytest.approx(np.exp(term.estimate))
    assert ev.where(term["where"]).n == term.n
    older = rows.assign(age=rows.age + 1)
    age = table[table.feature == "age"].iloc[0]
    assert (odds(older) - odds(rows)).tolist() == pytest.approx([age.estimate] * 5, abs=1e-8)
    gone, known = rows.assign(pay=np.nan), rows.assign(pay=ev.frame.pay.median())
    missing = table[(table.feature == "pay") & (table.term == "missing")].iloc[0]
    slope = table[(table.feature == "pay") & (table.term == "one more")].iloc[0].estimate
    parts = np.where(ev.frame.pay.isna(), missing.estimate, 0)
    # the part of missing stands beside the mean part of the column: that of all rows is 0
    at_known = (odds(known) - odds(gone))[0] + missing.estimate
    parts = np.where(ev.frame.pay.isna(), missing.estimate, at_known + slope * (ev.frame.pay - ev.frame.pay.median()))
    assert np.mean(parts) == pytest.approx(0, abs=1e-8)
    assert mg.figure(got).data[0].orientation == "h"


def test_curves_of_bins_and_splines():
    X = numbers()
    bins = KBinsDiscretizer(4, encode="onehot-dense", quantile_method="averaged_inverted_cdf")
    made = make_column_transformer((bins, ["a"]), (SplineTransformer(4), ["c"]), remainder="passthrough")
    y = np.sin(X.a) + X.c**2 + X.b
    ev = Evaluation(make_pipeline(made, LinearRegression()).fit(X, y), X.assign(t=y), target="t")
    table = own_terms(ev, points=15).frame()
    assert table[table.feature == "b"].term.tolist() == ["one more"]
    curve = table[table.feature == "a"]
    assert len(curve) == 15
    assert curve.estimate.round(9).nunique() == 4
    row = ev.inputs().iloc[[0]]
    moved = row.assign(a=X.a.min()), row.assign(a=X.a.max())
    assert ev.output(moved[1])[0] - ev.output(moved[0])[0] == pytest.approx(
        curve.estimate.iloc[-1] - curve.estimate.iloc[0]
    )


@pytest.mark.parametrize("target", ["y3", "amount"])
def test_rules_of_a_tree_hold_exactly(made, target):
    """The SQL of each leaf selects just the rows that get there, through imputers and one-hot columns; they share one answer."""
    kind = DecisionTreeRegressor if target == "amount" else DecisionTreeClassifier
    ev = made(kind(max_depth=5, random_state=0), target, n=500)
    got = own_terms(ev)
    leaves = got.nodes[got.nodes.leaf]
    at = ev.estimator.steps[-1][1].apply(ev.estimator[:-1].transform(ev.inputs()))
    assert sorted(leaves.n[leaves.n > 0]) == sorted(np.unique(at, return_counts=True)[1])
    for group in got.groups:
        for leaf in got.terms[got.terms.group == group].itertuples():
            if not leaf.n:
                continue
            part = ev.where(leaf.where)
            assert part.n == leaf.n
            answers = np.asarray(ev.output(part.inputs())).reshape(part.n, -1)
            k = 0 if answers.shape[1] == 1 else got.groups.index(group)
            assert answers[:, k].tolist() == pytest.approx([leaf.estimate] * part.n)
    assert "one tree of" in got.sentence()
    assert len(mg.figure(got).data)


def test_thresholds_are_those_of_the_tree():
    X = pd.DataFrame({"a": np.arange(20.0)})
    y = (X.a > 7).astype(float)
    plain = Evaluation(DecisionTreeRegressor(max_depth=1).fit(X, y), X.assign(t=y), target="t")
    scaled = make_pipeline(StandardScaler(), DecisionTreeRegressor(max_depth=1)).fit(X, y)
    for ev in (plain, Evaluation(scaled, X.assign(t=y), target="t")):
        assert own_terms(ev).frame().term.tolist() == ["a <= 7.5", "a > 7.5"]
        assert own_terms(ev).frame()["where"].tolist() == ['"a" <= 7.5', '"a" > 7.5']


def test_path_of_a_row(made):
    ev = made(DecisionTreeClassifier(max_depth=4, random_state=0), n=400)
    tree = ev.estimator.steps[-1][1]
    for row in (3, 8):
        got = decision_path(ev, row=row)
        path = tree.decision_path(ev.estimator[:-1].transform(ev.inputs().iloc[[row]])).indices
        assert len(got.frame()) == len(path)
        assert got.frame().n.iloc[0] == ev.n
        last = got.frame().iloc[-1]
        assert row in ev.where(last["where"]).frame.index
        assert ev.where(last["where"]).n == last.n
        assert last.estimate == pytest.approx(got.answer) == pytest.approx(ev.score[row])
        assert f"asks {len(path) - 1} times" in got.sentence()
        assert len(mg.figure(got).data[0].x) == len(path)
    several = made(DecisionTreeClassifier(max_depth=3, random_state=0), "y3", n=300)
    assert decision_path(several, row=2).group == str(several.classes[several.predicted[2]])
    assert decision_path(several, row=2, class_="mid").group == "mid"


class Additive:
    """As interpret's explainable boosting machine: a term a column, and one of two columns."""

    classes_ = np.array([0, 1])
    term_features_ = ((0,), (1,), (0, 2))
    term_names_ = ("a", "b", "a & c")
    intercept_ = np.array([0.3])

    def __init__(self, names):
        self.feature_names_in_ = np.array(names)
        self.n_features_in_ = len(names)

    def eval_terms(self, X):
        return np.column_stack([np.sin(X.a), 0.5 * (X.b > 3), 0.1 * X.a * X.c])

    def predict_proba(self, X):
        p = 1 / (1 + np.exp(-(self.eval_terms(X).sum(axis=1) + 0.3)))
        return np.column_stack([1 - p, p])

    def predict(self, X):
        return (self.predict_proba(X)[:, 1] > 0.5).astype(int)


def test_additive_models_by_their_terms():
    X = numbers()
    got = own_terms(Evaluation(Additive(list("abc")), X.assign(y=(X.a > 5).astype(int)), target="y"), points=9)
    assert got.kind == "additive"
    assert got.scale == "log-odds"
    assert got.apart == ("a with c",)
    curve = got.frame()[got.frame().feature == "a"]
    at = curve.term.str.removeprefix("at ").astype(float)
    assert curve.estimate.to_numpy() == pytest.approx(
        np.sin(at) - np.sin(X.a).mean(), abs=2e-3
    )  # four digits of a are shown
    assert "a with c" in got.sentence()


class Term:
    def __init__(self, feature=None, by=None, f=None):
        self.feature, self.by, self.f, self.isintercept = feature, by, f, feature is None


class Terms(list):
    def get_coef_indices(self, i):
        return [i]


class Gam:
    """As pyGAM's models: terms with their columns, an intercept among them, one of two columns, one multiplied by another column."""

    terms = Terms(
        [
            Term(0, f=lambda X: np.sin(X[:, 0])),
            Term(),
            Term(1, f=lambda X: 0.5 * (X[:, 1] > 3)),
            Term([0, 2], f=lambda X: 0.1 * X[:, 0] * X[:, 2]),
            Term(1, by=2, f=lambda X: 0.05 * X[:, 1] * X[:, 2]),
        ]
    )
    coef_ = np.array([9.0, 0.3, 9.0, 9.0, 9.0])

    def __init__(self, names):
        self.feature_names_in_ = np.array(names)

    def partial_dependence(self, term, X):
        return self.terms[term].f(X)

    def predict(self, X):
        X = np.asarray(X, dtype=float)
        return np.exp(sum(t.f(X) for t in self.terms if not t.isintercept) + 0.3)


def test_additive_models_that_list_their_terms():
    X = numbers()
    model = Gam(list("abc"))
    ev = Evaluation(model, X.assign(t=model.predict(X)), target="t", task="regression")
    got = own_terms(ev, points=9)
    assert (got.kind, got.scale, got.apart) == ("additive", "log of t", ("a with c", "b with c"))
    curve = got.frame()[got.frame().feature == "a"]
    at = curve["where"].str.split(" = ").str[1].astype(float)
    np.testing.assert_allclose(curve.estimate, np.sin(at) - np.sin(X.a).mean(), atol=1e-12)
    assert got.intercept["t"] == pytest.approx(0.3 + np.sin(X.a).mean() + 0.5 * (X.b > 3).mean())
    assert "its answer in log of t is " in got.sentence()


def test_what_cannot_be_read(made):
    with pytest.raises(NotApplicable, match=r"made of 5 trees.*A tree that imitates"):
        own_terms(made(RandomForestClassifier(5, max_depth=2), n=200))
    with pytest.raises(NotApplicable, match="no exact method for SVC"):
        own_terms(made(SVC(), n=200))
    with pytest.raises(NotApplicable, match="no decision tree"):
        decision_path(made(LogisticRegression(max_iter=300), n=200), row=1)
    with pytest.raises(NotApplicable, match="there is no model here"):
        own_terms(Evaluation.from_predictions([0, 1], prediction=[0, 1]))
    with pytest.raises(InputError, match="Expected the number of a row"):
        decision_path(made(DecisionTreeClassifier(max_depth=2), n=200), row=700)
    X = numbers()
    mixing = make_pipeline(PolynomialFeatures(2), LinearRegression()).fit(X, X.a)
    with pytest.raises(NotApplicable, match="mixes raw columns"):
        own_terms(Evaluation(mixing, X.assign(t=X.a), target="t"))


def test_a_constant_column_and_a_tree_that_asks_nothing():
    X = numbers().assign(same=4.0)
    ev = Evaluation(LinearRegression().fit(X, X.a), X.assign(t=X.a), target="t")
    assert own_terms(ev).frame().set_index("feature").estimate["same"] == pytest.approx(0, abs=1e-9)
    stump = Evaluation(DecisionTreeRegressor(max_depth=1).fit(X, np.ones(300)), X.assign(t=X.a), target="t")
    got = own_terms(stump)
    assert got.frame().term.tolist() == ["all rows"]
    assert "one tree of 1 leaf" in got.sentence()
    assert "the tree asks nothing" in decision_path(stump, row=0).sentence()
    mg.figure(got)


def test_a_column_known_on_rows_of_weight_nothing_alone_has_a_slope_and_no_spread():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 2)), columns=list("ab"))
    y = (X.a + X.b + rng.normal(size=200) > 0).astype(int)
    X.loc[50:, "a"] = np.nan
    model = make_pipeline(SimpleImputer(), LogisticRegression()).fit(X, y)
    ev = Evaluation(model, X.assign(t=y, w=np.where(np.arange(200) < 50, 0.0, 1.0)), target="t", weight="w")
    terms = own_terms(ev).terms.set_index(["feature", "term"])
    assert np.isclose(terms.estimate["a", "one more"], model[-1].coef_[0, 0])
    assert np.isnan(terms.per_spread["a", "one more"])
    assert np.isfinite(terms.per_spread["b", "one more"])
