"""The search's score and top slices on adult: those that sliceline 0.3.0 gave, and those of group-bys of every conjunction.

sliceline's answers were recorded on 30 November 2026 with sliceline 0.3.0, scikit-learn 1.9.1, numpy 2.4.6 and pandas 3.1.1, on the rows, codes and
errors of ``coded`` below: ``Slicefinder(alpha=0.95, k=10, max_l=depth, min_sup=163, verbose=False).fit(codes + 1, errors)``, its
``top_slices_`` and ``top_slices_statistics_`` ("slice_score", "slice_size"). At depth 3 its tenth score is that of two slices of which one lies in
the other and is the same rows; the shorter one stands here.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from modelglass.analysis.search import search

ALPHA, SUPPORT, TOP = 0.95, 163, 10
EDGES = {
    "age": [25, 35, 45, 55],
    "education_num": [9, 10, 13, 14],
    "hours_per_week": [30, 40, 41, 50],
    "fnlwgt": [100_000, 150_000, 200_000, 250_000],
    "capital_gain": [1, 5000],
    "capital_loss": [1, 1800],
}
SLICELINE = {
    2: [
        (1.4250226562165111, 1922, "education_num=2 marital_status=Married-civ-spouse"),
        (1.3345893400605569, 1672, "education_num=2 relationship=Husband"),
        (0.7447174162043877, 6539, "marital_status=Married-civ-spouse capital_gain=0"),
        (0.735150522765323, 5755, "relationship=Husband capital_gain=0"),
        (0.7239702639445367, 6950, "marital_status=Married-civ-spouse capital_loss=0"),
        (0.7179644778767814, 6120, "relationship=Husband capital_loss=0"),
        (0.7103347819104743, 6635, "marital_status=Married-civ-spouse native_country=United-States"),
        (0.7042787737491616, 5872, "relationship=Husband native_country=United-States"),
        (0.703885565235999, 7403, "marital_status=Married-civ-spouse"),
        (0.7013575592629598, 6644, "marital_status=Married-civ-spouse race=White"),
    ],
    3: [
        (1.5610443807278531, 1722, "education_num=2 marital_status=Married-civ-spouse capital_gain=0"),
        (1.477856845340584, 1816, "education_num=2 marital_status=Married-civ-spouse capital_loss=0"),
        (1.4514996360448977, 1495, "education_num=2 relationship=Husband capital_gain=0"),
        (1.4250226562165111, 1922, "education_num=2 marital_status=Married-civ-spouse"),
        (1.3769465522777038, 1577, "education_num=2 relationship=Husband capital_loss=0"),
        (1.3759658624303057, 1743, "education_num=2 marital_status=Married-civ-spouse race=White"),
        (1.373572088874473, 1800, "education_num=2 marital_status=Married-civ-spouse native_country=United-States"),
        (1.349793155843412, 1683, "education_num=2 marital_status=Married-civ-spouse sex=Male"),
        (1.337265494958833, 1670, "education_num=2 marital_status=Married-civ-spouse relationship=Husband"),
        (1.3345893400605569, 1672, "education_num=2 relationship=Husband"),
    ],
}


@pytest.fixture(scope="module")
def coded(data_file):
    """Adult's columns as categories (numbers in bins from the edges up), and the errors of the rule "married, some college or more"."""
    frame = pd.read_csv(data_file("adult_test.csv"))
    flagged = (frame["marital_status"] == "Married-civ-spouse") & (frame["education_num"] >= 10)
    wrong = (flagged != (frame["income"] == ">50K")).to_numpy(dtype=float)
    made = {
        name: pd.Categorical(np.digitize(frame[name], EDGES[name]) if name in EDGES else frame[name])
        for name in frame.columns.drop(["income", "education"])
    }
    return pd.DataFrame(made), wrong


def searched(coded, depth):
    frame, wrong = coded
    codes = np.column_stack([frame[name].cat.codes for name in frame])
    levels = [len(frame[name].cat.categories) for name in frame]
    return search(codes, levels, wrong, depth=depth, support=SUPPORT, keep=TOP, score="sliceline", alpha=ALPHA)


def named(frame, conditions):
    return " ".join(f"{frame.columns[c]}={frame.iloc[:, c].cat.categories[v]}" for c, v in conditions)


@pytest.mark.data
@pytest.mark.parametrize("depth", [2, 3])
def test_scores_and_slices_are_slicelines(coded, depth):
    found, frame = searched(coded, depth), coded[0]
    assert len(frame) == 16_281  # the rows that the figures were recorded on
    np.testing.assert_allclose(found.score, [score for score, _, _ in SLICELINE[depth]], rtol=1e-12)
    assert found.n.tolist() == [n for _, n, _ in SLICELINE[depth]]
    assert [named(frame, found.conditions(i)) for i in range(TOP)] == [words for _, _, words in SLICELINE[depth]]


def enumerated(frame, wrong, depth):
    """Score every conjunction as published (Sagadeeva and Boehm 2021, equation 1), by group-bys."""
    whole, mean, parts = len(wrong), wrong.mean(), []
    table = frame.assign(wrong=wrong)
    for length in range(1, depth + 1):
        for columns in combinations(frame.columns, length):
            cells = table.groupby(list(columns), observed=True)["wrong"].agg(["size", "mean"]).reset_index()
            cells = cells[cells["size"] >= SUPPORT]
            values = ["=".join((c, "")) + cells[c].astype(str) for c in columns]
            words = values[0] if length == 1 else values[0].str.cat(values[1:], sep=" ")
            score = ALPHA * (cells["mean"] / mean - 1) - (1 - ALPHA) * (whole / cells["size"] - 1)
            parts.append(pd.DataFrame({"score": score, "n": cells["size"], "words": words, "length": length}))
    found = pd.concat(parts)
    return found.assign(rank=found["score"].round(12)).sort_values(["rank", "length"], ascending=[False, True])


@pytest.mark.data
@pytest.mark.parametrize("depth", [2, 3])
def test_scores_and_slices_are_those_of_every_conjunction(coded, depth):
    frame, wrong = coded
    found, truth = searched(coded, depth), enumerated(frame, wrong, depth).head(TOP)
    np.testing.assert_allclose(found.score, truth["score"], rtol=1e-9)
    assert found.n.tolist() == truth["n"].tolist()
    assert [named(frame, found.conditions(i)) for i in range(TOP)] == truth["words"].tolist()
