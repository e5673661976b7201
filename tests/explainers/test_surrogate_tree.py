"""The tree that imitates a model: against trees it must find again, and its numbers by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import r2_score
from sklearn.tree import DecisionTreeRegressor

from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import surrogate_tree


def stepped(n=2_000):
    """A model that is itself a tree of three leaves."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(0, 10, n), "b": rng.integers(0, 10, n), "city": rng.choice(["x", "y"], n)})
    rule = lambda f: np.where(f.a >= 5, 10.0, np.where(f.city == "x", 4.0, 1.0))  # noqa: E731
    frame["t"] = rule(frame) + rng.normal(size=n)
    return Evaluation(rule, frame, target="t", features=["a", "b", "city"])


def test_a_tree_is_found_again():
    ev = stepped()
    got = surrogate_tree(ev)
    assert len(got.leaves) == 3
    assert got.fidelity.estimate[0] == pytest.approx(1)
    assert sorted(got.leaves.says) == [1, 4, 10]
    assert got.leaves.off.max() < 1e-12
    for leaf in got.leaves.itertuples():
        part = ev.where(leaf.where)
        assert part.n == leaf.rows
        assert set(part.predicted) == {leaf.says}
    assert "A tree of 3 leaves explains 100.0% of the variance" in got.sentence()


def test_fidelity_and_disagreement_by_hand(made):
    ev = made(RandomForestClassifier(20, max_depth=5, random_state=0), n=1_000)
    got = surrogate_tree(ev, max_leaves=5)
    leaves = got.leaves
    says = np.full(ev.n, np.nan)
    for leaf in leaves.itertuples():
        says[np.isin(ev.rows, ev.where(leaf.where).rows)] = leaf.says
    assert np.isfinite(says).all()
    assert leaves.rows.sum() == ev.n
    assert leaves.n.sum() == got.settings["rows_judging"]
    assert leaves.missed.sum() == pytest.approx(1)
    kinds = got.fidelity.set_index("measure")
    assert (
        abs(kinds.estimate["share of the answers' variance"] - r2_score(ev.score, says)) < 0.1
    )  # all rows, both halves
    assert kinds.low["same decision"] < kinds.estimate["same decision"] <= kinds.high["same decision"]
    assert 1 - leaves.n @ leaves.otherwise / leaves.n.sum() == pytest.approx(kinds.estimate["same decision"])


def test_it_is_about_as_good_as_scikit_learns_tree(made):
    ev = made(RandomForestClassifier(20, max_depth=5, random_state=0), n=1_000)
    got = surrogate_tree(ev, max_leaves=8, depth=6)
    codes = np.column_stack(
        [pd.factorize(ev.frame[c])[0] if c in ("city", "job") else ev.frame[c].fillna(-1) for c in ev.features]
    )
    half = np.random.default_rng(0).random(ev.n) < 0.5
    theirs = DecisionTreeRegressor(max_leaf_nodes=8, min_samples_leaf=20, random_state=0).fit(
        codes[half], ev.score[half]
    )
    assert got.fidelity.estimate[0] > r2_score(ev.score[~half], theirs.predict(codes[~half])) - 0.08


def test_classes_weights_clusters_and_refusals(made):
    ev = made(RandomForestClassifier(10, max_depth=4, random_state=0), "y3", n=600)
    assert surrogate_tree(ev, class_="top").group == "top"
    assert surrogate_tree(ev).group in ("low", "mid", "top")
    frame = ev.frame.assign(w=np.arange(600) % 3 + 1.0, who=np.arange(600) // 3)
    tied = Evaluation(ev.estimator, frame, target="y3", weight="w", cluster="who", ignore=["y", "amount"])
    assert 0 < surrogate_tree(tied).fidelity.estimate[1] <= 1
    with pytest.raises(InputError, match="Expected a depth of 1 to 6"):
        surrogate_tree(ev, depth=9)
    with pytest.raises(InputError, match="Expected the name of a feature"):
        surrogate_tree(ev, features=["cty"])
    with pytest.raises(NotApplicable, match="at least 100 rows"):
        surrogate_tree(ev.sample(50))
