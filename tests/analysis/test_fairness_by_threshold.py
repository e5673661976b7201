import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

from modelglass.analysis.errors import InputError, NotApplicable, Stopped
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.fairness_by_threshold import fairness_by_threshold, measure
from modelglass.analysis.figures import figure
from modelglass.analysis.slices import slice_metrics

RATES = {"selection_rate": selection_rate, "recall": true_positive_rate, "fpr": false_positive_rate}


def rows(n=600, seed=0):
    rng = np.random.default_rng(seed)
    code = rng.integers(0, 3, n)
    score = np.round(1 / (1 + np.exp(-rng.normal(size=n) - 0.6 * (code == 1))), 2)
    return (rng.random(n) < score).astype(int), score, code, rng.gamma(2.0, size=n), rng.integers(0, n // 5, n)


def evaluation(positive="yes", **options):
    y, p, code, w, g = rows()
    frame = pd.DataFrame({"part": np.array(["a", "b", "<b>c"])[code], "w": w, "g": g, "one": 1})
    score = p if positive == "yes" else 1 - p
    return Evaluation.from_predictions(
        np.where(y == 1, "yes", "no"), score=score, positive=positive, frame=frame, **options
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_equals_fairlearn_at_every_threshold(weighted):
    y, p, code, w, _ = rows()
    w = w if weighted else np.ones(len(y))
    found = measure(y, p, code, w if weighted else None, labels=["a", "b", "c"], n_points=12)
    assert len(found.gaps.threshold.unique()) >= 10
    for cut, part in found.table.groupby("threshold"):
        theirs = MetricFrame(
            metrics=RATES,
            y_true=y,
            y_pred=(p >= cut).astype(int),
            sensitive_features=code,
            sample_params={name: {"sample_weight": w} for name in RATES},
        )
        gaps = found.gaps[found.gaps.threshold == cut].set_index("metric").estimate
        for name in RATES:
            mine = part[part.metric == name].set_index("group").estimate
            np.testing.assert_allclose(mine[["a", "b", "c"]], theirs.by_group[name])
            assert mine["all rows"] == pytest.approx(theirs.overall[name])
            assert gaps[name] == pytest.approx(theirs.difference()[name])


@pytest.mark.parametrize("options", [{}, {"weight": "w"}, {"cluster": "g"}, {"weight": "w", "cluster": "g"}])
@pytest.mark.parametrize("positive", ["yes", "no"])
def test_rates_have_the_intervals_of_all_pages(options, positive):
    ev = evaluation(positive, **options).with_threshold(0.4)
    found = fairness_by_threshold(ev, by="part", n_points=5)
    assert found.threshold == 0.4
    here = found.table[(found.table.threshold == 0.4)].set_index(["group", "metric"])
    slices = slice_metrics(ev, by="part", metrics=list(RATES)).frame()
    assert len(slices) == 12
    for row in slices.itertuples():
        mine = here.loc[("all rows" if row.columns == "(all rows)" else row.slice, row.metric)]
        assert mine[["estimate", "low", "high", "n"]].tolist() == pytest.approx(
            [row.estimate, row.low, row.high, row.support], abs=1e-9
        )


@pytest.mark.parametrize("options", [{}, {"weight": "w"}, {"cluster": "g"}])
def test_sentence_and_figure(options):
    found = fairness_by_threshold(evaluation(**options).with_threshold(0.5), by="part")
    text = found.sentence()
    assert "at the threshold in use (0.5): the selection rate differs by" in text
    assert "nan" not in text
    gap = found.gaps[(found.gaps.threshold == 0.5) & (found.gaps.metric == "selection_rate")].iloc[0]
    assert gap.highest == "b"
    assert gap.low <= gap.estimate <= gap.high
    drawn = figure(found)
    lines = [t for t in drawn.data if t.name == "b"]
    assert len(lines) == 3
    for line, name in zip(lines, RATES):
        at = found.table[(found.table.group == "b") & (found.table.metric == name)]
        np.testing.assert_array_equal(line.y, at.estimate)
    assert "<b>c" not in drawn.to_json().replace("\\u003cb\\u003e", "<b>")
    assert found.slices["where"].map(evaluation().where).map(lambda c: c.n).tolist() == found.slices.n.tolist()


def test_order_does_not_matter_and_weight_two_is_the_row_twice():
    y, p, code, _, g = rows(200)
    w = np.arange(200) % 3 + 1
    turned = np.random.default_rng(1).permutation(200)
    labels = ["a", "b", "c"]
    for cluster in (None, g):
        base = measure(y, p, code, cluster=cluster, labels=labels)
        order = measure(
            y[turned], p[turned], code[turned], cluster=None if cluster is None else g[turned], labels=labels
        )
        pd.testing.assert_frame_equal(base.table, order.table)
        pd.testing.assert_frame_equal(base.gaps, order.gaps, atol=1e-9)
        more = measure(y, p, code, w, cluster=cluster, labels=labels, n_points=1000)
        twice = measure(
            *(np.repeat(v, w) for v in (y, p, code)),
            cluster=None if cluster is None else np.repeat(g, w),
            labels=labels,
            n_points=1000,
        )
        keys = ["threshold", "metric", "estimate", *(() if cluster is None else ("highest", "lowest"))]
        pd.testing.assert_frame_equal(more.gaps[keys], twice.gaps[keys], atol=1e-9)


def test_own_predict_marks_its_threshold_where_there_is_one():
    y, p, code, *_ = rows()
    by_score = measure(y, p, code, predicted=p >= 0.31, labels=["a", "b", "c"])
    assert 0.3 < by_score.threshold <= 0.31
    assert (by_score.gaps.threshold == by_score.threshold).sum() == 3
    other = measure(y, p, code, predicted=y, labels=["a", "b", "c"])
    assert np.isnan(other.threshold)
    assert "threshold in use" not in other.sentence()
    assert "widest gaps of all thresholds, on these rows: selection rate" in other.sentence()
    figure(other)


def test_cannot_say_or_refuses():
    ev = evaluation()
    with pytest.raises(NotApplicable, match="no column is chosen"):
        fairness_by_threshold(ev)
    with pytest.raises(NotApplicable, match="only one level"):
        fairness_by_threshold(ev, by="one")
    with pytest.raises(InputError, match="prat"):
        fairness_by_threshold(ev, by="prat")
    with pytest.raises(InputError, match="two thresholds"):
        fairness_by_threshold(ev, by="part", n_points=1)
    labels = Evaluation.from_predictions([0, 1, 1, 0], prediction=[0, 1, 0, 0])
    with pytest.raises(NotApplicable, match="no scores"):
        fairness_by_threshold(labels, by="part")

    def stop(share, what):
        raise Stopped("now")

    with pytest.raises(Stopped):
        fairness_by_threshold(ev, by="part", progress=stop)
