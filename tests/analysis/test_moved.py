import numpy as np
import pandas as pd
import pytest

from modelglass.analysis.confusion import NORMALIZE, confusion
from modelglass.analysis.confusion import measure as measure_confusion
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.kept import Kept
from modelglass.analysis.metrics import metrics_for
from modelglass.analysis.moved import moved
from modelglass.analysis.performance import measure, performance

ROLES = [{}, {"weight": "w"}, {"cluster": "g"}, {"weight": "w", "cluster": "g"}]


def evaluation(n=400, positive="yes", **roles):
    rng = np.random.default_rng(2)
    p = np.round(rng.random(n), 2)
    y = rng.random(n) < p
    frame = pd.DataFrame({"w": rng.gamma(2.0, size=n), "g": np.arange(n) % 50, "half": np.arange(n) % 2})
    return Evaluation.from_predictions(
        np.where(y, "yes", "no"), score=p if positive == "yes" else 1 - p, positive=positive, frame=frame, **roles
    )


@pytest.mark.parametrize("roles", ROLES)
@pytest.mark.parametrize("where", [None, "half = 1"])
def test_the_quick_way_is_the_plain_one_for_every_metric(roles, where):
    ev = evaluation(**roles) if where is None else evaluation(**roles).where(where)
    names = [m.name for m in metrics_for("binary", "probability")]
    for cut in (0.0, 0.23, 0.5, 0.999):
        at = ev.with_threshold(cut)
        y, said = (np.asarray(v == at.positive_index).astype(int) for v in (at.y, at.predicted))
        assert moved(at) is not None
        quick = performance(at, metrics=names).frame()
        plain = measure(y, said, at.score, at.weight, at.cluster, metrics=names).frame()
        pd.testing.assert_frame_equal(quick, plain, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("roles", ROLES)
@pytest.mark.parametrize("positive", ["yes", "no"])
def test_the_same_confusion(roles, positive):
    at = evaluation(positive=positive, **roles).with_threshold(0.37)
    for normalize in NORMALIZE:
        quick = confusion(at, normalize=normalize)
        plain = measured(at, normalize)
        cells = [found.cells.drop(columns="where") for found in (quick, plain)]  # arrays have no words for their rows
        pd.testing.assert_frame_equal(*cells, rtol=1e-9, atol=1e-12)
        pd.testing.assert_frame_equal(quick.pairs, plain.pairs, rtol=1e-9, atol=1e-12)
        assert quick.accuracy == pytest.approx(plain.accuracy, nan_ok=True)


def measured(ev, normalize):
    return measure_confusion(ev.y, ev.predicted, ev.weight, cluster=ev.cluster, classes=ev.classes, normalize=normalize)


def test_scores_are_sorted_once_however_far_the_threshold_moves(monkeypatch):
    import modelglass.analysis.moved as module

    sorts = []
    real = module.sort_scores
    monkeypatch.setattr(module, "sort_scores", lambda *given: sorts.append(1) or real(*given))
    whole = evaluation()
    for ev in (whole, whole.where("half = 1")):
        sorts.clear()
        for cut in (0.2, 0.4, 0.6):
            performance(ev.with_threshold(cut))
        assert len(sorts) == 1
    assert whole.where("half = 1").whole.keep is whole.keep
    assert whole.where("half = 1").keep is not whole.keep
    assert whole.sample(50).keep is not whole.keep


def test_only_two_classes_with_scores_and_a_threshold():
    assert moved(evaluation().with_threshold(0.4), "no") is None
    labels = Evaluation.from_predictions([0, 1, 1, 0], prediction=[0, 1, 0, 0])
    assert moved(labels) is None
    own = performance(evaluation(), metrics=[lambda y, p, w: float(np.mean(y == p)), "accuracy"])
    assert own.frame().estimate.nunique() == 1


def test_an_error_is_not_kept():
    kept = Kept()
    with pytest.raises(ZeroDivisionError):
        kept("a", lambda: 1 / 0)
    assert kept("a", lambda: 3) == 3
