"""Calls that a person gets wrong end in words: what was expected, what came, what to do; columns that cannot be cut, groups of one class."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from modelglass import analysis
from modelglass.analysis.errors import InputError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.registry import fitting, run

N = 600
CUT = {  # the function: how its metric and its columns are named, and what it needs besides
    "find_slices": ("metric", "columns", {}),
    "error_tree": ("metric", "columns", {}),
    "error_heatmap": ("metric", "x", {"y": "two"}),
    "slice_metrics": ("metrics", "by", {}),
    "fairness": ("metrics", "groups", {}),
}


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    made = {
        "age": rng.normal(size=N),
        "two": rng.choice([0.0, 1.0], N),
        "job": rng.choice(list("abc"), N),
        "const": 1.0,
        "named": "k",
        "empty": np.nan,
        "one_known": np.where(np.arange(N) == 0, 1.0, np.nan),
        "some_infinite": np.where(rng.random(N) < 0.1, np.inf, rng.normal(size=N)),
        "all_infinite": rng.choice([-np.inf, np.inf], N),
        "huge": rng.uniform(-1, 1, N) * 1.7e308,
        "tiny": rng.normal(size=N) * 1e-320,
    }
    data = pd.DataFrame(made).astype({"empty": float})
    data["y"] = (data["age"] + rng.normal(size=N) > 0).astype(int)
    return data


def made(frame):
    fitted = LogisticRegression().fit(frame[["age", "two"]], frame["y"])
    return Evaluation(fitted, frame, target="y", features=["age", "two"], positive=1)


@pytest.fixture(scope="module")
def ev(frame):
    return made(frame)


def call(ev, name, **given):
    """Call with one of metric and column given, the other left out."""
    metric, columns, besides = CUT[name]
    asked = {metric if k == "metric" else columns if k == "column" else k: v for k, v in given.items()}
    if name in ("find_slices", "error_tree") and isinstance(asked.get(columns), str):
        asked[columns] = [asked[columns]]
    if name == "fairness":
        asked.setdefault("groups", "job")
    return getattr(analysis, name)(ev, **besides, **asked)


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"metric": "acuracy"}, "acuracy(.|\n)*Did you mean 'accuracy'"),
        ({"metric": "Log Loss"}, "Log Loss(.|\n)*Did you mean 'log_loss'"),
        ({"metric": "mae"}, "metrics for binary(.|\n)*'mae', which is for regression"),
        ({"metric": 5}, "name of a metric(.|\n)*'5'"),
        ({"column": "jbo"}, "jbo(.|\n)*Did you mean 'job'"),
        ({"column": 5}, "column(.|\n)*5"),
    ],
)
def test_unknown_and_unfit_names(ev, name, given, said):
    with pytest.raises(InputError, match=said):
        call(ev, name, **given)


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize(
    "column", ["const", "named", "empty", "one_known", "some_infinite", "all_infinite", "huge", "tiny"]
)
def test_columns_that_can_hardly_be_cut(ev, name, column):
    """All rows have a place; where all hold the same there is nothing to compare, and that is said."""
    if column in ("const", "named", "empty") and name not in ("slice_metrics", "error_heatmap"):
        with pytest.raises(NotApplicable, match=f"{column}.*(1|k|missing)"):
            call(ev, name, column=column)
        return
    result = call(ev, name, column=column)
    assert result.sentence()
    assert result.text()
    table = result.frame()
    if name == "slice_metrics":
        cells = table[(table["metric"] == "accuracy") & (table["columns"] == column)]
        assert cells["n"].sum() == N
    if name == "error_heatmap":
        assert table["n"].sum() == N


@pytest.mark.parametrize("column", ["const", "empty", "some_infinite", "all_infinite", "huge"])
def test_conditions_of_bins_select_their_rows(ev, column):
    table = call(ev, "slice_metrics", column=column).frame()
    for where, n in table[table["columns"] == column][["where", "n"]].drop_duplicates().itertuples(index=False):
        assert ev.where(where).n == n


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("find_slices", {"depth": 4}, "from 1 to 3 as depth"),
        ("find_slices", {"depth": "2"}, "from 1 to 3 as depth(.|\n)*'2'"),
        ("find_slices", {"k": 2.5}, "as k(.|\n)*2.5"),
        ("find_slices", {"support": -1}, "as support(.|\n)*-1"),
        ("find_slices", {"support": 10**9}, "from 1 to 300 as support"),
        ("find_slices", {"alpha": "x"}, "between 0 and 1 as alpha"),
        ("find_slices", {"seconds": "x"}, "seconds(.|\n)*'x'"),
        ("find_slices", {"columns": ["y"]}, "beside the target, 'y'"),
        ("error_tree", {"max_leaves": 1}, "from 2 to 64 as max_leaves"),
        ("error_tree", {"support": "x"}, "as support(.|\n)*'x'"),
        ("error_heatmap", {"bins": "5"}, "from 2 to 10 as bins(.|\n)*'5'"),
        ("error_heatmap", {"x": ["job", "two"]}, "column(.|\n)*job"),
        ("slice_metrics", {"bins": 1}, "at least 2 for bins"),
        ("fairness", {"groups": "job", "alpha": 2}, "between 0 and 1 as alpha"),
        ("projection", {"n": "x"}, "of 4 or more as n"),
        ("data_checks", {"rows": "x"}, "100 or more as rows"),
        ("data_checks", {"checks": [5]}, r"names of checks(.|\n)*\[5\]"),
        ("data_checks", {"checks": "duplicate"}, "Did you mean 'duplicates'"),
        ("findings", {"most": 2.5}, "as most(.|\n)*2.5"),
    ],
)  # fmt: skip
def test_settings_out_of_range_or_of_another_kind(ev, name, given, said):
    with pytest.raises(InputError, match=said):
        getattr(analysis, name)(ev, **given)


def test_one_check_may_be_named_alone(ev):
    assert analysis.data_checks(ev, checks="duplicates").settings["checks"] == ["duplicates"]


def test_a_group_with_one_class(frame):
    """It has no AUC there, and says so; the others have theirs. Where all rows are of one class nothing can be told."""
    ev = made(frame.assign(y=np.where(frame["job"] == "a", 1, frame["y"])))
    table = call(ev, "slice_metrics", column="job", metric="roc_auc").frame().set_index("slice")
    assert "no negatives among" in table.loc["a", "note"]
    assert np.isnan(table.loc["a", "estimate"])
    assert table.loc[["b", "c"], "estimate"].notna().all()
    fair = call(ev, "fairness", column="job", metric=["recall", "fpr"]).frame().set_index(["group", "metric"])
    assert "no negatives among" in fair.loc[("a", "fpr"), "note"]
    assert np.isfinite(fair.loc[("a", "recall"), "estimate"])
    call(ev, "find_slices", column="job", metric="roc_auc")
    one = ev.where("job = 'a'")
    for name in ("find_slices", "error_tree", "error_heatmap"):
        with pytest.raises(NotApplicable, match="ROC AUC of all these rows cannot be told"):
            call(one, name, column="age", metric="roc_auc")


@pytest.mark.parametrize("where", ["job = 'a'", "_row = 3"])
def test_every_analysis_of_a_cohort_of_one_class_or_one_row_answers_or_says_why(frame, where):
    """With columns that can hardly be cut, infinite and huge ones among them; warnings are errors."""
    cohort = made(frame.assign(y=np.where(frame["job"] == "a", 1, frame["y"]))).where(where)
    answered = 0
    for one in fitting("binary"):
        if one.cost == "minutes" or any(s.kind == "row" for s in one.settings) or one.name == "concept_activation":
            continue
        outcome = run(cohort, one)
        answered += outcome.result is not None
        assert outcome.result is None or outcome.result.text()
        assert outcome.result is not None or len(outcome.reason) > 10
    assert answered > 10


def test_an_empty_table_is_not_pandas_words(ev):
    found = call(ev, "find_slices", column="job")
    assert found.frame().empty
    assert found.text() == "(an empty table)"
    assert "over 1 column;" in found.sentence()


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("age > 99", "No row of 600 fulfils: age > 99(.|\n)*Loosen"),
        ("agee < 1", "Did you mean 'age'"),
        ("age < 1; drop table x", "one condition and nothing after it"),
        ("1=1) or (1=1", "syntax error"),
        ("read_csv('/etc/passwd') is not null", "function 'read_csv', which is not allowed"),
        ("(select count(*) from d) > 1", "subquery, which is not allowed"),
        ("age\0<1", "none of them NUL"),
        ("job = \ud800", "Expected a condition in SQL"),
        ("age <" + " " * 200_000 + "1", "at most 100,000 characters"),
    ],
)
def test_conditions_that_select_nothing_or_are_none(ev, sql, said):
    with pytest.raises(InputError, match=said):
        ev.where(sql)
