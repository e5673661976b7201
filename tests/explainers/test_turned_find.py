"""Stretches where the model moves against the outcome: slopes by an independent fit, planted and clean sets, who is not judged."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPRegressor
from sklearn.tree import DecisionTreeRegressor

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.finding import Budget
from modelglass.explainers import effect_grid, effect_ways, loops, turned_find
from modelglass.explainers.layered import Layered


def asked(model, X, y, **kwargs):
    return Evaluation(model, X.assign(t=y), target="t", features=list(X), **kwargs)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(5)
    X = pd.DataFrame(rng.uniform(-1, 1, size=(1500, 3)), columns=list("abc"))
    return X, 2 * X.a + X.b + 0.3 * rng.normal(size=1500)


def bent(frame):
    """Rise with a, but for a stretch in the middle, where it falls."""
    a = frame["a"]
    return (2 * a - 4 * np.clip(a, -1 / 3, 1 / 3) + frame["b"]).to_numpy()


def test_a_stretch_turned_round_is_told_with_where_and_how_far(rows):
    X, y = rows
    found = turned_find.find(asked(bent, X, y, task="regression"), Budget(30))
    assert [f.features for f in found] == [("a",)]
    (one,) = found
    assert one.kind == "turned_effect"
    assert "the model's t falls by 0.6" in one.sentence
    assert "while the outcome, among rows alike in the other columns, rises by 0." in one.sentence
    assert one.low < 2 / 3 < one.high  # the outcome rises by 2 a unit over a third
    assert one.p_adjusted < 0.05
    assert one.evidence == "accumulated_local_effects"
    assert one.settings == {"features": ["a"]}


@pytest.mark.parametrize("times", [1e-300, 1e300])
def test_the_unit_of_a_column_changes_nothing(rows, times):
    X, y = rows

    def other(frame):
        return bent(frame.assign(a=frame["a"] / times))

    (one,) = turned_find.find(asked(bent, X, y, task="regression"), Budget(30))
    (same,) = turned_find.find(asked(other, X.assign(a=X.a * times), y, task="regression"), Budget(30))
    for number in ("estimate", "low", "high", "p_adjusted"):
        assert getattr(same, number) == pytest.approx(getattr(one, number), rel=1e-6)


def test_nothing_is_told_of_a_model_that_is_right(rows):
    X, y = rows
    assert turned_find.find(asked(LinearRegression().fit(X, y), X, y), Budget(30)) == []


def test_the_slope_is_that_of_least_squares_with_hc3():
    """Against matrix algebra written out: the slope beside other columns, and MacKinnon and White's standard error."""
    rng = np.random.default_rng(0)
    x, others, weight = rng.normal(size=60), rng.normal(size=(60, 2)), rng.uniform(0.5, 2, 60)
    y = 0.7 * x + others[:, 0] + rng.normal(size=60) * (1 + x**2)
    slope, se, df = turned_find._slope(x, y, others, weight)
    Z, W = np.column_stack([x, np.ones(60), others]), np.diag(weight / weight.mean())
    inverse = np.linalg.inv(Z.T @ W @ Z)
    beta = inverse @ Z.T @ W @ y
    root = np.sqrt(np.diag(W))
    lever = np.einsum("ij,jk,ik->i", Z * root[:, None], inverse, Z * root[:, None])
    meat = (Z * root[:, None] * ((y - Z @ beta) * root / (1 - lever))[:, None]).T
    cov = inverse @ (meat @ meat.T) @ inverse
    assert slope == pytest.approx(beta[0])
    assert se == pytest.approx(np.sqrt(cov[0, 0]))
    assert df == 56


def test_few_rows_and_flat_stretches_are_not_judged(rows):
    X, y = rows
    x, error, others = X.a.to_numpy(), np.asarray(y) * 0, np.empty((1500, 0))
    assert turned_find.turned(x, error + 1, np.array([-1.0, 1.0]), np.array([0.0, 0.0]), others) == []
    few = turned_find.turned(x[:70], np.asarray(y)[:70], np.array([-1.0, 1.0]), np.array([0.0, 1.0]), others[:70])
    assert few == []
    gaps = np.where(np.arange(1500) < 5, np.nan, x)
    (one,) = turned_find.turned(gaps, np.asarray(y), np.array([-1.0, 1.0]), np.array([0.0, 1.0]), others)
    assert one["n"] == 1495


def test_several_classes_and_probabilities(rows):
    X, y = rows
    three = np.digitize(y, [-0.8, 0.8])

    class Wrong:
        classes_ = np.arange(3)

        def predict_proba(self, frame):
            p = 1 / (1 + np.exp(-np.column_stack([bent(frame) - 0.8, -bent(frame) - 0.8, bent(frame) * 0])))
            return p / p.sum(axis=1, keepdims=True)

        def predict(self, frame):
            return self.predict_proba(frame).argmax(axis=1)

    found = turned_find.find(asked(Wrong(), X, three), Budget(30))
    assert "a" in {f.features[0] for f in found}
    assert {f.settings["class_"] for f in found} <= {"0", "1", "2"}


def test_who_is_not_judged(rows):
    X, y = rows
    with pytest.raises(NotApplicable, match="no model to ask"):
        turned_find.find(Evaluation.from_predictions([0.0, 1.0], prediction=[0.0, 1.0], task="regression"), Budget(30))
    clustered = Evaluation(
        bent, X.assign(t=y, k=np.arange(1500) // 5), target="t", task="regression", cluster="k", features=list(X)
    )
    with pytest.raises(NotApplicable, match="rows hang together"):
        turned_find.find(clustered, Budget(30))
    levels = X.round(0)
    with pytest.raises(NotApplicable, match="no column of numbers has enough different values"):
        turned_find.find(asked(bent, levels, y, task="regression"), Budget(30))


def test_the_model_is_asked_where_loops_would_have_to_be_compiled_first(rows, monkeypatch):
    X, y = rows
    ev = asked(DecisionTreeRegressor(max_depth=4, random_state=0).fit(X, y), X, y)
    ways = []
    monkeypatch.setattr(
        effect_ways, "fast_way", lambda *a, known=effect_ways.fast_way, **k: ways.append(known(*a, **k)) or ways[-1]
    )
    monkeypatch.setattr(loops, "is_warm", lambda: False)
    cold = turned_find.find(ev, Budget(30))
    monkeypatch.setattr(loops, "is_warm", lambda: True)
    warm = turned_find.find(ev, Budget(30))
    assert ways[0] == "its loops are not compiled yet"
    assert not isinstance(ways[1], str)
    assert [f.sentence for f in cold] == [f.sentence for f in warm]
    assert not isinstance(effect_ways.fast_way(ev), str)  # outside of findings it is as before


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_loops_of_perceptrons_and_bins_are_held_back_while_cold(rows, monkeypatch):
    X, y = rows
    ev = asked(MLPRegressor(hidden_layer_sizes=(6,), max_iter=20, random_state=0).fit(X, y), X, y)
    monkeypatch.setattr(effect_grid, "MANY", 1)
    ran = []
    monkeypatch.setattr(Layered, "ends", lambda self, *a, known=Layered.ends: ran.append("steps") or known(self, *a))
    monkeypatch.setattr(loops, "is_warm", lambda: False)
    with loops.asked_while_cold():
        assert not effect_grid.many(10**9)
    cold = turned_find.find(ev, Budget(30))
    assert not ran
    monkeypatch.setattr(loops, "is_warm", lambda: True)
    warm = turned_find.find(ev, Budget(30))
    assert ran
    assert [f.sentence for f in cold] == [f.sentence for f in warm]
