"""Friedman's H against its definition written as loops, and against models whose interactions are known."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression

from modelglass.analysis.errors import InputError, Stopped
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import interaction_strength

OTHERS = "all other columns"


def world(n=40, weight=None):
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=list("abc"))
    X["c"] = X.c.round(0)
    y = X.a * X.b + X.c
    return X, y, weight


def by_definition(predict, X, w):
    """Loops as the paper writes them."""
    n, w = len(X), w / w.sum()
    values = X.to_numpy()

    def effect(columns, i):
        Z = values.copy()
        Z[:, columns] = values[i, columns]
        return w @ predict(Z)

    def centred(columns):
        out = np.array([effect(columns, i) for i in range(n)])
        return out - w @ out

    everything = predict(values)
    everything = everything - w @ everything
    out = {}
    for j in range(3):
        rest = [k for k in range(3) if k != j]
        out["abc"[j], OTHERS] = np.sqrt(w @ (everything - centred([j]) - centred(rest)) ** 2 / (w @ everything**2))
    for j, k in ((0, 1), (0, 2), (1, 2)):
        both = centred([j, k])
        out["abc"[j], "abc"[k]] = np.sqrt(w @ (both - centred([j]) - centred([k])) ** 2 / (w @ both**2))
    return out


@pytest.mark.parametrize("weighted", [False, True])
def test_equals_its_definition(weighted):
    X, y, _ = world()
    model = HistGradientBoostingRegressor(max_iter=20, min_samples_leaf=3).fit(X, y)
    w = np.random.default_rng(0).exponential(size=len(X)) if weighted else np.ones(len(X))
    frame = X.assign(t=y, **({"w": w} if weighted else {}))
    ev = Evaluation(model, frame, target="t", weight="w" if weighted else None)
    got = interaction_strength(ev, rows=40, top=3)
    assert got.way == "worked out from the model's trees"
    want = by_definition(lambda Z: model.predict(pd.DataFrame(Z, columns=list("abc"))), X, w)
    found = {(r.feature, r.other): r.estimate for r in got.table.itertuples()}
    for (a, b), h in want.items():
        assert found.get((a, b), found.get((b, a))) == pytest.approx(h, abs=1e-7)


def test_a_product_and_a_sum(made):
    X, y, _ = world(200)

    def model(frame):
        return frame["a"] * frame["b"] + 2 * frame["c"]

    ev = Evaluation(model, X.assign(t=y), target="t", task="regression", features=list("abc"))
    got = interaction_strength(ev, rows=150, top=3)
    table = got.table.set_index(["feature", "other"])
    assert table.loc[("c", OTHERS), "size"] == 0
    assert table.loc[("a", OTHERS), "size"] == pytest.approx(table.loc[("b", OTHERS), "size"])
    assert set(got.table[got.table.other != OTHERS].iloc[0][["feature", "other"]]) == {"a", "b"}
    assert got.sentence().startswith(("a works together with", "b works together with"))
    flat = Evaluation(lambda f: f["a"] + f["b"], X.assign(t=y), target="t", task="regression", features=list("ab"))
    assert interaction_strength(flat).sentence().startswith("No column works together with others")


def test_on_its_own_scale_a_linear_classifier_has_none(made):
    ev = made(LogisticRegression(max_iter=300))
    raw = interaction_strength(ev, rows=60, additive=True)
    assert raw.scale == "log-odds"
    assert raw.table["size"].max() == 0
    assert interaction_strength(ev, rows=60).table["size"].max() > 0


def test_several_classes_and_missing_values(made):
    ev = made(HistGradientBoostingClassifier(max_iter=5), "y3")
    got = interaction_strength(ev, rows=40, features=["pay", "job"], class_="mid")
    assert set(got.table.group) == {"mid"}
    assert len(got.table) == 3
    assert ((got.table.estimate >= 0) | got.table.estimate.isna()).all()


def test_refusals_and_stop(made):
    ev = made(LogisticRegression(max_iter=300))
    with pytest.raises(InputError, match="Expected rows of at least ten"):
        interaction_strength(ev, rows=3)

    def stop(share, what):
        raise Stopped("stop")

    with pytest.raises(Stopped):
        interaction_strength(ev, rows=20, progress=stop)
