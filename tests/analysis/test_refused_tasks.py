"""An analysis that does not fit the outcome says so in words that read well below every title."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.registry import analyses, run


def evaluation(task):
    x = np.random.default_rng(0).normal(size=300)
    X = pd.DataFrame({"x": x})
    y = {"binary": np.where(x > 0, "a", "b"), "multiclass": np.digitize(x, [-1, 1]).astype(str), "regression": x}[task]
    model = (LinearRegression() if task == "regression" else LogisticRegression()).fit(X, y)
    return Evaluation(model, X.assign(t=y), target="t", task=task)


@pytest.mark.parametrize(
    ("task", "name", "reason"),
    [
        ("binary", "class_contrast", "it needs an outcome that is one of more than two classes, and here it is one of two classes"),
        ("regression", "trust_score", "it needs an outcome that is a class, and here it is a number"),
        ("multiclass", "residuals", "it needs an outcome that is a number, and here it is one of more than two classes"),
    ],
)  # fmt: skip
def test_the_reason_is_of_the_outcome_and_not_of_the_title(task, name, reason):
    assert run(evaluation(task), name).reason == reason


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_no_reason_repeats_a_title_or_ends_with_a_full_stop(task):
    ev = evaluation(task)
    for record in analyses().values():
        if task not in record.tasks:
            reason = run(ev, record).reason
            assert record.title not in reason
            assert reason.startswith("it needs an outcome that is ")
            assert not reason.endswith(".")
