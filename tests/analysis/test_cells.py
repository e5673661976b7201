"""Mergeable counts: parts add up to the whole, exact at bin edges, and the bound on AUC holds."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, r2_score, roc_auc_score

from modelglass.analysis.cells import count_cells, score_edges
from modelglass.analysis.errors import InputError


def table(seed, n=400):
    rng = np.random.default_rng(seed)
    score = rng.beta(1, 2, n)
    return {
        "y": (rng.random(n) < score).astype(int),
        "predicted": (score > 0.5).astype(int),
        "codes": rng.integers(0, 3, n),
        "score": score,
        "weight": rng.integers(1, 5, n).astype(float),
    }


def count(rows, at=slice(None), **more):
    part = {k: v[at] for k, v in rows.items()}
    return count_cells(
        part["y"], part["predicted"], part["codes"], 3, score=part.get("score"), weight=part.get("weight"), **more
    )


def same(a, b):
    for f in fields(a):
        first, second = getattr(a, f.name), getattr(b, f.name)
        assert first == second if f.name == "losses" else np.allclose(first, second, rtol=1e-12, atol=1e-9), f.name


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.integers(0, 400), st.integers(0, 400))
def test_parts_merge_to_the_whole_in_any_grouping(seed, first, second):
    rows = table(seed)
    edges = score_edges(rows["score"], 16)
    a, b = sorted((first, second))
    parts = [count(rows, s, edges=edges) for s in (slice(0, a), slice(a, b), slice(b, None))]
    same(parts[0] + parts[1] + parts[2], count(rows, edges=edges))
    same(parts[2] + (parts[1] + parts[0]), count(rows, edges=edges))


@pytest.mark.parametrize("bins", [2, 5, 64, 1000])
def test_auc_is_within_its_bound_and_exact_where_no_bin_is_mixed(bins):
    rows = table(1, 2_000)
    found, bound = count(rows, edges=score_edges(rows["score"], bins)).auc()
    for g in range(3):
        at = rows["codes"] == g
        true = roc_auc_score(rows["y"][at], rows["score"][at], sample_weight=rows["weight"][at])
        assert abs(found[g] - true) <= bound[g] + 1e-12
    assert bound.max() < 1.1 / (2 * bins) * 3
    exact, none = count(rows, edges=np.unique(rows["score"])).auc()
    assert none.max() == 0
    assert exact[2] == pytest.approx(true, abs=1e-12)


def test_counts_at_an_edge_equal_the_decision_score_at_least_edge():
    rows = table(2)
    edges = score_edges(rows["score"], 8, also=[0.5])
    cells = count(rows, edges=edges)
    place = int(np.searchsorted(edges, 0.5))
    for g in range(3):
        at = rows["codes"] == g
        decided = rows["score"][at] >= 0.5
        expected = [
            [rows["weight"][at][(rows["y"][at] == y) & (decided == d)].sum() for d in (False, True)] for y in (0, 1)
        ]
        assert np.allclose(cells.at(place)[g], expected)


def test_regression_sums_give_the_metrics_even_far_from_zero():
    rng = np.random.default_rng(3)
    y = 1e6 + rng.normal(size=300)
    predicted, codes, w = y + rng.normal(size=300), rng.integers(0, 3, 300), rng.random(300)
    halves = [
        count_cells(y[s], predicted[s], codes[s], 3, weight=w[s], task="regression")
        for s in (slice(0, 100), slice(100, None))
    ]
    cells = halves[0] + halves[1]
    for g in range(3):
        at = codes == g
        assert cells.r2()[g] == pytest.approx(r2_score(y[at], predicted[at], sample_weight=w[at]), abs=1e-9)
        assert cells.mean("absolute")[0][g] == pytest.approx(
            mean_absolute_error(y[at], predicted[at], sample_weight=w[at]), rel=1e-9
        )


def test_variance_of_a_mean_is_the_usual_one_without_weights():
    rows = table(4)
    del rows["weight"]
    mean, variance = count(rows).mean("brier_score")
    loss = (rows["y"] - rows["score"]) ** 2
    assert mean[1] == pytest.approx(loss[rows["codes"] == 1].mean())
    assert variance[1] == pytest.approx(loss[rows["codes"] == 1].var(ddof=1) / (rows["codes"] == 1).sum())


def test_cells_counted_differently_are_refused():
    rows = table(5)
    with pytest.raises(InputError, match="Count both with the same edges"):
        count(rows, edges=[0.5]) + count(rows, edges=[0.4])
    with pytest.raises(InputError, match="losses counted"):
        count(rows).mean("squared")
