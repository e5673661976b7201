"""Faults in inputs: each by hand, what a check catches against the validator, and inputs that the model refuses are kept."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn import metrics
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import modelglass as mg
from modelglass.analysis import (
    adversarial,
    beyond_range,
    constraints,
    faults,
    input_faults,
    noise_robustness,
    sobol_indices,
)
from modelglass.analysis.constraints import ColumnRule
from modelglass.analysis.errors import InputError, NotApplicable, Stopped
from modelglass.analysis.noise_robustness import Noise, noisy
from modelglass.analysis.possible import Space

N = 300


def wilson(count):
    found = binomtest(int(count), N).proportion_ci(method="wilson")
    return found.low, found.high


@pytest.fixture(scope="module")
def ev():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "x": rng.normal(50, 10, N).round(2),
            "i": rng.integers(10, 90, N),
            "k": rng.choice(["Rome", "Oslo", "Lima"], N),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, N), unit="D"),
        }
    )
    y = np.where((X.x - 50) / 10 + X.i / 40 + (X.k == "Rome") + rng.logistic(size=N) > 1.5, "yes", "no")
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["k"]), ("passthrough", ["x", "i"])),
        LogisticRegression(max_iter=1000),
    )
    frame = X.assign(y=y)
    return mg.Evaluation(model.fit(X[["x", "i", "k"]], y), frame, target="y", features=["x", "i", "k"])


def test_each_fault_by_hand():
    x = pd.Series([1234.5, -0.0678, 0.0, np.nan])
    np.testing.assert_allclose(faults.rounded(x, 2), [1200, -0.068, 0, np.nan])
    np.testing.assert_allclose(faults.rounded(x, 1), [1000, -0.07, 0, np.nan])
    assert faults.scaled(pd.Series([1, 2]), 100).tolist() == [100, 200]
    assert faults.scaled(pd.Series([100, 2], dtype="int8"), 10).tolist() == [1000.0, 20.0]
    typed = faults.digits_exchanged(pd.Series([37, -12, 55, 10, 7]), 0)
    assert typed.tolist() == [73, -21, 55, 10, 7]
    assert faults.shifted(pd.Series(pd.to_datetime(["2024-02-28"])), "1D")[0] == pd.Timestamp("2024-02-29")
    words = pd.Series(["Rome", "Oslo", "Rome", None])
    wrong = faults.letters_wrong(words, 1)
    assert wrong[0] == wrong[2] != "Rome"
    assert wrong[1] != "Oslo"
    assert pd.isna(wrong[3])
    assert faults.letters_wrong(words.astype("category"), 1).isna().all()


def test_table_is_the_metric_of_the_faulty_rows(ev):
    got = input_faults(ev)
    table = got.frame().set_index(["fault", "feature", "how"])
    X, y = ev.inputs(), ev.y == ev.positive_index
    row = table.loc[("unit error", "x", "x 10")]
    after = ev.output(X.assign(x=X.x * 10))
    assert row.estimate == pytest.approx(metrics.roc_auc_score(y, after) - metrics.roc_auc_score(y, ev.score))
    assert row.changed == pytest.approx(((after >= 0.5) != (ev.score >= 0.5)).mean())
    assert row.changed_low < row.changed < row.changed_high
    assert row.caught == 1
    clip = ev.output(X.assign(x=np.clip(X.x * 10, X.x.min(), X.x.max())))
    assert row.clipped == pytest.approx(metrics.roc_auc_score(y, clip) - metrics.roc_auc_score(y, ev.score))
    assert row.clipped_low < row.clipped < row.clipped_high
    still = (clip >= 0.5) != (ev.score >= 0.5)
    assert row.changed_clipped == pytest.approx(still.mean())
    assert (row.changed_clipped_low, row.changed_clipped_high) == pytest.approx(wilson(still.sum()))
    assert (row.caught_low, row.caught_high) == pytest.approx(wilson(N))
    swapped = table.loc[("swapped columns", "x and i", "")]
    assert swapped.moved == pytest.approx(
        np.abs(ev.output(X.assign(x=X.i.astype(float), i=X.x.round())) - ev.score).mean()
    )
    assert table.loc[("typing error", "k", "one letter wrong")].caught == 1
    assert got.asked <= (len(table) + 6) * N  # the six wrong units are asked about clipped too
    assert "moves the model most" in got.sentence()
    assert mg.figure(got).data


def test_what_a_check_catches_is_what_the_validator_refuses(ev):
    rules = constraints(ev)
    for column in (faults.scaled(ev.inputs().x, 10), faults.rounded(ev.inputs().x, 1)):
        whole = ev.inputs().assign(x=column)
        broken = rules.violations(whole)
        assert set(np.flatnonzero(faults.caught(rules.columns["x"], column))) == set(broken[broken.column == "x"].place)
    coded = ColumnRule(name="a", kind="number", low=0, high=9, codes=(-999.0,))
    assert faults.caught(coded, pd.Series([-999.0, -1, 10, 5, np.nan])).tolist() == [False, True, True, False, False]


def test_every_row_of_noise_is_possible_and_rows_are_asked_once():
    rng = np.random.default_rng(1)
    low = rng.integers(0, 50, N)
    X = pd.DataFrame(
        {"low": low, "high": low + rng.integers(1, 20, N), "half": low / 2, "c": rng.normal(size=N).round(3)}
    )
    X.loc[:9, "c"] = -999.0
    own = mg.Evaluation(LinearRegression().fit(X, low), X.assign(t=low + rng.normal(size=N)), target="t")
    rules = constraints(own)
    assert {t.kind for t in rules.together} == {"order", "derived"}
    space = Space(rules, own.inputs())
    for strength in (0.1, 1.0):
        columns, moved = noisy(space, {n: Noise(own, n, 0).on(X[n], strength) for n in X})
        made = X.assign(**columns)
        assert not len(rules.violations(made, X))
        assert moved.tolist() == (made != X).any(axis=1).tolist()
        assert moved.mean() > 0.5
    got = noise_robustness(own, levels=[0.1, 0.5])
    alone = got.frame()[lambda t: t.feature == "half"]
    assert (alone.rows_changed == 0).all()
    assert alone.note.str.contains("moves only with").all()
    assert got.asked == got.frame().rows_changed.sum() <= 1.3 * 2 * 5 * N


def test_an_input_that_the_model_refuses_is_kept(ev):
    def picky(frame):
        if (frame.k == "Lima").any() and (frame.x > 500).any():
            raise RuntimeError("too hot in Lima")
        return (frame.x > 50).astype(int).to_numpy()

    frame = ev.inputs().assign(y=(ev.inputs().x > 50).astype(int))
    own = mg.Evaluation(picky, frame, target="y", task="binary")
    got = input_faults(own, features=["x"])
    assert got.refused.error.tolist() == ["RuntimeError: too hot in Lima"] * len(got.refused) != []
    with pytest.raises(RuntimeError, match="too hot"):
        picky(pd.DataFrame([got.refused.input[0]]))
    assert "is kept in the result" in got.sentence()
    assert got.more()["refused"]["data"]

    def never(frame):
        if (frame.x > 60).any() and len(frame) != N:
            raise RuntimeError("too warm")
        return (frame.x > 50).astype(int).to_numpy()

    with pytest.raises(InputError, match=r"RuntimeError: too warm; one of .* rows asked is \{'x'") as refused:
        adversarial(mg.Evaluation(never, frame, target="y", task="binary"), rows=None, rounds=1)
    with pytest.raises(RuntimeError, match="too warm"):
        never(pd.DataFrame([refused.value.refused.input]))


@pytest.mark.parametrize("ask", [partial(beyond_range, features="x"), sobol_indices])
def test_an_input_that_could_not_be_real_is_kept_too(ev, ask):
    """Columns that vary by themselves, and values beyond the range, meet rows that no data hold."""
    frame = ev.inputs()
    real = set(zip(frame.x, frame.k, strict=True))

    def picky(rows):
        if not set(zip(rows.x, rows.k, strict=True)) <= real:
            raise RuntimeError("no such place")
        return (rows.x > 50).astype(float).to_numpy()

    own = mg.Evaluation(picky, frame.assign(y=(frame.x > 50).astype(float)), target="y", task="regression")
    with pytest.raises(InputError, match=r"RuntimeError: no such place; the row is \{'x': [\d.-]+, ") as refused:
        ask(own)
    with pytest.raises(RuntimeError, match="no such place"):
        picky(pd.DataFrame([refused.value.refused.input]))


def test_a_model_that_refuses_one_end_of_a_range_is_measured_at_the_others(ev):
    top = float(ev.inputs().x.max())

    def strict(rows):
        if (rows.x > top).any():
            raise ValueError("x out of range")
        return rows.x.astype(float).to_numpy()

    own = mg.Evaluation(strict, ev.frame.assign(y=ev.inputs().x.astype(float)), target="y", task="regression", features=["x", "i"])  # fmt: skip
    got = beyond_range(own, steps=[0.5, 1.0])
    verdicts = got.verdicts.set_index(["feature", "side"]).verdict
    assert verdicts["x", "above"] == "raises an error"
    assert verdicts["i", "above"] == verdicts["i", "below"] == "stays"
    steps = got.frame().set_index(["feature", "side"]).sort_index(kind="stable")
    assert steps.loc[("x", "above"), "estimate"].isna().all()
    low, high = ev.inputs().x.min(), ev.inputs().x.max()
    assert steps.loc[("x", "below"), "estimate"].to_numpy() == pytest.approx(
        [low - 0.5 * (high - low) - low, low - high], abs=0.6
    )
    assert (steps.loc[("x", "below"), "outside"] == 1).all()
    assert got.refused[["probe", "feature"]].to_numpy().tolist() == [["values above the range", "x"]]
    assert "raises an error on values above the range of x: ValueError: x out of range" in got.sentence()
    assert mg.figure(got).data
    with pytest.raises(ValueError, match="x out of range"):
        strict(pd.DataFrame([got.refused.input.iloc[0]]))


def test_weights_and_clusters_count(ev):
    frame = ev.frame.assign(w=np.where(np.arange(N) < 100, 3.0, 1.0), g=np.arange(N) // 5)
    own = mg.Evaluation(ev.model, frame, target="y", features=["x", "i", "k"], weight="w", cluster="g")
    row = input_faults(own, features="x").frame().set_index("how").loc["x 100"]
    after = own.output(own.inputs().assign(x=own.inputs().x * 100))
    assert row.changed == pytest.approx(np.average((after >= 0.5) != (own.score >= 0.5), weights=frame.w))


def test_refusals_and_stop(ev):
    with pytest.raises(InputError, match="Expected the name of a feature"):
        input_faults(ev, features=["zz"])
    with pytest.raises(NotApplicable, match="there is no model here"):
        input_faults(mg.Evaluation.from_predictions([0, 1], prediction=[0, 1]))
    flags = pd.DataFrame({"b": [True, False] * 50, "t": [0.0, 1.0] * 50})
    with pytest.raises(NotApplicable, match="no column here can have"):
        input_faults(mg.Evaluation(LinearRegression().fit(flags[["b"]], flags.t), flags, target="t"))

    def stop(share, what):
        raise Stopped("stop")

    with pytest.raises(Stopped):
        input_faults(ev, progress=stop)
