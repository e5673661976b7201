"""A budget of seconds: what is not done is left out and said, what is done stays."""

from __future__ import annotations

import threading
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

import modelglass as mg
from modelglass.analysis import adversarial, findings, performance, slice_metrics
from modelglass.analysis.budget import BudgetSpent, check_budget, watched, within_budget
from modelglass.analysis.errors import InputError
from modelglass.analysis.registry import run
from modelglass.app.dashboard import terms
from modelglass.explainers import counterfactuals


@pytest.fixture(scope="module")
def ev():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 3)), columns=list("abc"))
    frame["y"] = frame.a + rng.normal(size=200)
    return mg.Evaluation(LinearRegression().fit(frame[["a", "b"]], frame.y), frame, target="y")


def test_without_a_budget_nothing_changes(ev):
    def listener(share, what):
        pass

    assert watched(listener) is listener
    assert watched(None) is None
    with within_budget(None):
        assert run(ev, "performance").result is not None


def test_spent_before_it_begins(ev):
    with within_budget(1e-6):
        time.sleep(0.001)
        outcome = run(ev, "performance")
    assert outcome.result is None
    assert "budget of 1e-06 s" in outcome.reason
    assert run(ev, "performance").result is not None


def test_spent_within_the_work_and_still_heard(ev):
    heard = []
    with within_budget(0.05):
        tells = watched(lambda share, what: heard.append(what))
        tells(0.1, "first")
        time.sleep(0.06)
        with pytest.raises(BudgetSpent):
            tells(0.2, "second")
    assert heard == ["first"]
    check_budget()


def test_it_is_the_business_of_one_thread():
    raised = []

    def other():
        try:
            check_budget()
        except BudgetSpent as error:
            raised.append(error)

    with within_budget(1e-6):
        time.sleep(0.001)
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert raised == []


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1, 0, True, "soon"])
def test_what_is_no_budget_is_refused_wherever_one_is_taken(ev, seconds):
    """NaN compares with nothing: it would be a budget without end."""
    takers = [
        lambda: within_budget(seconds).__enter__(),
        lambda: terms.agree(budget=seconds),
        lambda: findings(ev, budget=seconds),
        lambda: adversarial(ev, budget=seconds),
        lambda: counterfactuals(ev, row=1, budget=seconds),
    ]
    if seconds != 0 or seconds is True:
        takers += [lambda: performance(ev, budget=seconds), lambda: slice_metrics(ev, by=["a"], budget=seconds)]
    for take in takers:
        with pytest.raises(
            InputError, match=r"Expected a budget .*seconds.*\nGot .*\nGive a number of seconds such as 30\."
        ):
            take()
