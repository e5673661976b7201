"""What if: the changes that are written, and the numbers by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import modelglass as mg
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import what_if, what_if_row


@pytest.fixture(scope="module")
def ev():
    rng = np.random.default_rng(0)
    n = 600
    X = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "i": rng.integers(0, 9, n),
            "k": pd.Categorical(rng.choice(list("pqr"), n)),
            "b": rng.random(n) < 0.5,
            "d": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 99, n), unit="D"),
        }
    )
    y = np.where(X.x * 2 + 0.3 * X.i + (X.k == "q") * 2 + rng.logistic(size=n) > 2, "yes", "no")
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["k"]), ("passthrough", ["x", "i", "b"])), LogisticRegression()
    )
    return Evaluation(model.fit(X, y), X.assign(y=y), target="y", positive="yes")


def test_metrics_before_and_after_by_hand(ev):
    got = what_if(ev, changes="x += 0.5; k = q")
    X = ev.inputs()
    after = X.assign(x=X.x + 0.5, k=pd.Categorical(["q"] * len(X), categories=X.k.cat.categories))
    model, y = ev.estimator, (ev.frame.y == "yes").to_numpy()
    p0, p1 = model.predict_proba(X)[:, 1], model.predict_proba(after)[:, 1]
    table = got.frame().set_index("measure")
    assert table.before["roc_auc"] == pytest.approx(roc_auc_score(y, p0))
    assert table.after["roc_auc"] == pytest.approx(roc_auc_score(y, p1))
    assert table.after["accuracy"] == pytest.approx(accuracy_score(y, p1 >= 0.5))
    mean = table.loc["mean probability of yes"]
    difference = p1 - p0
    assert mean.estimate == pytest.approx(difference.mean())
    half = 1.964 * difference.std(ddof=1) / np.sqrt(len(X))
    assert mean.high - mean.low == pytest.approx(2 * half, rel=0.05)
    assert got.changed == pytest.approx(np.mean((p1 >= 0.5) != (p0 >= 0.5)))
    assert "With x + 0.5, k = q" in got.sentence()
    assert "of decisions change" in got.sentence()
    assert len(mg.figure(got).data) == 3 * len(table)


def test_one_row(ev):
    got = what_if(ev, row=3, changes={"x": 5.0})
    row = ev.inputs().loc[[3]]
    assert got.rows.output_after[0] == pytest.approx(ev.output(row.assign(x=5.0))[0])
    assert got.rows.output_before[0] == pytest.approx(ev.output(row)[0])
    assert "row 3" in got.sentence()
    pd.testing.assert_frame_equal(got.rows, what_if_row(ev, row=3, changes="x = 5").rows)
    assert np.isnan(got.frame().low).all()
    mg.figure(got)


def test_what_may_be_written(ev):
    def after(changes):
        made = {}
        original = ev.answer

        def answer(frame):
            made["frame"] = frame
            return original(frame)

        one = ev.take(np.arange(20))
        one.answer = answer
        what_if(one, changes=changes)
        return made["frame"]

    X = ev.inputs().iloc[:20]
    for text, column, wanted in (
        ("i += 2", "i", X.i + 2),
        ("i *= 1.5", "i", (X.i * 1.5).round().astype(X.i.dtype)),
        ("i -= 1", "i", X.i - 1),
        ("b = True", "b", X.b | True),
        ("d += 30", "d", X.d + pd.Timedelta(days=30)),
        ("d = 2024-03-01", "d", pd.Series(pd.Timestamp("2024-03-01"), index=X.index).astype(X.d.dtype)),
    ):
        got = after(text)
        assert got[column].tolist() == wanted.tolist(), text
        assert got[column].dtype == X[column].dtype


def test_rows_unlike_any_are_said(ev):
    got = what_if(ev, changes="i = 50")
    assert got.impossible == ev.n
    assert "unlike any in the data (i: above 8)" in got.sentence()
    assert what_if(ev, changes="i = 5").impossible == 0


def test_regression_has_its_own_measures():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 2)), columns=list("ab"))
    ev = Evaluation(LinearRegression().fit(X, 2 * X.a), X.assign(y=2 * X.a), target="y")
    got = what_if(ev, changes={"a": "+= 1"})
    table = got.frame().set_index("measure")
    assert table.loc["mean y"].estimate == pytest.approx(2)
    assert table.loc["bias"].after == pytest.approx(2)
    assert np.isnan(got.changed)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ("z = 1", "'z'"), ("x", "column = value"), ("x = old", "a number for 'x'"), ("k = w", "no row holds"), ("k += 1", "holds no numbers"),
        ("d = soon", "a date"), (3, "a text or a mapping"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(ev, changes, said):
    with pytest.raises(InputError, match=said):
        what_if(ev, changes=changes)


def test_nothing_asked_and_no_model(ev):
    with pytest.raises(NotApplicable, match="no change was given"):
        what_if(ev)
    with pytest.raises(NotApplicable, match="only predictions"):
        what_if(Evaluation.from_predictions([0, 1], prediction=[0, 1]), changes="x = 1")


def test_the_model_is_asked_once_for_each_row(ev, monkeypatch):
    _ = ev.predicted
    asked, answer = [], Evaluation.answer
    monkeypatch.setattr(Evaluation, "answer", lambda self, frame: asked.append(len(frame)) or answer(self, frame))
    monkeypatch.setattr(Evaluation, "output", lambda self, frame: pytest.fail("asked for what is known"))
    what_if(ev, changes="x += 0.5")
    assert sum(asked) == ev.n


def test_fewer_rows_are_a_stratified_sample(ev):
    got = what_if(ev, changes="x += 0.5", rows=100)
    few = ev.sample(100)
    assert got.settings["rows"] == few.n == 100
    assert got.source.sample == 100
    pd.testing.assert_frame_equal(got.metrics, what_if(few, changes="x += 0.5").metrics)
    with pytest.raises(InputError, match="rows of at least one"):
        what_if(ev, changes="x += 0.5", rows=0)
