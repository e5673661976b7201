"""Training rows with errors: what they hold, that each is possible, and that a model fitted with them is steadier where it was fragile."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier

import modelglass as mg
from modelglass.analysis import (
    adversarial,
    augmented,
    beyond_range,
    constraints,
    fragile_rows,
    input_faults,
    missing_robustness,
    noise_robustness,
    steadier_fit,
)
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.groups import Rows
from modelglass.analysis.result import result_json
from modelglass.analysis.steadier_fit import CHANGE, ERROR, MOVE, RIGHT, STEADY, WITH, measured
from modelglass.sample_models.catalogue import make


def table(n, seed):
    """Columns of every kind; shares add up to one, years follow from school, low is at most top, ratio is weight / height."""
    rng = np.random.default_rng(seed)
    shares, school = rng.dirichlet([2, 3, 4], n), rng.choice(["none", "primary", "higher"], n)
    weight, height, low = rng.uniform(50, 100, n).round(1), rng.uniform(150, 200, n).round(), rng.normal(10, 3, n).round(2)  # fmt: skip
    return pd.DataFrame(
        {
            "age": rng.integers(18, 80, n), "x": rng.normal(size=n), "tens": 10 * rng.integers(0, 30, n), "school": school,
            "years": pd.Series(school).map({"none": 0, "primary": 6, "higher": 14}), "rent": shares[:, 0], "food": shares[:, 1],
            "rest": shares[:, 2], "low": low, "top": (low + rng.exponential(2, n)).round(2), "flag": rng.random(n) < 0.4,
            "code": np.where(rng.random(n) < 0.1, -999, rng.integers(0, 40, n)), "weight": weight, "height": height,
            "ratio": (weight / height).round(3), "y": rng.choice(["a", "b"], n),
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def people():
    frame, train = table(400, 0), table(300, 5)
    coded = train.drop(columns="y").assign(school=train.school.astype("category"))
    model = HistGradientBoostingClassifier(max_iter=3, categorical_features="from_dtype").fit(coded, train.y)
    return mg.Evaluation(model, frame, target="y", train=train)


@pytest.fixture(scope="module")
def credit(tmp_path_factory):
    made = make("credit", tmp_path_factory.mktemp("credit"))
    return mg.Evaluation(
        mg.load_model(made.model), mg.read_data(made.data), train=mg.read_data(made.train), **made.options
    )


def test_every_row_is_possible_and_has_its_outcome(people):
    rules, names = constraints(people), list(people.features)
    more = augmented(people, noise=0.3, copies=2, seed=1)
    own = people.train.loc[more.index]
    assert list(more.columns) == list(people.train.columns)
    assert more.dtypes.tolist() == people.train.dtypes.tolist()
    assert more.y.tolist() == own.y.tolist()
    before = own[names].reset_index(drop=True)
    assert rules.violations(more[names].reset_index(drop=True), before).empty
    changed = (more[names].reset_index(drop=True) != before).mean()
    assert (changed[["age", "x", "school", "years", "flag", "ratio"]] > 0.1).all()
    assert more.index.value_counts().max() == 2
    first, second = more[: len(more) // 2], more[len(more) // 2 :]
    both = first.index.intersection(second.index)
    assert (first.loc[both, "x"] != second.loc[both, "x"]).mean() > 0.9
    pd.testing.assert_frame_equal(more, augmented(people, noise=0.3, copies=2, seed=1))


def test_only_the_columns_asked_for_and_those_that_follow(people):
    more = augmented(people, features=["x", "school"], noise=0.2)
    own = people.train.loc[more.index]
    moved = {c for c in people.features if (more[c] != own[c]).any()}
    assert moved == {"x", "school", "years"}
    spread = np.subtract(*np.quantile(people.train.x, [0.75, 0.25])) / 1.349
    inside = (more.x > more.x.min()) & (more.x < more.x.max())
    assert (more.x - own.x)[inside].std() == pytest.approx(0.2 * spread, rel=0.15)


def test_values_left_out_and_rounded(people):
    more = augmented(people, features=["x", "age"], noise=0, missing=0.25)
    own = people.train.loc[more.index]
    share = len(more) / len(people.train)
    assert share == pytest.approx(1 - 0.75**2, abs=0.07)
    assert more.x.isna().sum() / len(people.train) == pytest.approx(0.25, abs=0.06)
    assert more.age[more.age.notna()].tolist() == own.age[more.age.notna()].tolist()
    assert constraints(people).violations(more[list(people.features)].reset_index(drop=True)).empty
    two = augmented(people, features="low", noise=0, digits=1)
    assert set(two.low).issubset({float(f"{v:.1g}") for v in people.train.low} | {two.low.min(), two.low.max()})


def test_a_condition_and_constraints_choose_the_rows(people):
    young = augmented(people, features="x", where="age < 40")
    assert set(people.train.age[young.index]) == set(people.train.age[people.train.age < 40])
    kept = augmented(people, features="x", constraints={"columns": {"age": {"low": 30}}})
    assert kept.age.min() >= 30
    with pytest.raises(InputError, match="left out"):
        augmented(people, constraints={"columns": {"age": {"low": 100, "high": 200}}})


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"noise": -1}, "0 or more as noise"),
        ({"noise": "much"}, "as noise"),
        ({"missing": 1.5}, "from 0 to 1 as missing"),
        ({"digits": 0}, "from 1 to 15 as digits"),
        ({"copies": 0}, "from 1 to 100 as copies"),
        ({"copies": 1.5}, "as copies"),
        ({"noise": 0}, "Expected some error"),
        ({"features": "agee"}, "Did you mean 'age'"),
        ({"where": "age > 500"}, "some rows fulfil"),
    ],
)
def test_bad_input_is_said(people, asked, said):
    with pytest.raises(InputError, match=said):
        augmented(people, **asked)


def test_what_cannot_be_said(people):
    with pytest.raises(NotApplicable, match="no training data were given"):
        augmented(mg.Evaluation(people.estimator, people.frame, target="y"))
    with pytest.raises(NotApplicable, match="only predictions"):
        augmented(mg.Evaluation.from_predictions([0, 1], prediction=[0, 1]))
    for ask in (augmented, steadier_fit):
        with pytest.raises(NotApplicable, match="change no training row"):
            ask(people, features="years")
    with pytest.raises(InputError, match="draws"):
        steadier_fit(people, draws=0)
    with pytest.raises(NotApplicable, match="cannot be fitted again"):
        steadier_fit(mg.Evaluation(lambda X: np.array(["a", "b"])[(X.x > 0).astype(int)], people.frame, target="y", train=people.train))  # fmt: skip


def test_measures_by_hand():
    now = Rows(task="binary", y=np.array([1, 1, 0, 0]), predicted=np.array([1, 0, 0, 1]))
    draws = [Rows(task="binary", y=now.y, predicted=np.array(p)) for p in ([1, 1, 0, 1], [0, 0, 0, 0])]
    then = Rows(task="binary", y=now.y, predicted=now.y)
    got = measured(now, then, draws, [then, then]).set_index("measure")
    assert got.now.to_dict() == {CHANGE: 3 / 8, RIGHT: 0.5, STEADY: 3 / 8}
    assert got.then.to_dict() == {CHANGE: 0.0, RIGHT: 1.0, STEADY: 1.0}
    assert got.estimate.tolist() == [-3 / 8, 0.5, 5 / 8]
    assert got.low.isna().all(), "four rows give no interval"
    number = Rows(task="regression", y=np.zeros(2), predicted=np.array([1.0, -3.0]), weight=np.array([3.0, 1.0]))
    noisy = Rows(task="regression", y=number.y, predicted=np.array([2.0, -1.0]), weight=number.weight)
    got = measured(number, number, [noisy], [number]).set_index("measure")
    assert got.now.to_dict() == {MOVE: 5 / 4, ERROR: 6 / 4, WITH: 7 / 4}
    assert got.then.to_dict() == {MOVE: 0.0, ERROR: 6 / 4, WITH: 6 / 4}


def test_the_measured_effect_is_that_of_fits_made_by_hand():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(1_600, 2)), columns=["a", "b"])
    frame = X.assign(y=np.where(X.a + 0.8 * rng.normal(size=1_600) > 0, "yes", "no"))
    train, data = frame[:800], frame[800:].reset_index(drop=True)
    model = DecisionTreeClassifier(min_samples_leaf=3, random_state=0).fit(train[["a", "b"]], train.y)
    ev = mg.Evaluation(model, data, target="y", train=train)
    got = steadier_fit(ev, noise=0.3, copies=4)
    both = pd.concat([train, augmented(ev, noise=0.3, copies=4)])
    then = clone(model).fit(both[["a", "b"]], both.y)
    by = got.frame().set_index("measure")
    assert by.now[RIGHT] == pytest.approx((model.predict(data[["a", "b"]]) == data.y).mean())
    assert by.then[RIGHT] == pytest.approx((then.predict(data[["a", "b"]]) == data.y).mean())
    assert got.added == len(both) - len(train)
    noise = [(X[c].quantile(0.75) - X[c].quantile(0.25)) / 1.349 for c in "ab"]
    shaken = [data[["a", "b"]] + 0.3 * np.array(noise) * rng.normal(size=(800, 2)) for _ in range(8)]
    changed = [np.mean([m.predict(s) != m.predict(data[["a", "b"]]) for s in shaken]) for m in (model, then)]
    assert [by.now[CHANGE], by.then[CHANGE]] == pytest.approx(changed, abs=0.02)
    assert by.low[CHANGE] < changed[1] - changed[0] < by.high[CHANGE]
    assert "decisions that such errors change go from" in got.sentence()
    assert mg.figure(got).data


def test_numbers_are_told_in_their_unit():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=600)})
    frame = X.assign(t=X.a * 2 + rng.normal(size=600))
    model = LinearRegression().fit(X, frame.t)
    got = steadier_fit(mg.Evaluation(model, frame, target="t", train=frame), noise=1.0)
    by = got.frame().set_index("measure")
    assert by.now[MOVE] == pytest.approx(2 * np.sqrt(2 / np.pi), rel=0.1)
    assert by.then[MOVE] < 0.75 * by.now[MOVE], "noise in inputs draws the slope to 0"
    assert "the mean move of predictions by such errors goes from" in got.sentence()
    assert mg.figure(got).data


def test_the_planted_fragile_column_is_steadier_by_the_recipe_of_its_weakness(credit):
    found = adversarial(credit, rows=200, rounds=0, budget=None)
    recipe = found.recipe()
    assert "bureau_score (± " in recipe.text
    assert "not measured here, because the model must be fitted again" in recipe.text
    made = {"ev": credit}
    exec(recipe.code, made)
    assert constraints(credit).violations(made["more"][list(credit.features)].reset_index(drop=True)).empty
    again = mg.Evaluation(made["steadier"], credit.frame, target=credit.target, positive=credit.positive, train=credit.train)  # fmt: skip
    then = adversarial(again, rows=200, rounds=0, budget=None).columns.set_index("column")
    before = found.columns.set_index("column")
    assert then.estimate["bureau_score"] < before.estimate["bureau_score"] / 2
    assert (again.predicted == again.y).mean() > (credit.predicted == credit.y).mean() - 0.02
    told = steadier_fit(credit, features="bureau_score", copies=3).frame().set_index("measure")
    assert told.high[CHANGE] < 0 < told.low[STEADY]


def test_every_weakness_has_a_recipe_that_runs(credit):
    for ask, more in (
        (noise_robustness, {"rows": 500, "levels": [0.1]}),
        (missing_robustness, {"rows": 300, "code": None}),
        (fragile_rows, {"rows": 800}),
        (input_faults, {"rows": 300}),
    ):
        got = ask(credit, **more)
        made = {"ev": credit, "rows": credit.inputs().assign(amount=lambda d: d.amount * 1000.0)}
        exec(got.recipe().code, made)
        assert result_json("x", got)["recipe"]["code"] == got.recipe().code
        if ask is input_faults:
            assert len(made["kept"]) < 0.1 * credit.n
        else:
            assert len(made["more"])
            assert (made["steadier"].predict(credit.inputs()) == credit.estimator.predict(credit.inputs())).mean() > 0.8


def test_rounding_that_is_felt_has_training_rows_and_faults_a_check(credit):
    recipe = input_faults(credit, features=["bureau_score", "amount"], rows=800).recipe()
    assert "Rounded values of bureau_score" in recipe.text
    assert "Refuse rows outside ranges" in recipe.text
    made = {"ev": credit, "rows": credit.inputs()}
    exec(recipe.code, made)
    assert len(made["kept"]) == credit.n
    assert made["more"].bureau_score.isin([400, 450, 500, 600, 700, 800]).all()


def test_a_notebook_shows_the_recipe_as_text():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(400, 2)), columns=["a<b>", "c"])
    y = np.where(X["a<b>"] > 0, "yes", "no")
    got = noise_robustness(mg.Evaluation(LogisticRegression().fit(X, y), X.assign(y=y), target="y"), levels=[0.1])
    shown = got._repr_html_()
    assert "<summary>What could be done</summary>" in shown
    assert "&#x27;a&lt;b&gt;&#x27;" in shown
    assert "a<b>" not in shown.split("<details", 1)[1].split("</details>", 1)[0]


def test_sizes_are_in_the_unit_of_the_column(credit):
    rules = constraints(credit).columns
    got = noise_robustness(credit, rows=300, levels=[0.2]).frame().set_index("feature")["size"]
    score = credit.frame.bureau_score
    assert got["bureau_score"] == pytest.approx(0.2 * (score.quantile(0.75) - score.quantile(0.25)) / 1.349, rel=0.01)
    assert np.isnan(got[["housing", "(all columns)"]]).all()
    small = adversarial(credit, rows=20, rounds=0).columns.set_index("column")["size"]
    assert small["amount"] == pytest.approx(0.1 * rules["amount"].spread)


def test_clipping_is_written_with_the_ends_of_the_range():
    rng = np.random.default_rng(0)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 400), unit="D")
    frame = pd.DataFrame({"a": rng.integers(0, 50, 400), "day": days})

    def predict(X):
        return 3.0 * X.a.to_numpy() + (X.day - pd.Timestamp("2024-01-01")).dt.days.to_numpy()

    ev = mg.Evaluation(predict, frame.assign(t=predict(frame)), target="t", task="regression")
    recipe = beyond_range(ev).recipe()
    assert "Clip" in recipe.text
    made = {"rows": pd.DataFrame({"a": [-5, 20, 999], "day": [pd.Timestamp("1990-01-01"), days[0], pd.Timestamp("2090-01-01")]})}  # fmt: skip
    exec(recipe.code, made)
    assert made["rows"].a.tolist() == [frame.a.min(), 20, frame.a.max()]
    assert made["rows"].day.tolist() == [frame.day.min(), days[0], frame.day.max()]


def test_no_recipe_where_there_is_no_weakness():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": np.r_[rng.normal(-9, 0.1, 200), rng.normal(9, 0.1, 200)], "idle": rng.normal(size=400)})
    y = np.where(X.a > 0, "yes", "no")
    ev = mg.Evaluation(LogisticRegression().fit(X, y), X.assign(y=y), target="y")
    assert noise_robustness(ev, levels=[0.1]).recipe() is None
    assert fragile_rows(ev, strength=0.01).recipe() is None
    assert adversarial(ev, rows=40, rounds=0).recipe() is None
