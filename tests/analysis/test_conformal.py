"""Split conformal: the cut by hand, coverage over simulated data, sets against a loop, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

import modelglass as mg
from modelglass.analysis.conformal import conformal, conformity, cut_of, probabilities, several
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.groups import rows_of
from modelglass.analysis.halves import halves
from modelglass.analysis.unseen import unseen

N = 600


@pytest.fixture(scope="module")
def three():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(N, 2)), columns=["a", "b"])
    y = np.array(["p", "q", "r"])[np.digitize(X.a + rng.normal(size=N), [-0.5, 0.7])]
    frame = X.assign(y=y, g=np.where(X.b > 0, "hi", "lo"), c=np.arange(N) // 3, w=rng.uniform(0.5, 2, N))
    return LogisticRegression().fit(X, y), frame


def test_the_cut_by_hand():
    scores = np.array([0.5, 0.1, 0.3, 0.2, 0.4])
    assert cut_of(scores, 0.5) == 0.3  # rank ceil(6 x 0.5) = 3
    assert cut_of(scores, 0.8) == 0.5  # rank ceil(4.8) = 5
    assert cut_of(scores, 0.9) == np.inf  # rank 6 of 5
    assert cut_of(scores, 0.5, np.full(5, 7.0)) == 0.3
    assert cut_of(scores, 0.5, [10, 1, 1, 1, 1]) == 0.5  # 0.5 is where 8.4 of 14 + 2.8 is reached
    np.testing.assert_allclose(conformity([1, 0], [[0.3, 0.7], [0.9, 0.1]]), [0.3, 0.1])
    np.testing.assert_allclose(conformity([1.0, 5.0], [3.0, 4.0]), [2, 1])
    sets = np.array([[True, False], [True, True], [False, False], [False, True]])
    assert several(sets, np.array([0, 0, 0, 0])).tolist() == [False, True, False, True]


def test_coverage_is_what_was_promised_on_simulated_data():
    """Over many draws of calibration and new rows: coverage between the promise and 1 / (n + 1) above it (Vovk et al. 2005)."""
    rng = np.random.default_rng(1)
    for n, coverage in ((39, 0.8), (99, 0.9), (60, 0.95)):
        scores = rng.exponential(size=(4000, n + 20))
        cuts = np.array([cut_of(s[:n], coverage) for s in scores])
        held = (scores[:, n:] <= cuts[:, None]).mean()
        assert coverage - 0.004 < held < coverage + 1 / (n + 1) + 0.004


@pytest.mark.parametrize(
    ("coverage", "half", "sizes"),
    [
        (0.8, 1.2910791720693182, [0, 233, 266, 1]),
        (0.9, 1.7177908678318374, [0, 124, 303, 73]),
        (0.95, 1.9836915025078716, [0, 68, 292, 140]),
    ],
)
def test_equals_what_mapie_gave(coverage, half, sizes):
    """Recorded from MAPIE 1.6.0 (split, absolute residuals; "lac") on the same models and rows: benchmarks/conformal.py."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 3))
    t = X @ [1, 2, 0] + rng.normal(size=1500)
    y = np.digitize(X[:, 0] + rng.normal(size=1500), [-0.5, 0.7])
    line, classes = LinearRegression().fit(X[:500], t[:500]), LogisticRegression().fit(X[:500], y[:500])
    assert cut_of(conformity(t[500:1000], line.predict(X[500:1000])), coverage) == pytest.approx(half, rel=1e-9)
    cut = cut_of(conformity(y[500:1000], classes.predict_proba(X[500:1000])), coverage)
    sets = 1 - classes.predict_proba(X[1000:]) <= cut
    assert np.bincount(sets.sum(axis=1), minlength=4).tolist() == sizes


def test_sets_of_classes_are_those_of_a_loop(three):
    model, frame = three
    ev = mg.Evaluation(model, frame, target="y", ignore=["g", "c", "w"])
    got = conformal(ev, coverage=0.8, seed=5)
    made, judged = halves(rows_of(ev), 5)
    assert not set(made) & set(judged)
    p, y = model.predict_proba(frame[["a", "b"]]), ev.y
    wanted = np.sort([1 - p[i, y[i]] for i in made])[int(np.ceil((len(made) + 1) * 0.8)) - 1]
    assert got.cut == pytest.approx(wanted)
    sets = [{k for k in range(3) if 1 - p[i, k] <= wanted} for i in judged]
    row = got.frame().iloc[0]
    assert row.estimate == pytest.approx(np.mean([y[i] in s for i, s in zip(judged, sets, strict=True)]))
    assert row["size"] == pytest.approx(np.mean([len(s) for s in sets]))
    assert row["empty"] == pytest.approx(np.mean([not s for s in sets]))
    unsure = np.mean([bool(s - {p[i].argmax()}) for i, s in zip(judged, sets, strict=True)])
    assert row.undecided == got.undecided == pytest.approx(unsure)
    assert got.undecided_low < got.undecided < got.undecided_high
    assert "lie within the prediction's own uncertainty" in got.sentence()
    assert mg.figure(got).data


def test_two_classes_and_their_order(three):
    _, frame = three
    binary = frame.assign(y=np.where(frame.y == "p", "yes", "no"))
    model = LogisticRegression().fit(frame[["a", "b"]], binary.y)
    for positive in ("yes", "no"):
        ev = mg.Evaluation(model, binary, target="y", positive=positive, ignore=["g", "c", "w"])
        np.testing.assert_allclose(probabilities(ev), model.predict_proba(frame[["a", "b"]]))


def test_slices_clusters_and_weights(three):
    model, frame = three
    ev = mg.Evaluation(model, frame, target="y", cluster="c", weight="w", features=["a", "b"])
    got = conformal(ev, by="g")
    assert got.frame()["slice"].tolist()[0] == "all rows"
    assert set(got.frame()["slice"][1:]) == {"hi", "lo"}
    made, judged = halves(rows_of(ev), 0)
    assert not set(frame.c.iloc[made]) & set(frame.c.iloc[judged])
    assert got.frame().n[1:].sum() == len(judged)
    low, high = frame.iloc[judged].groupby("g").w.sum()[["hi", "lo"]]
    by = got.frame().set_index("slice").estimate
    assert by["all rows"] == pytest.approx((by["hi"] * low + by["lo"] * high) / (low + high))


def test_numbers_and_a_slice_that_is_not_held():
    rng = np.random.default_rng(2)
    X = pd.DataFrame({"a": rng.normal(size=3000)})
    g = rng.random(3000) < 0.2
    t = 2 * X.a + rng.normal(size=3000) * np.where(g, 4, 1)
    ev = mg.Evaluation(
        LinearRegression().fit(X, t), X.assign(t=t, g=np.where(g, "wild", "calm")), target="t", ignore=["g"]
    )
    got = conformal(ev)
    assert np.isnan(got.undecided)
    assert got.frame()["size"].iloc[0] == pytest.approx(2 * got.cut)
    free = mg.Evaluation(
        LinearRegression().fit(X, t), X.assign(t=t, g=np.where(g, "wild", "calm")), target="t", features=["a"]
    )
    told = conformal(free, by="g")
    row = told.frame().set_index("slice").estimate
    assert row["wild"] < 0.75 < 0.9 < row["calm"]
    assert "Where g is wild, only" in told.sentence()


def test_what_is_refused(three):
    model, frame = three
    ev = mg.Evaluation(model, frame, target="y", ignore=["g", "c", "w"])
    with pytest.raises(InputError, match=r"between 0\.5 and 0\.999"):
        conformal(ev, coverage=1)
    with pytest.raises(NotApplicable, match="too few"):
        conformal(ev.take(np.arange(30)))
    with pytest.raises(NotApplicable, match="cannot promise"):
        conformal(ev.take(np.arange(60)), coverage=0.99)
    with pytest.raises(NotApplicable, match="made of probabilities"):
        conformal(mg.Evaluation.from_predictions([0, 1] * 30, prediction=[0, 1] * 30))


def test_rows_of_the_training_data_neither_make_nor_judge():
    """A forest is surer of rows it was fitted on: calibrated on them, 18 % of decisions were undecided that are 62 % on new rows."""
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.normal(size=(600, 4)), columns=list("abcd"))
    frame = X.assign(y=(X.a + rng.normal(0, 1.5, 600) > 0).astype(int))
    train, new = frame.iloc[:300], frame.iloc[300:]
    model = RandomForestClassifier(50, random_state=0).fit(train[list("abcd")], train.y)
    alone = conformal(mg.Evaluation(model, new, target="y", train=train))
    mixed = conformal(mg.Evaluation(model, frame, target="y", train=train))
    assert (alone.left_out, mixed.left_out) == (0, 300)
    assert mixed.cut == alone.cut
    assert mixed.undecided == alone.undecided
    assert "300 rows that also stand in the training data are left out." in mixed.sentence()
    assert "training data" not in alone.sentence()
    unknowing = conformal(mg.Evaluation(model, frame, target="y"))
    assert unknowing.undecided < alone.undecided / 2  # what it would be
    with pytest.raises(NotApplicable, match=r"too few .* \(300 rows of 300 also stand in the training data\)"):
        conformal(mg.Evaluation(model, train, target="y", train=train))


def test_rows_that_equal_training_rows_by_chance_stay():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.integers(0, 3, size=(1200, 2)), columns=["a", "b"])
    frame["y"] = (frame.a + rng.normal(size=1200) > 1).astype(int)
    train, new = frame.iloc[:600], frame.iloc[600:]
    model = LogisticRegression().fit(train[["a", "b"]], train.y)
    assert len(unseen(mg.Evaluation(model, new, target="y", train=train))) == 600
    one_new = new.assign(b=new.b + 10.5)  # no training row has these inputs, but for ten that were taken over
    few = train.assign(b=np.arange(600) / 7)
    got = unseen(mg.Evaluation(model, pd.concat([one_new, few.iloc[:10]], ignore_index=True), target="y", train=few))
    assert got.tolist() == list(range(600))
