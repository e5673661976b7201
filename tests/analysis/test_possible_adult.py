"""Every probe of adult is a possible row, whatever the constraints: seen by the validator before the model sees it."""

from __future__ import annotations

import contextlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from modelglass.analysis import adversarial, augmented, constraints, noise_robustness
from modelglass.analysis.changed_answers import Answers
from modelglass.analysis.errors import InputError
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.probing import Prober

pytestmark = pytest.mark.data
EDUCATION = ["Bachelors", "HS-grad", "Some-college", "Masters", "Assoc-voc", "11th"]


def number(low, high):
    """Rules of a column of numbers: a narrower range, a direction, a cost, or that it stays."""
    return st.fixed_dictionaries(
        {},
        optional={
            "low": st.integers(low, (low + high) // 2),
            "high": st.integers((low + high) // 2, high),
            "direction": st.sampled_from(["up", "down", "any"]),
            "cost": st.floats(0.1, 5),
            "immutable": st.booleans(),
        },
    )


RULES = st.fixed_dictionaries(
    {
        "columns": st.fixed_dictionaries(
            {},
            optional={
                "age": number(17, 90),
                "hours_per_week": number(1, 99),
                "capital_gain": number(0, 99_999),
                "education_num": st.fixed_dictionaries({}, optional={"direction": st.sampled_from(["up", "down"])}),
                "education": st.fixed_dictionaries({}, optional={"levels": st.just(EDUCATION)}),
                "sex": st.just({"immutable": True}),
                "marital_status": st.fixed_dictionaries({}, optional={"cost": st.floats(0.1, 3)}),
            },
        )
    },
    optional={"together": st.sampled_from([[], [{"order": ["capital_loss", "fnlwgt"]}], [{"order": ["education_num", "age"]}]])},
)  # fmt: skip


@pytest.fixture(scope="module")
def adult(data_file):
    train = pd.read_csv(data_file("adult_train.csv"), na_values="?", nrows=3_000)
    test = pd.read_csv(data_file("adult_test.csv"), na_values="?", nrows=600)
    levels = test.select_dtypes(exclude="number").columns.drop("income")
    coded = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), list(levels)), remainder="passthrough"
    )
    model = make_pipeline(coded, HistGradientBoostingClassifier(max_iter=10))
    return Evaluation(model.fit(train.drop(columns="income"), train.income), test, target="income", train=train)


class AllLeftOut(Exception):
    """Narrow rules may leave out all of a few rows."""


def _searched(ev, rules):
    try:
        adversarial(ev, constraints=rules, rows=8, rounds=0, budget=None)
    except InputError as error:
        if "constraints that hold for some rows" in str(error):
            raise AllLeftOut from error
        raise


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(RULES)
def test_every_probe_is_a_possible_row(adult, said):
    with pytest.MonkeyPatch.context() as patch:
        rules = constraints(adult, given=said)
        names, seen = list(adult.features), []

        def look(made, before):
            found = rules.violations(made[names].reset_index(drop=True), before[names].reset_index(drop=True))
            assert found.empty, found.head()
            seen.append(len(made))

        ask, answers = Answers.ask, Prober.answers

        def asked(self, places, X):
            look(self.space.rows(places, X), self.space.frame.iloc[places])
            return ask(self, places, X)

        def probed(self, columns, places, *more):
            look(self.inputs.assign(**columns).iloc[places], self.inputs.iloc[places])
            return answers(self, columns, places, *more)

        patch.setattr(Answers, "ask", asked)
        patch.setattr(Prober, "answers", probed)
        with contextlib.suppress(AllLeftOut):
            _searched(adult, rules)
        noise_robustness(adult, constraints=rules, rows=300, levels=[0.2], features=["age", "education"])
        assert sum(seen) > 100
        more = augmented(adult, constraints=rules, noise=0.2)
        look(more, adult.train.loc[more.index])
        assert (more.income == adult.train.income[more.index]).all()
        assert np.isin(more.index, adult.train.index).all()
