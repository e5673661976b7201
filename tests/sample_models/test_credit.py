"""Each planted defect is truly visible: measured again from the files with plain pandas and scikit-learn."""

from __future__ import annotations

import json

import duckdb
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.metrics import confusion_matrix, recall_score, roc_auc_score

from modelglass.sample_models import make

TRUSTED = ["numpy.dtype", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]
IN_THE_FILES = {
    "hard_slice",
    "group_disparity",
    "miscalibrated_group",
    "unit_change",
    "leak",
    "duplicate_rows",
    "train_overlap",
    "missing_code",
    "new_category",
}


class Case:
    """One sample, read back from its files."""

    def __init__(self, made):
        self.model = skops.io.load(made.model, trusted=TRUSTED)
        self.train, self.data = pd.read_csv(made.train), pd.read_csv(made.data)
        self.features = list(self.model.feature_names_in_)
        self.truth = json.loads(made.truth.read_text("utf-8"))
        self.planted = {defect["kind"]: defect for defect in self.truth["defects"]}
        self.y = self.data["default"] == "yes"
        self.said = pd.Series(self.model.predict(self.data[self.features]) == "yes")
        self.p = self.model.predict_proba(self.data[self.features])[:, 1]

    def selected(self, kind, dates_as):
        """Rows that the written SQL condition selects, by DuckDB, dates as text or as dates."""
        table = self.data.assign(n=np.arange(len(self.data)))
        if dates_as == "dates":
            table["application_date"] = pd.to_datetime(table["application_date"])
        else:
            table["application_date"] = table["application_date"].astype(object)
        with duckdb.connect() as connection:
            connection.register("t", table[["n", *self.columns_of(kind)]])
            found = connection.execute(f"SELECT n FROM t WHERE {self.planted[kind]['where']}").df()["n"]
        mask = np.zeros(len(self.data), dtype=bool)
        mask[found] = True
        return mask

    def columns_of(self, kind):
        return [name for name in self.data.columns if name in self.planted[kind]["where"]]


@pytest.fixture(scope="module", params=["credit", "credit-logistic"])
def case(request, root):
    return Case(make(request.param, root))


def test_the_tables_have_the_size_and_the_gaps_they_promise(case):
    assert len(case.train) == 8_000
    assert 5_900 <= len(case.data) <= 6_100
    assert case.truth["rows"] == {"train": len(case.train), "evaluation": len(case.data)}
    gaps = case.data.isna().mean()
    assert 0.10 < gaps["savings"] < 0.14
    assert 0.02 < gaps["housing"] < 0.04
    assert not gaps.drop(["savings", "housing"]).any()
    assert set(case.data["age_group"]) == {"under 25", "25-34", "35-49", "50-64", "65 and over"}
    assert case.data.groupby("age_group")["age"].max()["under 25"] == 24
    assert pd.to_datetime(case.data["application_date"]).is_monotonic_increasing


def test_the_model_is_a_fair_one_apart_from_the_defects(case):
    sound = np.ones(len(case.data), dtype=bool)
    for kind in ("hard_slice", "unit_change", "leak", "miscalibrated_group"):
        sound &= ~case.selected(kind, "dates")
    assert roc_auc_score(case.y[sound], case.p[sound]) > 0.75
    men = sound & (case.data["sex"] == "male").to_numpy()
    women = sound & (case.data["sex"] == "female").to_numpy()
    assert abs(np.mean(case.y[sound] - case.p[sound])) < 0.05
    assert np.mean(case.p[women] - case.y[women]) > np.mean(case.p[men] - case.y[men]) + 0.05


def test_truth_names_every_defect_once_with_all_its_fields(case):
    kinds = [defect["kind"] for defect in case.truth["defects"]]
    assert len(kinds) == len(set(kinds))
    assert set(kinds) - {"fragile_feature"} == IN_THE_FILES
    fields = {"kind", "about", "file", "where", "n", "rows", "columns", "metric", "inside", "outside"}
    for defect in case.truth["defects"]:
        assert set(defect) - {"noise"} == fields
        assert set(defect["columns"]) <= set(case.data.columns)
        assert defect["rows"] == len(case.data)


@pytest.mark.parametrize("dates_as", ["dates", "text"])
@pytest.mark.parametrize("kind", sorted(IN_THE_FILES))
def test_the_condition_selects_the_rows_counted(case, kind, dates_as):
    assert case.selected(kind, dates_as).sum() == case.planted[kind]["n"] >= 80


def test_hard_slice_is_a_conjunction_no_single_column_shows(case):
    wrong = case.said != case.y
    broker, north = case.data["channel"] == "broker", case.data["region"] == "north"
    slice_ = broker & north
    told = case.planted["hard_slice"]
    assert told["inside"] == pytest.approx(wrong[slice_].mean(), abs=1e-6)
    assert told["outside"] == pytest.approx(wrong[~slice_].mean(), abs=1e-6)
    assert wrong[slice_].mean() > wrong[~slice_].mean() + 0.15
    assert wrong[broker & ~north].mean() < wrong[~slice_].mean() + 0.04
    assert wrong[north & ~broker].mean() < wrong[~slice_].mean() + 0.04
    pairs = wrong.groupby([case.data["channel"], case.data["region"]]).mean()
    assert pairs.idxmax() == ("broker", "north")
    assert pairs.max() > 1.5 * pairs.drop(("broker", "north")).max()


def test_group_disparity_in_the_false_positive_rate(case):
    rates = {}
    for sex in ("female", "male"):
        of = case.data["sex"] == sex
        negative, false_positive = confusion_matrix(case.y[of], case.said[of])[0]
        rates[sex] = false_positive / (negative + false_positive)
    told = case.planted["group_disparity"]
    assert (told["inside"], told["outside"]) == pytest.approx((rates["female"], rates["male"]), abs=1e-6)
    assert rates["female"] > rates["male"] + 0.025
    assert rates["female"] > 1.6 * rates["male"]


def test_miscalibrated_group(case):
    gap = (case.y - case.p).groupby(case.data["purpose"]).mean()
    told = case.planted["miscalibrated_group"]
    assert told["inside"] == pytest.approx(gap["education"], abs=1e-6)
    assert gap["education"] > 0.12
    assert gap["education"] > told["outside"] + 0.1
    assert gap.idxmax() == "education"


def test_unit_change_in_two_weeks_of_income(case):
    period = case.data["application_date"].between("2024-11-11", "2024-11-24")
    income = case.data["income"].groupby(period).median()
    told = case.planted["unit_change"]
    assert (told["inside"], told["outside"]) == (income[True], income[False])
    assert 90 < income[True] / income[False] < 110
    assert case.data.loc[period, "application_date"].nunique() == 14
    found = {when: recall_score(case.y[period == when], case.said[period == when]) for when in (True, False)}
    assert found[True] < 0.7 * found[False]
    assert case.train["income"].max() < 500_000


def test_leak_knows_the_outcome(case):
    for table in (case.train, case.data):
        reminded = table["reminders_sent"] >= 1
        default = table["default"] == "yes"
        assert default[reminded].mean() > 0.95
        assert default[~reminded].mean() < 0.35
    told = case.planted["leak"]
    assert told["inside"] == pytest.approx(case.y[case.data["reminders_sent"] >= 1].mean(), abs=1e-6)
    without = case.data[case.features].assign(reminders_sent=0)
    loss = roc_auc_score(case.y, case.p) - roc_auc_score(case.y, case.model.predict_proba(without)[:, 1])
    assert loss > 0.03  # the model leans on it


def test_duplicate_rows(case):
    days = case.data["application_date"].between("2024-08-14", "2024-08-17")
    again = case.data.duplicated(keep=False)
    assert (again == days).all()
    assert case.data.duplicated().sum() * 2 == case.planted["duplicate_rows"]["n"] > 200
    assert not case.train.duplicated().any()


def test_train_overlap_is_the_same_rows(case):
    early = case.data[case.data["application_date"] < "2024-07-01"].reset_index(drop=True)
    twins = case.train[case.train["application_id"].isin(early["application_id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(early, twins)
    shared = case.data["application_id"].isin(case.train["application_id"])
    assert shared.sum() == case.planted["train_overlap"]["n"]


def test_missing_code_is_impossible_and_the_only_negative(case):
    for table in (case.train, case.data):
        coded = table["employment_years"] == -999
        assert 0.03 < coded.mean() < 0.10
        assert table.loc[~coded, "employment_years"].min() == 0
        assert coded[table["channel"] == "phone"].mean() > 10 * coded[table["channel"] != "phone"].mean()


def test_new_category_was_never_seen_in_training(case):
    solar = case.data["purpose"] == "solar panels"
    assert solar.sum() == case.planted["new_category"]["n"]
    assert set(case.data["purpose"]) - set(case.train["purpose"]) == {"solar panels"}
    assert case.data.loc[solar, "application_date"].min() >= "2024-10-01"


def test_fragile_feature_turns_over_most_decisions(case):
    """A tenth of the robust spread, other noise than the script's: the step is found by the trees alone."""
    rng = np.random.default_rng(99)
    rates = {}
    for name in [name for name in case.features if pd.api.types.is_numeric_dtype(case.data[name])]:
        low, high = np.nanpercentile(case.data[name], [25, 75])
        noisy = case.data[name] + 0.1 * (high - low) / 1.349 * rng.standard_normal(len(case.data))
        changed = case.model.predict(case.data[case.features].assign(**{name: noisy})) == "yes"
        rates[name] = np.mean(changed != case.said)
    others = max(rate for name, rate in rates.items() if name != "bureau_score")
    if "fragile_feature" in case.planted:
        assert rates["bureau_score"] > 2 * others
        assert rates["bureau_score"] == pytest.approx(case.planted["fragile_feature"]["inside"], abs=0.006)
    else:
        assert rates["bureau_score"] < others  # a linear model cannot follow the step


def test_only_the_trees_claim_the_fragile_feature(case):
    trees = type(case.model.steps[-1][1]).__name__.startswith("HistGradient")
    assert ("fragile_feature" in case.planted) == trees
