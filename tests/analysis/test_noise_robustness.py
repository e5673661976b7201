"""Noise: what it does to each kind of column, and the change it makes against the metric computed by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from modelglass.analysis import constraints, fragile_rows, input_faults, robust_threshold
from modelglass.analysis.errors import InputError, NotApplicable, Stopped
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.noise_robustness import ALL, Noise, noise_robustness, noisy
from modelglass.analysis.possible import Space

COLUMNS = ["x", "i", "k", "b"]


@pytest.fixture(scope="module")
def ev():
    rng = np.random.default_rng(0)
    n = 500
    X = pd.DataFrame(
        {
            "x": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "i": rng.integers(0, 9, n),
            "k": pd.Categorical(rng.choice(list("pqr"), n, p=[0.6, 0.3, 0.1])),
            "b": rng.random(n) < 0.5,
        }
    )
    y = np.where(X.x.fillna(0) * 2 + 0.3 * X.i + (X.k == "q") * 2 + rng.logistic(size=n) > 2, "yes", "no")
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["k"]), (SimpleImputer(), ["x", "i", "b"])), LogisticRegression()
    )
    return Evaluation(model.fit(X, y), X.assign(y=y), target="y")


def test_what_noise_does_to_each_kind_of_column(ev):
    X = ev.inputs()
    made = X.assign(**{c: Noise(ev, c, 0).on(X[c], 0.5) for c in COLUMNS})
    assert made.dtypes.to_dict() == X.dtypes.to_dict()
    assert (made.x.isna() == X.x.isna()).all()
    spread = np.subtract(*np.nanquantile(X.x, [0.75, 0.25])) / 1.349
    assert (made.x - X.x).std() == pytest.approx(0.5 * spread, rel=0.15)
    assert made.x.max() <= X.x.max()
    assert made.i.between(0, 8).all()
    assert (made.i != X.i).any()
    # half of the rows are redrawn; a redraw by frequency changes 1 - (0.36 + 0.09 + 0.01) of them
    assert (made.k != X.k).mean() == pytest.approx(0.5 * 0.54, abs=0.06)
    assert (made.b != X.b).mean() == pytest.approx(0.25, abs=0.06)
    full = Noise(ev, "k", 0).on(X.k, 3.0)
    assert full.value_counts(normalize=True)["p"] == pytest.approx(0.6, abs=0.07)


def test_change_is_the_metric_of_the_noisy_rows(ev):
    got = noise_robustness(ev, levels=[0.2, 1.0], features=["x"], seed=4)
    table = got.frame()
    numbers = [
        "estimate",
        "low",
        "high",
        "n",
        "changed",
        "changed_low",
        "changed_high",
        "moved",
        "moved_low",
        "moved_high",
        "rows_changed",
        "size",
        "note",
    ]
    assert list(table.columns) == ["feature", "level", "metric", *numbers]
    assert table.feature.tolist() == [ALL, ALL, "x", "x"]
    X, y = ev.inputs(), (ev.y == ev.positive_index)
    noisy = X.assign(x=Noise(ev, "x", 4).on(X.x, 1.0))
    after = ev.output(noisy)
    row = table.iloc[3]
    assert row.estimate == pytest.approx(metrics.roc_auc_score(y, after) - metrics.roc_auc_score(y, ev.score))
    assert row.changed == pytest.approx((ev.predict_codes(noisy) != ev.predicted).mean())
    assert row.moved == pytest.approx(np.abs(after - ev.score).mean())
    half = 1.96 * np.abs(after - ev.score).std() / np.sqrt(ev.n)
    assert row.moved_low == pytest.approx(row.moved - half, rel=0.05)
    assert row.moved_high == pytest.approx(row.moved + half, rel=0.05)
    assert row.low < row.estimate < row.high < 0
    assert table.moved[1] > table.moved[0]
    assert "of decisions change" in got.sentence()


def test_threshold_decides_what_changes(ev):
    X = ev.inputs()
    strict = ev.with_threshold(0.9)
    got = noise_robustness(strict, levels=[0.5], features="x", metric="recall").frame().iloc[1]
    noisy = X.assign(x=Noise(ev, "x", 0).on(X.x, 0.5))
    assert got.changed == pytest.approx(((ev.output(noisy) >= 0.9) != (ev.score >= 0.9)).mean())
    y = ev.y == ev.positive_index
    assert got.estimate == pytest.approx(
        metrics.recall_score(y, ev.output(noisy) >= 0.9) - metrics.recall_score(y, ev.score >= 0.9)
    )


def test_regression_has_no_decisions():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 2)), columns=["a", "b"])
    model = LinearRegression().fit(X, 3 * X.a)
    got = noise_robustness(
        Evaluation(model, X.assign(t=3 * X.a + rng.normal(size=300)), target="t"), levels=[0.1], rows=200
    )
    table = got.frame().set_index("feature")
    assert table.changed.isna().all()
    assert table.moved["a"] == pytest.approx(3 * 0.1 * np.sqrt(2 / np.pi), rel=0.15)
    assert table.moved["b"] < 1e-9
    assert got.source.sample == 200
    assert "of decisions" not in got.sentence()


def test_dates_move_within_their_range():
    from modelglass.analysis.columns import infer_columns

    frame = pd.DataFrame({"when": pd.date_range("2024-01-01", periods=100)})

    class Asked:
        n, features, columns = 100, ("when",), infer_columns(frame)

        def inputs(self):
            return frame

        whole = property(lambda self: self)

    moved = Noise(Asked(), "when", 0).on(frame.when, 0.2)
    assert moved.dtype == frame.when.dtype
    assert moved.between(frame.when.min(), frame.when.max()).all()
    assert (moved != frame.when).mean() > 0.9


def test_a_usual_value_stays_and_the_others_move_by_their_own_spread():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"gain": np.r_[np.zeros(600), rng.normal(5_000, 100, 399), 99_999.0], "t": rng.normal(size=1_000)}
    )
    ev = Evaluation(LinearRegression().fit(frame[["gain"]], frame.t), frame, target="t")
    moved = Noise(ev, "gain", 0).on(frame.gain, 0.5)
    assert (moved[:600] == 0).all()
    assert (moved[600:999] - frame.gain[600:999]).std() == pytest.approx(50, rel=0.2)


@pytest.mark.parametrize("ask", [noise_robustness, fragile_rows, robust_threshold, input_faults])
def test_rows_that_constraints_leave_out_are_not_moved_into_them(ask):
    """They were moved to the nearest possible value, far beyond the noise: most decisions changed by 0.01 spreads of it."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.uniform(0, 100, 400), "z": rng.normal(size=400)})
    frame["y"] = (frame.x + rng.normal(0, 15, 400) > 50).astype(int)

    def model(rows):
        return 1 / (1 + np.exp(-(rows.x.to_numpy() - 50) / 10))

    own = Evaluation(model, frame, target="y", task="binary", threshold=0.5)
    rules = "columns: {x: {low: 40}}"
    got = ask(own, constraints=rules, rows=None)
    left = int((frame.x < 40).sum())
    assert got.source.rows == got.settings["rows"] == 400 - left
    assert f"({left} rows left out by them: x: below 40)" in got.settings["constraints"]
    alone = ask(own.take(np.flatnonzero(frame.x >= 40)), constraints=rules, rows=None)
    assert got.sentence() == alone.sentence()
    other = constraints(own.take(np.flatnonzero(frame.x < 40)))
    assert ask(own, constraints=other, rows=None).source.rows == 400, "its rules are those of the whole"
    part = frame[frame.x >= 40].reset_index(drop=True)
    other = constraints(Evaluation(model, part, target="y", task="binary", threshold=0.5))
    got = ask(own, constraints=other, rows=None)
    inside = int((frame.x.between(part.x.min(), part.x.max()) & frame.z.between(part.z.min(), part.z.max())).sum())
    assert got.source.rows == got.settings["rows"] == inside < 400
    assert "left out by them: x: below" in got.settings["constraints"]
    with pytest.raises(InputError, match="All 400 rows are left out"):
        ask(own, constraints="columns: {x: {low: 200, high: 300}}", rows=None)


def test_refusals_and_stop(ev):
    with pytest.raises(InputError, match="Expected strengths of noise above 0"):
        noise_robustness(ev, levels=[0.1, -1])
    with pytest.raises(InputError, match="Expected the name of a feature"):
        noise_robustness(ev, features=["zz"])
    with pytest.raises(NotApplicable, match="there is no model here"):
        noise_robustness(Evaluation.from_predictions([0, 1], prediction=[0, 1]))

    def stop(share, what):
        raise Stopped("stop")

    with pytest.raises(Stopped):
        noise_robustness(ev, progress=stop)


def test_rows_whose_columns_belong_together_get_noise_too():
    """All columns of a sum were moved at once, so that no row of them was a possible one and the noise changed nothing at all."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet([3, 3, 3], 600)
    low = rng.normal(size=600)
    X = pd.DataFrame(shares, columns=["rent", "food", "rest"]).assign(low=low, top=low + rng.exponential(0.2, 600), x=rng.normal(size=600))  # fmt: skip
    y = np.where(X.rent + X.low > 0.3, "yes", "no")
    ev = Evaluation(LogisticRegression().fit(X, y), X.assign(y=y), target="y")
    rules = constraints(ev)
    assert {t.kind for t in rules.together} == {"sum", "order"}
    space = Space(rules, X)
    columns, moved = noisy(space, {n: Noise(ev, n, 0).on(X[n], 0.3) for n in X})
    assert moved.mean() > 0.95
    made = X.assign(**columns)
    assert rules.violations(made, X).empty
    assert ((made != X).mean()[["rent", "food", "rest", "x"]] > 0.5).all()
    assert 0.2 < (made != X).low.mean() < 0.9, "low and top stay where they would change places"
