import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.analysis.performance import performance
from modelglass.analysis.precision_recall import measure as pr_of
from modelglass.analysis.precision_recall import precision_recall
from modelglass.analysis.roc import measure as roc_of
from modelglass.analysis.roc import roc


def rows(n=120, seed=0, ties=True):
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-rng.normal(size=n) * 1.5))
    score = np.round(p, 2) if ties else p
    return (rng.random(n) < p).astype(int), score, rng.random(n) + 0.1


@pytest.mark.parametrize("weighted", [False, True])
def test_roc_equals_scikit_learn(weighted):
    y, score, weight = rows()
    weight = weight if weighted else None
    found = roc_of(y, score, weight)
    fpr, tpr, threshold = roc_curve(y, score, sample_weight=weight, drop_intermediate=False)
    expected = pd.DataFrame({"fpr": fpr, "tpr": tpr}, index=threshold)
    shown = found.curve.set_index("threshold")
    np.testing.assert_allclose(shown[["fpr", "tpr"]], expected.loc[shown.index], rtol=0, atol=1e-12)
    assert found.areas.estimate[0] == pytest.approx(roc_auc_score(y, score, sample_weight=weight), abs=1e-12)
    assert len(shown) < len(expected)  # points on a straight line are left out
    assert auc(shown.fpr, shown.tpr) == pytest.approx(found.areas.estimate[0], abs=1e-3)


@pytest.mark.parametrize("weighted", [False, True])
def test_precision_recall_equals_scikit_learn(weighted):
    y, score, weight = rows()
    weight = weight if weighted else None
    found = pr_of(y, score, weight)
    precision, recall, threshold = precision_recall_curve(y, score, sample_weight=weight)
    expected = pd.DataFrame({"recall": recall, "precision": precision}, index=np.append(threshold, np.inf))
    shown = found.curve.set_index("threshold")
    np.testing.assert_allclose(shown[["recall", "precision"]], expected.loc[shown.index], rtol=0, atol=1e-12)
    assert found.areas.estimate[0] == pytest.approx(average_precision_score(y, score, sample_weight=weight), abs=1e-12)
    assert found.areas.baseline[0] == pytest.approx(np.average(y, weights=weight), abs=1e-12)


def test_a_long_curve_is_thinned_without_visible_change():
    y, score, _ = rows(50_000, ties=False)
    found = roc_of(y, score)
    fpr, tpr, _ = roc_curve(y, score, drop_intermediate=False)
    assert len(found.curve) <= 500
    assert found.curve.threshold.is_monotonic_decreasing
    along, aside = (
        found.curve.fpr + found.curve.tpr,
        found.curve.tpr - found.curve.fpr,
    )  # turned by 45 degrees: steep parts too
    assert np.abs(np.interp(fpr + tpr, along, aside) - (tpr - fpr)).max() < 0.003  # one pixel of 400
    assert found.curve.iloc[-1][["fpr", "tpr"]].tolist() == [1.0, 1.0]
    assert found.areas.estimate[0] == pytest.approx(roc_auc_score(y, score), abs=1e-12)
    assert len(pr_of(y, score).curve) <= 500


def test_corners_stay():
    found = roc_of([0] * 600 + [1] * 600, np.arange(1200) / 1200)
    assert {(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)} <= set(zip(found.curve.fpr, found.curve.tpr))


def binary(**options):
    y, score, weight = rows(400)
    frame = pd.DataFrame({"w": weight, "g": np.arange(400) % 60, "half": np.where(y == 1, "one", "zero")})
    return Evaluation.from_predictions(
        np.where(y == 1, "<b>yes", "no"), score=score, positive="<b>yes", frame=frame, **options
    )


@pytest.mark.parametrize("options", [{}, {"weight": "w"}, {"cluster": "g"}, {"threshold": 0.3}])
def test_one_number_one_interval_on_all_pages(options):
    ev = binary(**options)
    known = (
        performance(ev, metrics=["roc_auc", "average_precision", "recall", "fpr", "precision"])
        .frame()
        .set_index("metric")
    )
    curve, other = roc(ev), precision_recall(ev)
    pairs = [
        ("roc_auc", curve.areas.iloc[0][["estimate", "low", "high"]]),
        ("average_precision", other.areas.iloc[0][["estimate", "low", "high"]]),
        ("recall", curve.operating.iloc[0][["tpr", "tpr_low", "tpr_high"]]),
        ("fpr", curve.operating.iloc[0][["fpr", "fpr_low", "fpr_high"]]),
        ("precision", other.operating.iloc[0][["precision", "precision_low", "precision_high"]]),
    ]
    for metric, found in pairs:
        np.testing.assert_allclose(
            found.astype(float), known.loc[metric, ["estimate", "low", "high"]].astype(float), atol=1e-12
        )
    assert "400 rows" in curve.sentence()
    assert "400 rows" in other.sentence()


def test_band_at_the_operating_threshold_is_the_operating_interval():
    ev = binary(threshold=0.5, weight="w", cluster="g")
    found = roc(ev)
    at = found.curve[found.curve.tpr == found.operating.tpr[0]]
    if len(at):
        np.testing.assert_allclose(
            at.iloc[0][["low", "high"]].astype(float),
            found.operating.iloc[0][["tpr_low", "tpr_high"]].astype(float),
            atol=1e-12,
        )
    assert ((found.curve.low <= found.curve.tpr) & (found.curve.tpr <= found.curve.high)).all()


def multi(absent=False):
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, 300)
    score = rng.random((300, 3)) + np.eye(3)[y]
    score /= score.sum(axis=1, keepdims=True)
    frame = pd.DataFrame({"a": np.where(y == 2, "third", "other")})
    ev = Evaluation.from_predictions(
        np.array(list("pqr"))[y], score={c: score[:, i] for i, c in enumerate("pqr")}, frame=frame
    )
    return (ev.where("a = 'other'") if absent else ev), y, score


def test_several_classes_one_against_the_rest():
    ev, y, score = multi()
    for function, area in ((roc, roc_auc_score), (precision_recall, average_precision_score)):
        found = function(ev)
        assert found.areas.group.tolist() == ["p", "q", "r"]
        np.testing.assert_allclose(found.areas.estimate, [area(y == i, score[:, i]) for i in range(3)], atol=1e-12)
        assert len(figure(found).data) >= 3
        assert "lowest for" in found.sentence()


def test_an_absent_class_is_noted_and_the_others_stand():
    found = roc(multi(absent=True)[0])
    assert found.areas.note.tolist()[2].startswith("no row is r among these")
    assert set(found.curve.group) == {"p", "q"}
    figure(found)


@pytest.mark.parametrize("function", [roc, precision_recall])
def test_cannot_say(function):
    with pytest.raises(NotApplicable, match="every row is <b>yes among these"):
        function(binary().where("half = 'one'"))
    with pytest.raises(NotApplicable, match="no row is <b>yes among these"):
        function(binary().where("half = 'zero'"))
    with pytest.raises(NotApplicable, match="labels only and no scores"):
        function(Evaluation.from_predictions([0, 1, 1], prediction=[0, 1, 0]))
    with pytest.raises(NotApplicable, match="is a number and not a class"):
        function(Evaluation.from_predictions([1.5, 2.5, 3.5], prediction=[1.0, 2.0, 3.0]))


@pytest.mark.parametrize("function", [roc, precision_recall])
def test_figure_shows_the_frame(function):
    found = function(binary())
    drawn = figure(found)
    line = next(t for t in drawn.data if t.name and t.hovertext is not None and len(t.x) == len(found.curve))
    x, y = ("fpr", "tpr") if "fpr" in found.curve else ("recall", "precision")
    np.testing.assert_array_equal(line.x, found.curve[x])
    np.testing.assert_array_equal(line.y, found.curve[y])
    assert "<b>" not in drawn.layout.title.text


def test_perfect_scores_have_an_honest_area():
    found = roc_of([0] * 30 + [1] * 30, np.arange(60.0))
    assert found.areas.estimate[0] == 1.0
    assert np.isnan(found.areas.low[0]) or found.areas.low[0] < 1.0
    assert "1.000" in found.sentence()
