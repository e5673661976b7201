import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure, marks
from modelglass.analysis.interval_coverage import interval_coverage, measure
from modelglass.analysis.models.loading import load_model


def promised(n=600, width=1.0, **roles):
    rng = np.random.default_rng(1)
    x = rng.normal(size=n)
    y = x + rng.normal(size=n)
    half = width * stats.norm.ppf(0.95)
    frame = pd.DataFrame(
        {"part": np.where(np.arange(n) % 3 == 0, "<i>a", "b"), "w": rng.gamma(2.0, size=n), "g": np.arange(n) % 60}
    )
    return Evaluation.from_predictions(
        y, prediction=x, frame=frame, quantiles={0.95: x + half, 0.05: x - half, 0.5: x}, **roles
    )


def test_by_hand():
    found = measure([1.0, 2.0, 3.0, 9.0], {0.1: [0.0] * 4, 0.9: [4.0] * 4}).table
    assert found[["what", "estimate", "n"]].values.tolist() == [
        ["0.1", 0.0, 4],
        ["0.9", 0.75, 4],
        ["0.1 to 0.9", 0.75, 4],
    ]
    assert found.nominal.tolist() == pytest.approx([0.1, 0.9, 0.8])
    assert found.mean_width[2] == 4.0
    weighted = measure([1.0, 9.0], {0.9: [4.0, 4.0]}, [3.0, 1.0]).table
    assert weighted.estimate[0] == 0.75
    edges = measure([1.0, 2.0], {0.25: [1.0, 1.0], 0.75: [2.0, 2.0]}).table
    assert edges.estimate.tolist() == [0.5, 1.0, 1.0]  # both ends belong to the interval


def test_the_interval_is_wilsons():
    row = measure(np.append(np.zeros(80), np.ones(20)), {0.9: np.full(100, 0.5)}).table.iloc[0]
    expected = stats.binomtest(80, 100).proportion_ci(method="wilson")
    assert (row.low, row.high) == pytest.approx((expected.low, expected.high))
    assert row.clear


@pytest.mark.parametrize("roles", [{}, {"weight": "w"}, {"cluster": "g"}])
def test_door_by_slice(roles):
    found = interval_coverage(promised(**roles), by="part")
    assert set(found.table.group) == {"all rows", "<i>a", "b"}
    assert not found.table.clear.any()
    assert "chance alone can explain" in found.sentence()
    narrow = interval_coverage(promised(width=0.6, **roles))
    assert "intervals are too narrow" in narrow.sentence()
    assert "wider than promised" in interval_coverage(promised(width=1.7, **roles)).sentence()
    drawn = figure(found)
    whole = found.table[found.table.group == "all rows"]
    np.testing.assert_array_equal(drawn.data[0].x, whole.estimate)
    assert len(drawn.layout.shapes) == 4
    assert "<i>" not in str(marks.without_conditions(drawn.to_dict()))


def test_slices_by_hand():
    ev = promised()
    found = interval_coverage(ev, by="part").table
    among = ev.frame["part"].to_numpy() == "b"
    row = found[(found.group == "b") & (found.what == "0.05 to 0.95")].iloc[0]
    inside = (ev.y >= ev.quantiles[0.05]) & (ev.y <= ev.quantiles[0.95])
    assert row.estimate == pytest.approx(inside[among].mean())
    assert row.n == among.sum()
    cohort = interval_coverage(ev.where("part = 'b'")).table
    assert cohort[cohort.what == "0.05 to 0.95"].estimate.iloc[0] == pytest.approx(row.estimate)


def test_without_an_interval_chance_is_not_blamed():
    """Two clusters give no interval; it was said that chance alone can explain what nobody had weighed."""
    found = measure(np.arange(40.0), {0.9: np.full(40, 20.0)}, cluster=np.arange(40) % 2)
    assert np.isnan(found.table.low[0])
    assert found.sentence().endswith(": without an interval it cannot be said whether chance explains the difference.")


def test_chance_is_seldom_called_a_fault():
    """Simulation: quantiles that hold, by slice; at level 95 % one of twenty samples may be called clearly off."""
    rng, called = np.random.default_rng(4), []
    for _ in range(120):
        y, code = rng.normal(size=240), rng.integers(0, 3, 240)
        ends = {q: np.full(240, stats.norm.ppf(q)) for q in (0.1, 0.9)}
        called.append(measure(y, ends, codes=code, labels=["a", "b", "c"], by="part").table.clear.any())
    assert np.mean(called) <= 0.08


def test_models_columns_and_arrays_give_the_same():
    rng = np.random.default_rng(0)
    x = pd.DataFrame({"a": rng.normal(size=300), "b": rng.random(300)})
    y = x.a + rng.normal(size=300)
    low, high = (
        HistGradientBoostingRegressor(loss="quantile", quantile=q, max_iter=20).fit(x, y) for q in (0.05, 0.95)
    )
    model, frame = LinearRegression().fit(x, y), x.assign(y=y)
    frame["low"], frame["high"] = low.predict(x), high.predict(x)
    tables = []
    for given in (
        {0.05: low, 0.95: high},
        {"0.05": "low", 0.95: "high"},
        {0.05: frame.low.to_numpy(), 0.95: list(frame.high)},
    ):
        ev = Evaluation(model, frame, target="y", quantiles=given)
        tables.append(interval_coverage(ev).table)
        assert set(ev.features) == {"a", "b"}
    pd.testing.assert_frame_equal(tables[0], tables[1])
    pd.testing.assert_frame_equal(tables[0], tables[2])


def several_quantiles(kind, X, y, path):
    """A model of the quantiles 0.1, 0.5 and 0.9, from its file; and what the library itself gives."""
    library = pytest.importorskip(kind)
    if kind == "xgboost":
        made = library.XGBRegressor(objective="reg:quantileerror", quantile_alpha=[0.1, 0.5, 0.9], n_estimators=5)
        model = made.fit(X, y)
        model.save_model(path / "m.ubj")
        return load_model(path / "m.ubj"), model.predict(X)
    loss = "MultiQuantile:alpha=0.1,0.5,0.9"
    made = library.CatBoostRegressor(loss_function=loss, iterations=5, depth=3, verbose=0, allow_writing_files=False)
    model = made.fit(X, y)
    model.save_model(path / "m.cbm")
    return load_model(path / "m.cbm"), model.predict(X)


@pytest.mark.parametrize("searched", [False, True])
def test_quantiles_of_a_model_at_the_end_of_a_pipeline(searched):
    xgboost = pytest.importorskip("xgboost")
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=300), "kind": rng.choice(["x", "y"], 300)})
    coded = make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough")
    last = xgboost.XGBRegressor(objective="reg:quantileerror", quantile_alpha=[0.1, 0.5, 0.9], n_estimators=5, n_jobs=1)
    model = make_pipeline(coded, last)
    if searched:
        model = GridSearchCV(model, {"xgbregressor__max_depth": [2]}, cv=2, scoring=lambda m, X, y: 0.0)
    ev = Evaluation(model.fit(X, X.a), X.assign(t=X.a), target="t")
    np.testing.assert_array_equal(np.column_stack(list(ev.quantiles.values())), model.predict(X).astype(float))
    np.testing.assert_array_equal(ev.predicted, model.predict(X)[:, 1].astype(float))
    assert list(ev.quantiles) == [0.1, 0.5, 0.9]


@pytest.mark.parametrize("kind", ["xgboost", "catboost"])
def test_quantiles_that_the_model_itself_gives(kind, tmp_path):
    rng = np.random.default_rng(2)
    X = pd.DataFrame({"a": rng.normal(size=300), "b": rng.normal(size=300)})
    y = X.a + rng.normal(size=300)
    model, own = several_quantiles(kind, X, y, tmp_path)
    frame = X.assign(t=y.where(X.index != 7))  # one row without an outcome
    ev = Evaluation(model, frame, target="t")
    kept = X.index != 7
    np.testing.assert_array_equal(ev.predicted, own[kept, 1].astype(float))
    np.testing.assert_array_equal(np.column_stack(list(ev.quantiles.values())), own[kept].astype(float))
    assert list(ev.quantiles) == [0.1, 0.5, 0.9]
    assert "the one of 0.5 is judged as its prediction" in " ".join(n.text for n in ev.notes)
    found = interval_coverage(ev).table.set_index("what").estimate
    within = (y >= own[:, 0]) & (y <= own[:, 2])
    assert found["0.1 to 0.9"] == pytest.approx(within[kept].mean())
    for asked in (2, "0.9"):
        np.testing.assert_array_equal(Evaluation(model, frame, target="t", output_column=asked).predicted, own[kept, 2])


def test_models_of_several_values_as_one_quantile(tmp_path):
    xgboost = pytest.importorskip("xgboost")
    rng = np.random.default_rng(2)
    X = pd.DataFrame({"a": rng.normal(size=100), "b": rng.normal(size=100)})
    settings = {"objective": "reg:quantileerror", "n_estimators": 2}
    several = xgboost.XGBRegressor(quantile_alpha=[0.1, 0.9], **settings).fit(X, X.a)
    plain = LinearRegression().fit(X, X.a)
    ev = Evaluation(plain, X.assign(t=X.a), target="t", quantiles={0.1: several, 0.9: several})
    np.testing.assert_array_equal(np.column_stack(list(ev.quantiles.values())), several.predict(X).astype(float))
    with pytest.raises(InputError, match=r"gives 2 values a row: the quantiles 0\.1, 0\.9\.\nGive what it predicts"):
        Evaluation(plain, X.assign(t=X.a), target="t", quantiles={0.05: several})
    two = LinearRegression().fit(X, X)
    with pytest.raises(InputError, match=r"gives 2 values a row\.\nGive what it predicts"):
        Evaluation(plain, X.assign(t=X.a), target="t", quantiles={0.05: two})


def test_rows_without_an_outcome_are_left_out_of_quantiles_too():
    ev = Evaluation.from_predictions(
        [1.0, np.nan, 3.0, 4.5],
        prediction=[1.0, 2.0, 3.0, 4.0],
        quantiles={0.5: [10.0, 20.0, 30.0, 40.0]},
        task="regression",
    )
    assert ev.quantiles[0.5].tolist() == [10.0, 30.0, 40.0]
    other = Evaluation.from_predictions(
        [1.0, np.nan, 3.0, 4.5],
        prediction=[1.0, 2.0, 3.0, 4.0],
        quantiles={0.5: [10.0, 20.0, 30.0, 41.0]},
        task="regression",
    )
    assert ev.fingerprint != other.fingerprint


def test_crossed_quantiles_are_said():
    found = measure([1.0, 2.0], {0.1: [0.0, 5.0], 0.9: [4.0, 4.0]})
    assert found.crossed == 1
    assert "In 1 row a higher quantile lies below a lower one." in found.sentence()


def test_cannot_say_or_refuses():
    with pytest.raises(NotApplicable, match="a class and not a number"):
        interval_coverage(Evaluation.from_predictions([0, 1, 1, 0], prediction=[0, 1, 0, 0]))
    y, p = [1.5, 2.5, 3.25], [1.0, 2.0, 3.0]
    with pytest.raises(NotApplicable, match=r"--quantile 0\.05=COL"):
        interval_coverage(Evaluation.from_predictions(y, prediction=p))
    for given, said in (
        ({5: p}, "as a share"),
        ({"x": p}, "as a share"),
        ({0.5: p[:2]}, r"shape \(2,\)"),
        ({0.5: "lo"}, "'lo'"),
        ({0.5: ["a", "b", "c"]}, "Expected numbers"),
        ({0.5: [1.0, np.nan, 2.0]}, "1 row of 3"),
        ({0.5: p, "0.50": p}, "same share twice"),
        ({0.5: LinearRegression()}, "no model here"),
    ):
        with pytest.raises(InputError, match=said):
            Evaluation.from_predictions(y, prediction=p, quantiles=given)
    with pytest.raises(InputError, match="is a class"):
        Evaluation.from_predictions([0, 1, 1, 0], prediction=[0, 1, 0, 0], quantiles={0.5: [0, 0, 0, 0]})


def test_from_files(tmp_path):
    from modelglass.analysis.opening import open_evaluation

    ev = promised(60)
    path = tmp_path / "rows.csv"
    ev.frame.assign(y=ev.y, p=ev.predicted, low=ev.quantiles[0.05], high=ev.quantiles[0.95]).to_csv(path, index=False)
    read = open_evaluation("-", str(path), target="y", prediction="p", quantile=["0.05=low", "0.95=high"])
    assert interval_coverage(read).table.what.tolist() == ["0.05", "0.95", "0.05 to 0.95"]
    assert "low" not in read.columns
    for bad, said in ((["0.05"], "SHARE=COL"), (["0.05=lo"], "'lo'"), (["0.05=low", "0.05=high"], "each share once")):
        with pytest.raises(InputError, match=said):
            open_evaluation("-", str(path), target="y", prediction="p", quantile=bad)
