import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.svm import LinearSVC

from modelglass.analysis.confusion import confusion
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.analysis.registry import get
from modelglass.analysis.worst_rows import worst_rows


def data(n=200):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n), "loss": rng.normal(size=n)})
    frame["y"] = np.where(frame.a + rng.normal(size=n) > 0, "<b>yes", "no")
    frame["name"] = [f"r{i}" for i in range(n)]
    return frame


def fitted(**options):
    frame = data()
    features = ["a", "b", "loss"]
    return Evaluation(
        LogisticRegression().fit(frame[features], frame.y), frame, target="y", positive="<b>yes", **options
    )


def test_log_loss_worst_first_with_raw_columns():
    ev = fitted(id="name")
    found = worst_rows(ev, n=5)
    rows = found.frame()
    each = np.array([log_loss([y], [[1 - p, p]], labels=[0, 1]) for y, p in zip(ev.y == ev.positive_index, ev.score)])
    expected = np.argsort(-each, kind="stable")[:5]
    assert rows["row"].tolist() == expected.tolist()
    np.testing.assert_allclose(rows["loss"], each[expected], atol=1e-12)
    assert rows["id"].tolist() == [f"r{i}" for i in expected]
    np.testing.assert_array_equal(rows["a"], ev.frame["a"].to_numpy()[expected])
    np.testing.assert_array_equal(
        rows["data: loss"], ev.frame["loss"].to_numpy()[expected]
    )  # a raw column of the same name
    assert found.share_of_loss == pytest.approx(each[expected].sum() / each.sum())
    assert "Of 200 rows" in found.sentence()


def test_a_confusion_cell_opens_its_rows():
    ev = fitted()
    for cell in confusion(ev).frame().itertuples():
        rows = worst_rows(ev, n=1000, actual=str(cell.actual), predicted=str(cell.predicted)).frame()
        assert len(rows) == cell.n
        assert set(rows["actual"]) <= {cell.actual}
        assert set(rows["predicted"]) <= {cell.predicted}
    wrong = worst_rows(ev, n=1000, only_wrong=True)
    assert len(wrong.rows) == wrong.wrong == int((ev.y != ev.predicted).sum())


def test_a_cohort_keeps_the_row_numbers_of_the_data():
    ev = fitted().where("a > 0")
    assert set(worst_rows(ev, n=5).frame()["row"]) <= set(ev.rows)


def test_an_empty_cell():
    ev = Evaluation.from_predictions(["p", "q", "q"], prediction=["p", "q", "q"])
    found = worst_rows(ev, only_wrong=True)
    assert found.rows.empty
    assert found.sentence() == "None of the 3 rows looked at is predicted wrong."
    with pytest.raises(NotApplicable, match="no rows to draw"):
        figure(found)


def test_decision_scores_rank_by_margin():
    frame = data()
    model = LinearSVC().fit(frame[["a", "b"]], frame.y)
    found = worst_rows(Evaluation(model, frame, target="y", positive="<b>yes"), n=3)
    assert found.loss == "margin"
    side = (
        np.where(frame.y == "<b>yes", 1, -1)
        * np.where(model.classes_[1] == "<b>yes", 1, -1)
        * model.decision_function(frame[["a", "b"]])
    )
    np.testing.assert_allclose(found.rows["loss"], np.sort(-side)[::-1][:3], atol=1e-9)
    assert np.isnan(found.share_of_loss)


def test_labels_only_and_regression():
    assert worst_rows(Evaluation.from_predictions([0, 1, 1], prediction=[0, 1, 0])).rows["row"].tolist()[0] == 2
    found = worst_rows(Evaluation.from_predictions([1.0, 5.0, 3.5], prediction=[1.0, 2.0, 3.0]), n=2)
    assert found.rows["row"].tolist() == [1, 2]
    assert found.sentence().endswith("Row 1 is the worst: actual 5, predicted 2 (loss 3).")
    assert found.share_of_loss == pytest.approx(1.0)


def test_several_classes():
    score = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.2, 0.5, 0.3]])
    ev = Evaluation.from_predictions(["p", "q", "r"], score={c: score[:, i] for i, c in enumerate("pqr")})
    found = worst_rows(ev, n=3)
    np.testing.assert_allclose(found.rows["loss"], -np.log([0.1, 0.3, 0.7]))
    np.testing.assert_allclose(found.rows["score"], [0.8, 0.5, 0.7])


def test_figure_shows_the_frame_and_hides_markup():
    found = worst_rows(fitted(), n=5)
    bar = figure(found).data[0]
    np.testing.assert_array_equal(bar.x, found.rows["loss"])
    assert [c[0] for c in bar.customdata] == found.rows["row"].tolist()
    assert not any("<b>" in t for t in [*bar.hovertext, *figure(found).layout.yaxis.ticktext])


def test_raw_rows_stay_out_of_the_report_unless_asked():
    assert get("worst_rows").raw_rows is True


def test_refusals():
    ev = fitted()
    with pytest.raises(InputError, match="which is none of them"):
        worst_rows(ev, actual="maybe")
    with pytest.raises(InputError, match="one row or more"):
        worst_rows(ev, n=0)
    with pytest.raises(NotApplicable, match="no classes to choose rows by"):
        worst_rows(Evaluation.from_predictions([1.5, 2.5, 3.5], prediction=[1.0, 2.0, 3.0]), actual="a")
