import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, roc_auc_score

from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.analysis.predictions import measure_numbers, measure_scores, predictions


def test_scores_by_hand():
    found = measure_scores([0, 0, 1, 1], [0.0, 0.5, 0.5, 1.0], [1.0, 3.0, 1.0, 1.0], bins=2, group="yes")
    table = found.frame().set_index(["actual", "left"])
    assert table.n.to_dict() == {("yes", 0.0): 0, ("yes", 0.5): 2, ("not yes", 0.0): 1, ("not yes", 0.5): 1}
    assert table.share.to_dict() == {
        ("yes", 0.0): 0.0,
        ("yes", 0.5): 1.0,
        ("not yes", 0.0): 0.25,
        ("not yes", 0.5): 0.75,
    }
    assert found.summary.median_of_others[0] == 0.5


@pytest.mark.parametrize("weighted", [False, True])
def test_counts_equal_numpy(weighted):
    rng = np.random.default_rng(0)
    y, p, w = rng.integers(0, 2, 500), rng.random(500), rng.random(500) if weighted else None
    found = measure_scores(y, p, w, bins=20)
    for name, code in (("positive", 1), ("not positive", 0)):
        part = found.bins[found.bins.actual == name]
        np.testing.assert_array_equal(part.n, np.histogram(p[y == code], 20, (0, 1))[0])
        mass = np.histogram(p[y == code], 20, (0, 1), weights=None if w is None else w[y == code])[0]
        np.testing.assert_allclose(part["share"], mass / mass.sum(), atol=1e-12)
    assert found.summary.roc_auc[0] == pytest.approx(roc_auc_score(y, p, sample_weight=w), abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_numbers_equal_numpy_and_scikit_learn(weighted):
    rng = np.random.default_rng(0)
    y = rng.normal(size=3000)
    f, w = y + rng.normal(size=3000), rng.random(3000) if weighted else None
    found = measure_numbers(y, f, w, bins=10)
    cells = np.zeros((10, 10), dtype=int)
    across, up = np.linspace(f.min(), f.max(), 11), np.linspace(y.min(), y.max(), 11)
    for row in found.bins.itertuples():
        cells[np.searchsorted(across, row.left + 1e-9) - 1, np.searchsorted(up, row.bottom + 1e-9) - 1] = row.n
    np.testing.assert_array_equal(cells, np.histogram2d(f, y, 10)[0])
    assert found.summary.r2[0] == pytest.approx(r2_score(y, f, sample_weight=w), abs=1e-12)
    assert found.summary.mae[0] == pytest.approx(mean_absolute_error(y, f, sample_weight=w), abs=1e-12)
    assert len(found.sample) == 2000
    assert "3,000 rows" in found.sentence()


def test_several_classes_a_panel_each():
    rng = np.random.default_rng(0)
    score = rng.dirichlet([1, 1, 1], 300)
    y = np.array(list("pq<"))[rng.integers(0, 3, 300)]
    found = predictions(Evaluation.from_predictions(y, score={c: score[:, i] for i, c in enumerate("pq<")}))
    assert found.bins.groupby("group").n.sum().tolist() == [300] * 3
    drawn = [t for t in figure(found).data if t.type == "bar"]
    assert len(drawn) == 6
    for trace, (group, own) in zip(drawn, [(g, o) for g in found.summary.group for o in (True, False)]):
        part = found.bins[(found.bins.group == group) & ((found.bins.actual == group) == own)]
        np.testing.assert_array_equal(np.abs(trace.y), part["share"])


def test_figures_of_both_kinds():
    rng = np.random.default_rng(0)
    y = rng.normal(size=100)
    ev = Evaluation.from_predictions(y, prediction=y * 0.5)
    found = predictions(ev, bins=8)
    heat = figure(found).data[0]
    np.testing.assert_allclose(np.power(10, heat.z), found.bins.n)
    one = measure_numbers([1.0], [2.0])
    assert one.bins.n.tolist() == [1]
    assert "nan" not in one.sentence()
    figure(one)


def test_one_class_says_so():
    frame = pd.DataFrame({"y": [0, 1, 1, 1]})
    ev = Evaluation.from_predictions(["n", "y", "y", "y"], score=[0.1, 0.7, 0.8, 0.9], positive="y", frame=frame).where(
        "y = 1"
    )
    found = predictions(ev)
    assert found.sentence() == "Over 3 rows there is only one class, so nothing to tell apart."
    figure(found)


def test_refusals():
    with pytest.raises(NotApplicable, match="labels only and no scores"):
        predictions(Evaluation.from_predictions([0, 1, 1], prediction=[0, 1, 0]))
    with pytest.raises(InputError, match="two bins or more"):
        predictions(Evaluation.from_predictions([0, 1, 1], prediction=[0, 1, 0]), bins=1)


def test_both_sides_of_the_scores_have_a_scale():
    """The longer side used to have all the ticks: bars of the other stood beside no number."""
    rng = np.random.default_rng(0)
    y = np.concatenate([np.zeros(800, int), np.ones(200, int)])
    ev = Evaluation.from_predictions(y, score=np.concatenate([rng.beta(0.2, 8, 800), rng.beta(3, 2, 200)]), positive=1)
    axis = figure(predictions(ev)).layout.yaxis
    assert min(axis.tickvals) < 0 < max(axis.tickvals)
    assert axis.ticktext[axis.tickvals.index(0.0)] == "0%"
    assert len(axis.tickvals) <= 6
