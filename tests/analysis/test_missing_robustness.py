"""Missing values, values beyond the range and other ways of handing rows over, against answers worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

import modelglass as mg
from modelglass.analysis import beyond_range, missing_robustness, same_answers
from modelglass.analysis.errors import InputError, NotApplicable, Stopped
from modelglass.analysis.missing_robustness import found_blocks, without

N = 400


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=N), "b": rng.normal(size=N), "i": rng.integers(0, 9, N)})
    X.loc[:19, ["a", "b"]] = np.nan
    return X.assign(y=(X.a.fillna(0) + X.i / 4 + rng.logistic(size=N) > 1).astype(int), t=3 * X.i + rng.normal(size=N))


@pytest.fixture(scope="module")
def trees(table):
    X = table[["a", "b", "i"]]
    return mg.Evaluation(
        HistGradientBoostingClassifier(max_iter=20).fit(X, table.y), table.drop(columns="t"), target="y"
    )


@pytest.fixture(scope="module")
def line(table):
    X = table[["i"]].assign(c=table.a.fillna(0))
    return mg.Evaluation(LinearRegression().fit(X, table.t), X.assign(t=table.t), target="t")


def test_missing_is_the_metric_of_rows_without_the_value(trees, table):
    got = missing_robustness(trees)
    rows = got.frame().set_index(["how", "feature"])
    X, y = trees.inputs(), table.y
    for key, frame in (
        (("missing", "i"), X.assign(i=np.nan)),
        (("missing together", "a + b"), X.assign(a=np.nan, b=np.nan)),
        (("code", "a"), X.assign(a=-999.0)),
    ):
        after = trees.output(frame)
        assert rows.loc[key].estimate == pytest.approx(
            metrics.roc_auc_score(y, after) - metrics.roc_auc_score(y, trees.score)
        )
        assert rows.loc[key].moved == pytest.approx(np.abs(after - trees.score).mean())
        assert rows.loc[key].low <= rows.loc[key].estimate <= rows.loc[key].high
    filled = trees.output(X.assign(i=round(X.i.median())))
    assert rows.loc[("missing", "i")].filled == pytest.approx(
        metrics.roc_auc_score(y, filled) - metrics.roc_auc_score(y, trees.score)
    )
    assert rows.loc[("missing", "a")].rows_changed == N - 20
    assert found_blocks(trees) == [("a", "b")]
    assert "Without " in got.sentence()
    assert mg.figure(got).data


def test_a_usual_value_that_changes_nothing_is_said_so(table):
    """The Pipeline fills with the median itself, so filling before it cannot help."""
    X = table[["a", "b", "i"]]
    model = make_pipeline(SimpleImputer(strategy="median"), LogisticRegression()).fit(X, table.y)
    got = missing_robustness(mg.Evaluation(model, table.drop(columns="t"), target="y"), code=None)
    alone = got.frame().query("how == 'missing'").set_index("feature")
    worst = alone.moved.idxmax()
    assert alone.filled[worst] == pytest.approx(alone.estimate[worst])
    assert "A usual value in its place would not mend that." in got.sentence()
    assert "instead of" not in got.sentence()


def test_a_model_that_cannot_miss_says_so_and_keeps_the_row(line):
    got = missing_robustness(line, code=None)
    assert got.frame().moved.isna().all()
    assert got.frame().filled.notna().all()
    assert (got.frame().filled_low <= got.frame().filled)[got.frame().filled_low.notna()].all()
    assert got.frame().filled_low.notna().any()
    assert got.refused.feature.tolist() == ["i", "c"]
    assert "NaN" in got.refused.error[0]
    with pytest.raises(InputError):
        line.answer(pd.DataFrame([got.refused.input[0]]))
    assert "must be filled before" in got.sentence()


def test_types_without_values():
    assert without(pd.Series([1, 2])).dtype == "float64"
    assert without(pd.Series([True])).dtype == "float64"
    for column in (pd.Series(["a"], dtype=object), pd.Series(["a"], dtype="category"), pd.Series([1], dtype="Int64"), pd.Series(pd.to_datetime(["2024-01-01"]))):  # fmt: skip
        assert without(column).isna().all()
        assert without(column).dtype == column.dtype


def test_bad_input_of_missing(trees):
    with pytest.raises(InputError, match="Expected a finite number as the code"):
        missing_robustness(trees, code=np.inf)
    with pytest.raises(InputError, match="blocks of at least two"):
        missing_robustness(trees, blocks="a")
    with pytest.raises(InputError, match="Did you mean"):
        missing_robustness(trees, blocks="a + bb")
    nothing = mg.Evaluation.from_predictions([0, 1], prediction=[0, 1])
    for function in (missing_robustness, beyond_range, same_answers):
        with pytest.raises(NotApplicable, match="there is no model here"):
            function(nothing)

        def stop(share, what):
            raise Stopped("stop")

        with pytest.raises(Stopped):
            function(trees, progress=stop)


def test_beyond_its_range_a_line_runs_away_and_a_tree_stays(line, table):
    got = beyond_range(line, features="i", steps=[0.5, 2])
    slope = line.estimator.coef_[0]
    np.testing.assert_allclose(got.frame().estimate, slope * np.array([-4, -16, 4, 16]), rtol=1e-9)
    assert set(got.verdicts.verdict) == {"runs away"}
    assert got.frame().outside.iloc[-1] == 1
    assert "outside all answers" in got.sentence()
    tree = mg.Evaluation(DecisionTreeRegressor(max_depth=3).fit(line.inputs(), table.t), line.frame, target="t")
    flat = beyond_range(tree)
    assert set(flat.verdicts.verdict) == {"stays"}
    assert (flat.frame().estimate == 0).all()
    assert mg.figure(got).data
    with pytest.raises(InputError, match="Expected steps above 0"):
        beyond_range(line, steps=[0])


def test_same_rows_in_other_ways(trees):
    got = same_answers(trees).frame().set_index("way")
    rounded = got.loc["decimal numbers rounded to float32"]  # a split at a value of the data can fall on the other side
    X = trees.inputs().astype({"a": "float32", "b": "float32"})
    assert rounded.largest == pytest.approx(np.abs(trees.output(X) - trees.score).max(), abs=1e-12)
    assert got.drop(index=rounded.name)["same"].all()
    assert got.n["one row at a time"] == 50
    assert got.columns.tolist() == ["columns", "largest", "changed", "n", "same", "note"]

    def by_code(frame):  # reads the codes of levels, which is wrong where they stand in another order
        return frame.k.cat.codes.to_numpy().astype(float)

    def by_batch(frame):
        return (frame.x - frame.x.mean()).to_numpy()

    frame = pd.DataFrame({"k": pd.Categorical(["p", "q", "r", "q"] * 50), "x": np.arange(200.0), "t": np.arange(200.0)})
    wrong = same_answers(mg.Evaluation(by_code, frame, target="t", task="regression", ignore=["x"]))
    table = wrong.frame().set_index("way")
    assert not table["same"]["categories with their levels in the opposite order"]
    assert "AttributeError" in table.note["categories as texts"]
    assert "opposite order" in wrong.sentence()
    alone = same_answers(mg.Evaluation(by_batch, frame, target="t", task="regression", ignore=["k"]))
    assert alone.frame().set_index("way").largest["one row at a time"] > 1
    assert mg.figure(alone).data
