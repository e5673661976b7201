"""Where a row stands: by hand on tiny cases, against scipy, and for rows outside a cohort."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import percentileofscore
from sklearn.linear_model import LinearRegression, LogisticRegression

from modelglass.analysis.errors import InputError
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.analysis.standing import measure, standing


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    made = pd.DataFrame({"age": rng.integers(18, 80, 200), "city": rng.choice(["Rome", "Oslo"], 200, p=[0.98, 0.02])})
    made["city"] = made["city"].where(made.index != 7)
    return made.assign(y=np.where(made["age"] + rng.normal(0, 9, 200) > 50, "yes", "no"))


@pytest.fixture(scope="module")
def ev(frame):
    return Evaluation(LogisticRegression().fit(frame[["age"]], frame["y"]), frame, target="y", features=["age"])


def test_by_hand_with_weights():
    columns = pd.DataFrame({"a": [1, 2, 2, 5], "c": ["x", "y", "y", None]})
    made = measure({"y": np.arange(4.0)}, {"y": 1.0}, columns, columns.iloc[1], np.array([1.0, 2.0, 3.0, 4.0]))
    got = made.frame().set_index("name")
    assert got.loc["y", ["lower", "same"]].tolist() == [0.1, 0.2]
    assert got.loc["a", ["lower", "same"]].tolist() == [0.1, 0.5]
    assert made.base == pytest.approx((0 * 1 + 1 * 2 + 2 * 3 + 3 * 4) / 10)
    assert np.isnan(got.loc["c", "lower"])
    assert got.loc["c", "same"] == 0.5
    assert got.loc["a", "typical"] == "2"


@pytest.mark.parametrize("row", [0, 7, 150])
def test_shares_equal_scipy(row, ev, frame):
    for among in (ev, ev.where("age < 40")):
        got = standing(among, row=row).frame().set_index("name")
        mine = float(ev.score[row])
        assert 100 * got.loc["yes", "lower"] == pytest.approx(percentileofscore(among.score, mine, kind="strict"))
        assert got.loc["yes", "mean"] == pytest.approx(among.score.mean())
        assert 100 * got.loc["age", "lower"] == pytest.approx(
            percentileofscore(among.frame["age"], frame["age"][row], kind="strict")
        )


def test_a_row_outside_the_cohort_says_so(ev, frame):
    young = ev.where("age < 40")
    old = int(frame.index[frame["age"] > 60][0])
    made = standing(young, row=old)
    assert not made.inside
    assert "it is not one of them" in made.sentence()
    assert made.frame().set_index("name").loc["age", "lower"] == 1
    assert standing(ev, row=old).inside


def test_figure_and_sentence_show_the_same_numbers(ev):
    made = standing(ev, row=3)
    drawn = figure(made).data[1]
    first = made.frame().iloc[0]
    assert drawn.x[0] == pytest.approx(first["lower"] + first["same"] / 2)
    assert f"{first['lower']:.1%} lie lower" in made.sentence()


def test_other_tasks_and_no_model(frame):
    line = Evaluation(
        LinearRegression().fit(frame[["age"]], frame["age"] * 2.0),
        frame.assign(t=frame["age"] * 2.0),
        target="t",
        features=["age"],
    )
    assert standing(line, row=3).base == pytest.approx(frame["age"].mean() * 2)
    bare = Evaluation.from_predictions(frame["y"], prediction=frame["y"], frame=frame[["age", "city"]])
    assert "decision of" in standing(bare, row=3).sentence()
    missing = standing(bare, row=7).frame().set_index("name")
    assert missing.loc["city", "value"] == "missing"


@pytest.mark.parametrize("row", [-1, 200, "3", True, 2.5])
def test_no_such_row(row, ev):
    with pytest.raises(InputError, match="number of a row"):
        standing(ev, row=row)
