"""Certified lower bounds through Pipelines: against every possible row of small spaces, and "cannot say" where none would be sound."""

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from modelglass.analysis.adversarial import adversarial
from modelglass.analysis.certified import certificate
from modelglass.analysis.constraints import constraints
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.possible import Space

NUMBERS, WORDS = ["i", "k", "years"], ["school", "kind"]
YEARS = {"none": 0, "primary": 6, "higher": 14}


def people(seed=0, n=160):
    """Few values of each column, some missing; ``years`` follows from ``school``."""
    rng = np.random.default_rng(seed)
    school = pd.Series(rng.choice(list(YEARS), n))
    X = pd.DataFrame(
        {
            "i": np.where(rng.random(n) < 0.12, np.nan, rng.integers(0, 7, n)),
            "k": rng.integers(-2, 3, n),
            "school": school,
            "kind": pd.Series(rng.choice(list("pqr"), n)).where(rng.random(n) > 0.12, None),
            "flag": rng.random(n) < 0.4,
            "years": school.map(YEARS).astype(int),
        }
    )
    value = X.i.fillna(3) / 3 + X.k / 2 + X.years / 8 * (X.kind == "q") + X.flag + 0.5 * rng.normal(size=n)
    return X, value


def piped(number, word, final):
    parts = [("n", number, NUMBERS), ("w", word, WORDS)]
    return make_pipeline(ColumnTransformer(parts, remainder="passthrough", sparse_threshold=0), final)


def plain(**more):
    return make_pipeline(SimpleImputer(strategy="median", **more), StandardScaler())


def common():
    return make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))


def every_row(ev, rules, place):
    """Every possible change of a row with its cost: all combinations of all values, of which the validator keeps some."""
    own = ev.inputs().loc[place]
    options = []
    for name, rule in rules.columns.items():
        if pd.isna(own[name]):
            options.append([own[name]])
        elif rule.kind == "levels":
            options.append(list(rule.levels))
        else:
            options.append(list(np.arange(rule.low, rule.high + 0.5)))
    grid = pd.DataFrame(list(itertools.product(*options)), columns=list(rules.columns))
    grid = grid.astype({c: t for c, t in ev.inputs().dtypes.items() if str(t) != "object"})
    before = ev.inputs().loc[[place] * len(grid)].reset_index(drop=True)
    grid = grid.drop(index=rules.violations(grid, before).place.unique()).reset_index(drop=True)
    cost = np.zeros(len(grid))
    for name, rule in rules.columns.items():
        if name == "years" or pd.isna(own[name]):
            continue  # it follows, at no cost
        if rule.kind == "levels":
            cost += rule.cost * (grid[name] != own[name]).to_numpy()
        else:
            cost += rule.cost * (grid[name] - own[name]).abs().to_numpy() / rule.spread
    return grid, cost


def cheapest(ev, rules, place, amount):
    grid, cost = every_row(ev, rules, place)
    answers, own = ev.answer(grid)[0], ev.answer(ev.inputs().loc[[place]])[0]
    other = np.abs(answers - own) >= amount if ev.task == "regression" else answers != own
    return cost[other].min() if other.any() else np.inf


SPLINES = make_pipeline(SimpleImputer(), SplineTransformer(n_knots=3))
MARKED = make_pipeline(make_union(SimpleImputer(), MissingIndicator()), RobustScaler())
BINS = make_pipeline(SimpleImputer(), KBinsDiscretizer(3, encode="onehot-dense", strategy="uniform"))
RARE = OneHotEncoder(min_frequency=0.3, handle_unknown="infrequent_if_exist", sparse_output=False)
ORDINAL = OrdinalEncoder(encoded_missing_value=-2)
BOOSTED = HistGradientBoostingClassifier(max_iter=8, max_leaf_nodes=8)
CASES = {
    "logistic": ("binary", plain(add_indicator=True), common(), LogisticRegression()),
    "logistic, classes": ("multiclass", plain(), make_pipeline(ORDINAL, StandardScaler()), LogisticRegression()),
    "ridge, bins": ("binary", BINS, RARE, RidgeClassifier()),
    "linear, splines": ("regression", SPLINES, ORDINAL, LinearRegression()),
    "boosted": ("binary", plain(add_indicator=True), common(), BOOSTED),
    "boosted, classes": ("multiclass", MARKED, ORDINAL, HistGradientBoostingClassifier(max_iter=5, max_leaf_nodes=6)),
    "forest": ("regression", MARKED, RARE, RandomForestRegressor(6, max_depth=4, random_state=0)),
    "one tree": ("binary", make_pipeline(SimpleImputer(), PowerTransformer()), ORDINAL, DecisionTreeClassifier(max_depth=4, class_weight={0: 1, 1: 1.01}, random_state=0)),
    "grid search": ("binary", plain(), common(), GridSearchCV(GradientBoostingClassifier(n_estimators=6, random_state=0), {"max_depth": [2]}, cv=2)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("given", [None, {"k": {"direction": "up"}, "school": {"cost": 0.4}, "flag": {"immutable": True}}], ids=["plain", "given"])  # fmt: skip
def test_certified_through_pipelines_is_never_above_any_possible_change(case, given):
    task, number, word, final = CASES[case]
    X, value = people()
    y = value if task == "regression" else np.digitize(value, np.quantile(value, [0.5] if task == "binary" else [0.33, 0.66]))  # fmt: skip
    ev = Evaluation(piped(number, word, final).fit(X, y), X.assign(y=y), target="y")
    rules = constraints(ev, given={"columns": given} if given else None)
    assert [t.text() for t in rules.together] == ["years follows from school"]
    got = adversarial(ev, constraints=rules, rows=14, rounds=1, budget=None)
    assert got.no_certificate == ""
    kept = got.rows[got.rows.excluded == ""]
    assert kept.row.map(X.isna().any(axis=1)).any(), "rows with missing values are among them"
    true = np.array([cheapest(ev, rules, r, got.settings["amount"]) for r in kept.row])
    assert (kept.certified <= true + 1e-9).all()
    assert (kept.cost >= true - 1e-9).all()
    sure = np.where(np.isfinite(true), kept.certified / true, 1.0)
    assert np.median(sure) > 0.2, "the bound says something"
    if case == "one tree" and given is None:
        np.testing.assert_allclose(kept.certified[np.isfinite(true)], true[np.isfinite(true)], rtol=1e-5)


def smooth(n=400, seed=3):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "a": np.where(rng.random(n) < 0.1, np.nan, rng.normal(40, 9, n)),
            "b": rng.lognormal(8, 1, n),
            "k": pd.Series(rng.choice(list("pqrs"), n)).where(rng.random(n) > 0.1, None),
        }
    )
    drive = (X.a.fillna(40) - 40) / 9 + np.log(X.b) - 8 + (X.k == "q") + 0.4 * rng.logistic(size=n)
    return X, np.where(drive > 0.2, "yes", "no")


@pytest.mark.parametrize("threshold", [None, 0.3])
@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(), RobustScaler(with_centering=False)], ids=repr)
def test_without_steps_the_change_found_is_the_closed_form_through_a_pipeline(scaler, threshold):
    """Levels are taken or not in every combination, so that the bound is the cheapest change itself."""
    X, y = smooth()
    parts = [("n", make_pipeline(SimpleImputer(), scaler), ["a", "b"]), ("w", common(), ["k"])]
    model = make_pipeline(ColumnTransformer(parts), LogisticRegression(max_iter=1_000)).fit(X, y)
    ev = Evaluation(model, X.assign(y=y), target="y", threshold=threshold)
    got = adversarial(ev, constraints={"columns": {"k": {"cost": 0.2}}}, rows=60, rounds=1)
    assert got.certificate == "closed form of a linear model"
    assert np.isfinite(got.rows.cost).mean() > 0.9
    np.testing.assert_allclose(got.rows.certified, got.rows.cost, rtol=1e-5)
    assert "k" in set(got.changes.column)
    assert set(got.changes.column) & {"a", "b"}


def refused(model, X, y, **more):
    ev = Evaluation(model.fit(X, y), X.assign(y=y), target="y", **more)
    rules = constraints(ev)
    found = certificate(ev, Space(rules, ev.inputs()), np.nan)
    assert (found.low == 0).all()
    return found.none


def test_what_has_no_sound_bound_is_said():
    X, y = smooth()
    X = X[["a", "b"]].fillna(40).assign(c=np.log(X.b))
    mixed = make_pipeline(StandardScaler(), PCA(2), LogisticRegression())
    assert refused(mixed, X, y).startswith("the pipeline mixes raw columns (a with b with c)")
    for final in (LogisticRegression(), GradientBoostingClassifier(n_estimators=3)):
        logged = make_pipeline(FunctionTransformer(np.log1p), final)
        assert refused(logged, X[["a", "b"]], y) == "nothing is known of the function that changes 'a'"
    cut = FixedThresholdClassifier(LogisticRegression(), threshold=0.4)
    assert "at a threshold of its own" in refused(make_pipeline(StandardScaler(), cut), X, y)
    binned = make_pipeline(KBinsDiscretizer(4, strategy="uniform"), LogisticRegression())
    assert refused(binned, X[["b"]], y) == "what a change of 'b' adds has no known bound"


class Sulking(StandardScaler):
    """A transformer of one's own, which is not taken for the one it is made from; and which refuses to be asked twice."""


def test_a_transformer_of_ones_own_is_not_trusted():
    X, y = smooth()
    model = make_pipeline(Sulking(), LogisticRegression())
    assert "mixes raw columns" in refused(model, X[["a", "b"]].fillna(40), y)


def test_an_error_of_our_own_is_not_hidden(monkeypatch):
    """Only what other people's code raises becomes "cannot say"."""
    X, y = smooth()
    X = X[["b"]]
    ev = Evaluation(LogisticRegression().fit(X, y), X.assign(y=y), target="y")
    space = Space(constraints(ev), ev.inputs())

    def broken(*given):
        raise ValueError("ours")

    with monkeypatch.context() as patch:
        patch.setattr("modelglass.analysis.certified_sums.items_of", broken)
        with pytest.raises(ValueError, match="ours"):
            certificate(ev, space, np.nan)
    with monkeypatch.context() as patch:
        patch.setattr(LogisticRegression, "decision_function", broken)
        assert certificate(ev, space, np.nan).none == "its raw output cannot be read (ours)"


@pytest.mark.parametrize("by", ["sum", "difference"])
@pytest.mark.parametrize("way", ["bare", "scaled"])
def test_a_number_that_follows_from_two_others_moves_with_them_in_the_bound(by, way):
    """It was free to go anywhere in its range at no cost, so that next to nothing was certified."""
    rng = np.random.default_rng(5)
    X = pd.DataFrame({"a": rng.integers(0, 9, 300), "b": rng.integers(0, 7, 300), "k": rng.integers(-2, 3, 300)})
    X["years"] = X.a + X.b if by == "sum" else X.a - X.b  # the name that every_row leaves out of the cost
    value = X.a + X.b / 2 + X.k + 2 * X.years
    y = np.where(value + rng.normal(size=300) > value.median(), "yes", "no")
    model = LogisticRegression(C=0.3)
    model = model if way == "bare" else make_pipeline(StandardScaler(), model)
    ev = Evaluation(model.fit(X, y), X.assign(y=y), target="y")
    rules = constraints(ev, given={"inferred": False, "together": [{"derived": "years", "from": ["a", "b"], "by": by}]})
    got = adversarial(ev, constraints=rules, rows=25, rounds=1, budget=None)
    assert got.no_certificate == ""
    true = np.array([cheapest(ev, rules, r, np.nan) for r in got.rows.row])
    assert np.isfinite(true).mean() > 0.9
    assert (got.rows.certified <= true + 1e-9).all()
    assert (got.rows.cost >= true - 1e-9).all()
    far = np.isfinite(true)
    assert np.median(got.rows.certified[far] / true[far]) > 0.5
