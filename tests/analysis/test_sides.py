"""A cohort and its other side: the rest, rows on both sides, clusters counted together, and what a condition names."""

import numpy as np
import pandas as pd
import pytest

from modelglass.analysis.errors import NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.sides import once, rows_of_both, sides_of


@pytest.fixture
def ev():
    frame = pd.DataFrame(
        {"a": [1.0, 2, 3, 4, np.nan, 6], "B c": list("xxyyzz"), "k": [7, 7, 8, 8, 9, 9], "w": [0.0, 0, 1, 1, 1, 1]}
    )
    y = np.array([0, 1, 0, 1, 0, 1])
    return lambda **more: Evaluation.from_predictions(y, score=np.linspace(0, 1, 6), frame=frame, positive=1, **more)


def test_the_rest_holds_what_the_condition_leaves_open(ev):
    sides = sides_of(ev().where("a > 2"))
    assert sides.here.rows.tolist() == [2, 3, 5]
    assert sides.there.rows.tolist() == [0, 1, 4]  # missing makes a condition false
    assert (sides.words, sides.shared, sides.by_condition, sides.by_outcome) == ("the rest", 0, ("a",), False)
    assert sides_of(ev().take([0, 1])).there.rows.tolist() == [2, 3, 4, 5]
    assert sides_of(ev().where("a > 2").sample(2)).there.rows.tolist() == [0, 1, 4]


def test_what_a_condition_names(ev):
    assert sides_of(ev().where("\"B c\" = 'x' AND A < 3")).by_condition == ("a", "B c")
    reserved = sides_of(ev().where("_score > 0.3"))
    assert (reserved.by_condition, reserved.by_outcome) == ((), False)
    assert sides_of(ev().where("_error = 1")).by_outcome
    assert sides_of(ev().where("_outcome = 1")).by_outcome
    assert sides_of(ev().where("target = 1 AND a > 0")).by_outcome
    assert sides_of(ev().where("a > 2"), "_prediction = 1").by_condition == ("a",)


def test_rows_on_both_sides_become_clusters(ev):
    rows, inside = rows_of_both(sides_of(ev().where("a > 2"), "a > 3"))
    assert inside.tolist() == [True] * 3 + [False] * 2
    assert rows.cluster.tolist() == [2, 3, 5, 3, 5]
    apart, _ = rows_of_both(sides_of(ev().where("a > 2")))
    assert apart.cluster is None
    clustered, _ = rows_of_both(sides_of(ev(cluster="k").where("\"B c\" <> 'y'"), "a > 2"))
    assert clustered.cluster.tolist() == [0, 0, 1, 1, 2, 2, 1]


def test_nothing_to_compare(ev):
    for cohort, why in (
        (ev(), "no cohort is set"),
        (ev().where("w >= 0"), "the cohort holds all rows"),
        (ev().sample(3), "a sample of all rows"),
        (ev(weight="w").where("k = 7"), "the weights of all rows of the cohort are 0"),
        (ev(weight="w").where("k > 7"), "the weights of all rows of the other side are 0"),
    ):
        with pytest.raises(NotApplicable, match=why):
            sides_of(cohort)


def test_made_once_for_each_threshold(ev):
    made = []
    cohort = ev().where("a > 2")
    for view in (cohort, cohort, cohort.with_threshold(0.3), cohort.with_threshold(0.3)):
        once(view, ("x",), None, lambda: made.append(1))
    once(cohort, ("x",), "a > 1", lambda: made.append(1))
    once(cohort, ("x",), ev(), lambda: made.append(1))
    assert len(made) == 4
