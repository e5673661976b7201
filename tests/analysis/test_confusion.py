import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from modelglass.analysis.confusion import confusion, measure
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure


def codes(seed=0, n=500, k=4):
    rng = np.random.default_rng(seed)
    actual = rng.integers(0, k, n)
    return actual, np.where(rng.random(n) < 0.7, actual, rng.integers(0, k, n)), rng.random(n) + 0.1


@pytest.mark.parametrize("weighted", [False, True])
def test_equals_scikit_learn(weighted):
    actual, predicted, weight = codes()
    weight = weight if weighted else None
    cells = measure(actual, predicted, weight, classes="abcd").frame()
    for column, normalize in (("weight", None), ("share_of_actual", "true"), ("share_of_all", "all")):
        expected = confusion_matrix(actual, predicted, sample_weight=weight, normalize=normalize)
        np.testing.assert_allclose(cells[column].to_numpy().reshape(4, 4), expected, rtol=0, atol=1e-9)


def test_by_hand():
    found = measure([0, 0, 0, 1], [0, 0, 1, 1], classes=["no", "yes"])
    assert found.cells.n.tolist() == [2, 1, 0, 1]
    assert found.cells.n_actual.tolist() == [3, 3, 1, 1]
    assert found.accuracy[0] == 0.75
    assert found.sentence().startswith("Of 4 rows 75.0% are predicted right.")  # too few rows for an interval
    assert "33.3% of the 3 rows that are no are taken for yes (1 row)" in found.sentence()


def test_no_mistake_and_absent_class():
    found = measure([0, 0], [0, 0], classes=["a", "b"])
    assert "no mistake" in found.sentence()
    assert found.cells.share_of_actual.isna().tolist() == [False, False, True, True]
    assert "–" in [t for trace in figure(found).data for t in [s.split("<br>")[0] for s in trace.text]]


def test_intervals_are_those_of_performance():
    from modelglass.analysis.performance import performance

    actual, predicted, weight = codes(k=2)
    import pandas as pd

    frame = pd.DataFrame({"w": weight, "g": np.arange(500) % 40})
    ev = Evaluation.from_predictions(actual, prediction=predicted, frame=frame, weight="w", cluster="g", positive=1)
    cells = confusion(ev).frame()
    recall = performance(ev, metrics=["recall"]).frame().iloc[0]
    cell = cells[(cells.actual == 1) & (cells.predicted == 1)].iloc[0]
    np.testing.assert_allclose(
        [cell.share_of_actual, cell.low, cell.high], [recall.estimate, recall.low, recall.high], atol=1e-12
    )


def test_figure_shows_the_frame_and_opens_cells():
    actual, predicted, _ = codes()
    found = measure(actual, predicted, classes=["<b>x</b>", "b", "c", "d"])
    points = [p for trace in figure(found).data for p in zip(trace.customdata, trace.text, trace.x, trace.y)]
    by_cell = {tuple(key[:2]): text for key, text, _, _ in points}
    assert len(by_cell) == 16
    for row in found.frame().itertuples():
        assert by_cell[row.actual, row.predicted] == f"{row.share_of_actual:.1%}<br>{row.n:,}"
    assert "<b>" not in str(figure(found).layout.xaxis.ticktext)


def test_regression_cannot_say():
    ev = Evaluation.from_predictions([1.5, 2.5, 3.1], prediction=[1.0, 2.0, 3.0])
    with pytest.raises(NotApplicable, match="the target is a number and not a class"):
        confusion(ev)


@pytest.mark.parametrize(("normalize", "theirs"), [("actual", "true"), ("predicted", "pred"), ("all", "all")])
@pytest.mark.parametrize("weighted", [False, True])
def test_normalised_as_chosen(normalize, theirs, weighted):
    actual, predicted, weight = codes()
    weight = weight if weighted else None
    cells = measure(actual, predicted, weight, classes="abcd", normalize=normalize).frame()
    expected = confusion_matrix(actual, predicted, sample_weight=weight, normalize=theirs)
    np.testing.assert_allclose(cells.estimate.to_numpy().reshape(4, 4), expected, rtol=0, atol=1e-9)
    assert ((cells.low <= cells.estimate) & (cells.estimate <= cells.high)).all()


def test_most_confused_pair_by_hand():
    # cat: 6 right, 2 as dog; dog: 5 right, 3 as cat, 1 as owl; owl: 4 right
    actual = [0] * 8 + [1] * 9 + [2] * 4
    predicted = [0] * 6 + [1] * 2 + [1] * 5 + [0] * 3 + [2] + [2] * 4
    found = measure(actual, predicted, classes=["cat", "dog", "owl"])
    first = found.pairs.iloc[0]
    assert (first["first"], first["second"]) == ("cat", "dog")
    assert (first["n"], first["confused"], first["first_as_second"], first["second_as_first"]) == (17, 5, 2, 3)
    assert first["estimate"] == pytest.approx(5 / 17)
    assert first["low"] < 5 / 17 < first["high"]
    assert len(found.pairs) == 2  # cat and owl are never confused
    assert "33.3% (12.1% to 64.6%) of the 9 rows that are dog are taken for cat (3 rows)" in found.sentence()
    assert "Most confused are cat and dog: 29.4% (13.3% to 53.1%) of 17 rows of the two" in found.sentence()
    numbers = measure(actual, predicted, classes=[3, 5, 8]).sentence()
    assert "of the 9 rows that are 5 are taken for 3 (3 rows)" in numbers
    assert "Most confused are 3 and 5: 29.4% (13.3% to 53.1%) of 17 rows of the two" in numbers


def test_sentence_follows_the_normalisation():
    found = measure([0, 0, 1, 1], [0, 1, 1, 1], classes=["no", "yes"], normalize="predicted")
    assert "of the rows predicted as yes are no (1 row)" in found.sentence()
    assert "share of the predicted class" in figure(found).layout.title.text.replace("<br>", " ")
    with pytest.raises(InputError, match="actual, predicted, all"):
        measure([0], [0], classes=["a"], normalize="true")
