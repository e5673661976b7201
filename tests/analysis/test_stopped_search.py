"""A search that a person stops: what was found until then is given, and said as such; where there is nothing, or nobody wants it, the work ends."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from modelglass.analysis import registry
from modelglass.analysis.adversarial import adversarial
from modelglass.analysis.constraints import constraints
from modelglass.analysis.errors import Enough, Stopped
from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers.counterfactuals import counterfactuals

X = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 3)), columns=list("abc"))
Y = np.where(X.a + X.b * X.c > 0, "yes", "no")


def evaluation(model):
    return Evaluation(model.fit(X, Y), X.assign(y=Y), target="y")


def stops_at(word, kind=Enough, *, once=False):
    """A person who presses Stop when ``word`` is told: everything told afterwards ends the work, too, unless ``once``."""
    pressed = []

    def progress(share, what):
        if (word in what and not pressed) or (pressed and not once):
            pressed.append(what)
            raise kind("Stopped.")

    return progress


@pytest.mark.parametrize("once", [False, True])
def test_what_was_found_is_given(once):
    ev = evaluation(KNeighborsClassifier())
    got = adversarial(ev, rows=60, rounds=3, budget=None, progress=stops_at("round 2 of 3", once=once))
    assert (got.stopped, got.ended) == (True, "person")
    assert "The search was stopped by hand before it was done: this is the best so far." in got.sentence()
    whole = adversarial(ev, rows=60, rounds=3, budget=None)
    assert (whole.stopped, whole.ended) == (False, "")
    assert "stopped" not in whole.sentence()
    assert got.asked < whole.asked
    assert (got.rows.cost >= whole.rows.cost - 1e-12).all()
    done = got.rows[np.isfinite(got.rows.cost)]
    assert len(done) == 60
    changed = X.copy()
    for row, column, after in got.changes[["row", "column", "after"]].itertuples(index=False):
        changed.loc[row, column] = after
    assert (ev.estimator.predict(changed.loc[done.row]) != ev.estimator.predict(X.loc[done.row])).all()
    assert not len(constraints(ev).violations(changed.loc[done.row]))


def test_the_cheapest_way_found_is_given():
    ev = evaluation(KNeighborsClassifier())
    got = counterfactuals(ev, row=4, rounds=50, budget=None, progress=stops_at("round 1 of 50"))
    assert (got.stopped, got.ended) == (True, "person")
    assert len(got.ways)
    assert "The search was stopped by hand before it was done: these are the best so far." in got.sentence()


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("word", ["along the model's gradients", "every column alone", "round 1 of 3"])
def test_what_gradients_found_is_given(word, once):
    ev = evaluation(MLPClassifier((8,), max_iter=300, random_state=0, tol=1e-2))
    got = adversarial(ev, rows=40, rounds=3, budget=None, progress=stops_at(word, once=once))
    assert got.ended == "person"
    assert np.isfinite(got.rows.cost).any()
    if "gradients" in word:
        assert set(got.rows.search) <= {"gradients", ""}


@pytest.mark.parametrize("word", ["other rows beyond", "every column alone", "round 1 of 3"])
def test_nothing_found_is_no_answer(word):
    """A model of one answer: at the end of its search "none was found" is an answer, in the midst of it nobody knows."""
    ev = evaluation(DummyClassifier(strategy="most_frequent"))
    with pytest.raises(Stopped):
        adversarial(ev, rows=30, budget=None, progress=stops_at(word))
    assert not np.isfinite(adversarial(ev, rows=30).rows.cost).any()
    if "other" not in word:
        with pytest.raises(Stopped):
            counterfactuals(ev, row=4, budget=None, progress=stops_at(word))


def test_a_plain_stop_ends_the_work_whatever_was_found():
    ev = evaluation(KNeighborsClassifier())
    for search, more in ((adversarial, {"rows": 60}), (counterfactuals, {"row": 4})):
        with pytest.raises(Stopped) as stopped:
            search(ev, budget=None, progress=stops_at("round 1 of 3", Stopped), **more)
        assert type(stopped.value) is Stopped
        registry.run(ev, search.__name__, progress=stops_at("round 1 of 3"), budget=60.0, **more)
        with pytest.raises(Stopped):
            registry.run(ev, search.__name__, progress=stops_at("round 1 of 3", Stopped), budget=60.0, **more)
