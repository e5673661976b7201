"""Numbers that are infinite (which trees take): every explanation has an answer, and no warning of numpy's stands in it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from modelglass.analysis import adversarial, registry
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.analysis.possible import Space
from modelglass.explainers import counterfactuals, lime_weights, own_terms

ABOVE, BELOW, WITHIN = 0, 5, 7
"""Rows whose a is inf, -inf and an ordinary number."""
NEEDS_MORE = {"anchor", "concept_activation"}  # alibi; concepts


def clipped(frame):
    numbers = frame.select_dtypes("number").columns
    return frame.assign(**{c: frame[c].clip(-5, 5).fillna(0) for c in numbers})


@pytest.fixture(scope="module", params=["trees", "linear"])
def ev(request):
    rng = np.random.default_rng(0)
    n = 240
    X = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n), "city": rng.choice(list("xyz"), n)})
    y = np.where(X.a + X.b**2 + (X.city == "x") + rng.normal(size=n) > 1, "yes", "no")
    X.loc[::10, "a"], X.loc[5::10, "a"], X.loc[3::40, "b"], X.loc[1::50, "b"] = np.inf, -np.inf, np.inf, np.nan
    words = make_column_transformer((OneHotEncoder(sparse_output=False), ["city"]), remainder="passthrough")
    if request.param == "trees":
        model = make_pipeline(words, HistGradientBoostingClassifier(max_iter=8, max_leaf_nodes=6))
    else:
        model = make_pipeline(FunctionTransformer(clipped), words, StandardScaler(), LogisticRegression())
    return Evaluation(model.fit(X, y), X.assign(t=y), target="t")


NAMES = [n for n, a in registry.analyses().items() if "modelglass.explainers" in a.compute and n not in NEEDS_MORE]


@pytest.mark.parametrize("name", NAMES)
def test_every_explanation_has_an_answer(ev, name):
    takes = {s.name: s for s in registry.get(name).settings}
    small = {"rows": 60, "n_samples": 300, "budget": 1.0, "grid": 6}
    settings = {k: v for k, v in small.items() if k in takes}
    for row in (ABOVE, BELOW, WITHIN) if "row" in takes else (None,):
        found = registry.run(ev, name, **settings, **({} if row is None else {"row": row}))
        if found.result is None:
            assert found.reason
            continue
        assert len(found.result.frame()) or name == "counterfactuals"  # of which there may be none
        assert "nan" not in found.result.sentence()
        figure(found.result)


def test_lime_cuts_infinite_numbers_at_their_quartiles(ev):
    got = lime_weights(ev, row=ABOVE, n_samples=2_000)
    assert "a has infinite values: cut at its quartiles" in got.notes
    assert np.isfinite(got.weights.weight).all()
    condition = got.weights[got.weights.feature == "a"].condition.iloc[0]
    assert condition.startswith("a > ")
    assert got.weights[got.weights.feature == "a"].weight.iloc[0] > 0  # larger is riskier in these data


def test_a_search_leaves_infinite_numbers_where_they_are(ev):
    for row in (ABOVE, BELOW):
        changes = counterfactuals(ev, row=row, budget=None, rounds=1).changes
        assert "a" not in set(changes.column)
        assert np.isfinite(changes.cost).all()
    space = Space(counterfactual_rules(ev), ev.inputs())
    assert space.stays(np.array([ABOVE, BELOW, WITHIN]))[:, 0].tolist() == [True, True, False]
    assert space.costs(np.array([ABOVE]), space.X[[ABOVE]]).tolist() == [[0.0, 0.0, 0.0]]


def counterfactual_rules(ev):
    from modelglass.analysis.adversarial import ruled

    return ruled(ev, None, None)


@pytest.mark.parametrize("ev", ["trees"], indirect=True)
def test_bounds_of_rows_with_infinite_numbers_are_below_what_a_search_found(ev):
    got = adversarial(ev, rows=60, rounds=1, budget=None)
    of_a = ev.frame.a.loc[got.rows.row].to_numpy()
    found = got.rows[np.isfinite(got.rows.cost) & np.isinf(of_a)]
    assert len(found) > 3
    assert (found.certified <= found.cost * (1 + 1e-6)).all()
    assert np.isfinite(found.certified).any()
    assert not np.isinf(got.changes[got.changes.column == "a"].before.astype(float)).any()


@pytest.mark.parametrize("ev", ["linear"], indirect=True)
def test_own_terms_draw_no_line_to_infinity(ev):
    terms = own_terms(ev).terms
    of_a = terms[terms.feature == "a"]
    assert {"at inf", "at -inf"} <= set(of_a.term)
    assert np.isfinite(of_a.estimate).all()
