"""Curves by slice, and of one class: ROC, precision and recall, calibration."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from modelglass.analysis.calibration import calibration
from modelglass.analysis.calibration import measure as calibration_of
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure, style
from modelglass.analysis.precision_recall import precision_recall
from modelglass.analysis.roc import roc


def binary(n=900, **roles):
    rng = np.random.default_rng(0)
    p = np.round(rng.random(n), 2)
    frame = pd.DataFrame(
        {
            "part": [f"p{i % 11}" for i in range(n)],
            "sex": np.where(rng.random(n) < 0.4, "<b>F", "M"),
            "w": rng.gamma(2.0, size=n),
            "g": np.arange(n) % 90,
        }
    )
    outcome = np.where(rng.random(n) < p, "yes", "no")
    return Evaluation.from_predictions(outcome, score=p, positive="yes", frame=frame, **roles)


def several(n=500):
    rng = np.random.default_rng(0)
    score = rng.dirichlet([1, 1, 1], n)
    y = np.array([rng.choice(3, p=s) for s in score])
    frame = pd.DataFrame({"part": np.where(rng.random(n) < 0.5, "a", "b")})
    return Evaluation.from_predictions(
        np.array(list("pqr"))[y], score={c: score[:, i] for i, c in enumerate("pqr")}, frame=frame
    )


@pytest.mark.parametrize("roles", [{}, {"weight": "w"}, {"cluster": "g"}])
@pytest.mark.parametrize("door", [roc, precision_recall])
def test_a_slice_is_the_cohort(door, roles):
    ev = binary(**roles)
    found = door(ev, by="sex")
    assert found.areas.group.tolist() == ["all rows", "M", "<b>F"]
    for group, cohort in (("all rows", ev), ("M", ev.where("sex = 'M'"))):
        alone = door(cohort)
        for table in ("curve", "areas", "operating"):
            one, own = getattr(found, table), getattr(alone, table)
            pd.testing.assert_frame_equal(
                one[one.group == group].drop(columns="group").reset_index(drop=True),
                own.drop(columns="group"),
                rtol=1e-9,
            )
    theirs = roc_auc_score if door is roc else average_precision_score
    among = (ev.frame["sex"] == "M").to_numpy()
    y = (ev.y == ev.positive_index)[among]
    weight = None if ev.weight is None else ev.weight[among]
    assert found.areas.estimate[1] == pytest.approx(theirs(y, ev.score[among], sample_weight=weight))


def test_calibration_of_a_slice_is_that_of_its_rows():
    ev = binary()
    found = calibration(ev, by="sex", n_bins=5)
    among = (ev.frame["sex"] == "M").to_numpy()
    alone = calibration_of(ev.y[among] == ev.positive_index, ev.score[among], n_bins=5, group="M")
    same = found.bins[found.bins.group == "M"].reset_index(drop=True)
    pd.testing.assert_frame_equal(same.drop(columns="where"), alone.bins.drop(columns="where"))
    assert found.gap == pytest.approx(calibration(ev, n_bins=5).gap)
    assert "slices by sex" in found.sentence()
    bars = [t for t in figure(found).data if t.type == "bar"]
    assert sum(int(np.sum(t.y)) for t in bars) == ev.n


@pytest.mark.parametrize("door", [roc, precision_recall, calibration])
def test_at_most_eight_slices_and_it_is_said(door):
    found = door(binary(), by="part")
    table = found.summary if door is calibration else found.areas
    assert len(table) == 9
    assert "3 levels of part with fewer rows (" in found.note
    assert "3 levels of part with fewer rows (" in found.sentence()
    assert found.settings["by"] == "part"
    names = [t.name for t in figure(found).data if t.name and t.name.startswith(("all rows", "p"))]
    assert len([n for n in names if n.startswith("all rows")]) == 1


def test_all_rows_are_grey_and_names_are_escaped():
    drawn = figure(roc(binary(), by="sex"))
    whole = next(t for t in drawn.data if t.name and t.name.startswith("all rows"))
    assert whole.line.color == style.GREY
    assert any(t.name and t.name.startswith("&lt;b&gt;F: 0.") for t in drawn.data)
    colours = [t.line.color for t in figure(roc(binary(), by="part")).data if t.name and t.name.startswith("p")]
    assert style.GREY not in colours


@pytest.mark.parametrize("door", [roc, precision_recall, calibration])
def test_one_class_of_several(door):
    ev = several()
    found, every = door(ev, class_="q"), door(ev)
    table = "bins" if door is calibration else "curve"
    one, all_ = getattr(found, table), getattr(every, table)
    pd.testing.assert_frame_equal(one, all_[all_.group == "q"].reset_index(drop=True))
    sliced = door(ev, class_="q", by="part")
    assert set(getattr(sliced, table).group) == {"all rows", "a", "b"}
    assert "nan" not in sliced.sentence()
    figure(sliced)
    with pytest.raises(NotApplicable, match="choose one of the 3"):
        door(ev, by="part")
    with pytest.raises(InputError, match="'x'"):
        door(ev, class_="x")


def test_the_other_class_of_two():
    ev = binary(threshold=0.4)
    yes, no = roc(ev).areas, roc(ev, class_="no")
    assert no.areas.estimate[0] == pytest.approx(yes.estimate[0])
    assert no.areas.positives[0] == yes.negatives[0]
    assert no.operating.tpr[0] == pytest.approx(1 - roc(ev).operating.fpr[0])


def test_a_slice_without_a_curve_is_said():
    ev = binary()
    frame = ev.frame.assign(own=np.where(ev.y == ev.positive_index, "pos", "neg"))
    labels = np.where(ev.y == ev.positive_index, "yes", "no")
    found = roc(Evaluation.from_predictions(labels, score=ev.score, positive="yes", frame=frame), by="own")
    assert found.areas.note.tolist()[0] == ""
    assert all("among these" in note for note in found.areas.note[1:])
    assert "By own it cannot be given" in found.sentence()
    figure(found)
