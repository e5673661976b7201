"""The whole report of adult with a cohort beside it: small, complete, and every section says what the Python call says."""

from __future__ import annotations

import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelglass.analysis import registry
from modelglass.analysis.evaluation import Evaluation
from modelglass.app.report import report

pytestmark = [pytest.mark.data, pytest.mark.timeout(900)]


SETTINGS = {"findings": {"budget": 120.0}}
"""Time enough that a busy machine looks at as much for the report as for the call that it is compared with."""


COHORT = "sex = 'Female'"


@pytest.fixture(scope="module")
def adult(data_file):
    train, test = pd.read_csv(data_file("adult_train.csv")), pd.read_csv(data_file("adult_test.csv"))
    features = train.drop(columns="income")
    numbers = list(features.select_dtypes("number"))
    words = [c for c in features if c not in numbers]
    encoded = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    )
    model = make_pipeline(
        make_column_transformer((make_pipeline(SimpleImputer(), StandardScaler()), numbers), (encoded, words)),
        LogisticRegression(max_iter=200),
    ).fit(features, train["income"])
    return Evaluation(model, test, target="income", name="adult_test.csv")


@pytest.mark.browser
def test_the_whole_report(adult, reading, request, tmp_path):
    """One test, because the report is by far the longest work of all tests: in several, each process that took one would make it anew.

    What needs a browser comes last: where there is none, it is skipped after all the rest was held.
    """
    file = report(adult, tmp_path / "report.html", cohorts=[COHORT], settings=SETTINGS)
    text = file.read_text(encoding="utf-8")
    articles = reading.Read(text).articles
    it_is_under_five_megabytes_and_nothing_failed(file, text, adult, articles)
    no_row_is_named_in_any_chart_or_outside(text, reading)
    each_section_equals_its_python_call(articles, adult, reading)
    opened = request.getfixturevalue("opened")
    for width in (1440, 420):
        every_chart_is_drawn_offline(file, opened(file, width=width, scheme="dark"))


def it_is_under_five_megabytes_and_nothing_failed(file, text, adult, articles):
    assert len(adult.frame) == 16_281
    assert file.stat().st_size < 5_000_000
    assert "This failed." not in text
    expected = {a.name for a in registry.fitting("binary") if a.report}
    assert set(articles) == expected
    assert {"performance", "slice_metrics", "roc", "calibration", "contrast"} <= expected


def no_row_is_named_in_any_chart_or_outside(text, reading):
    charts = reading.check_rows(text)
    assert {"chart-shapley_values-0", "chart-label_errors-0"} <= set(charts)


def each_section_equals_its_python_call(articles, adult, reading):
    cohort, compared = adult.where(COHORT), [0, 0]
    for name, blocks in articles.items():
        record = registry.get(name)
        if record.raw_rows:
            assert blocks == []
            continue
        beside = [adult, cohort] if record.cost == "instant" else [adult]
        for block, part in zip(blocks, [cohort] if record.needs_cohort else beside, strict=True):
            outcome = registry.run(part, name, **SETTINGS.get(name, {}))
            if outcome.result is not None:
                compared[part is cohort] += reading.check_block(block, outcome.result, name)
    assert min(compared) > 500


def every_chart_is_drawn_offline(file, page):
    assert page.locator(".mg-chart").count() >= 6
    assert page.locator(".mg-chart:not(:has(.main-svg))").count() == 0
    assert page.asked == [file.as_uri()]
    assert page.said == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
