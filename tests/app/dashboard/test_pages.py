"""Every page of every task, run by Streamlit's AppTest: it says its n, shows no error, and hides nothing."""

import numpy as np
import pandas as pd
import pytest

from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.findings import findings
from modelglass.analysis.registry import analyses, fitting
from modelglass.app.dashboard import pages, work
from modelglass.app.dashboard.views import overview

TASKS = ["binary", "multiclass", "regression", "predictions_only"]


def expected(ev):
    return [pages.path(group) for group in pages.offered(ev.task, ev.model is not None)]


@pytest.mark.parametrize("evaluation", TASKS, indirect=True)
def test_every_page_offered_stands(evaluation, show, go, until, texts, few):
    at = show(evaluation, **few)
    for page in expected(evaluation):
        until(go(at, page), lambda at: not at.get("progress"))
        assert not at.exception
        assert not at.error, (page, [e.value for e in at.error])
        assert len(at.title) == 1
        assert f"{evaluation.n:,}" in texts(at)


def test_pages_follow_the_task(binary, regression, predictions_only):
    assert "residuals" not in expected(binary)
    assert "curves" not in expected(regression)
    assert not {"importance", "effects", "row", "sensitivity"} & set(expected(predictions_only))
    declared = {a.page for a in fitting("binary")}
    assert declared <= set(pages.offered("binary", True))


def test_headline_metrics_equal_the_analysis(binary, show):
    from modelglass.analysis import registry

    result = registry.run(binary, "performance").result
    at = show(binary)
    shown = {m.label.replace("\\", ""): m.value for m in at.metric}
    for row in result.frame().itertuples():
        assert shown[row.label] == f"{row.estimate:.3f}"


def test_long_work_of_the_overview_waits_for_the_findings(binary, show, texts, monkeypatch):
    later = "This starts when the findings are there."
    monkeypatch.setattr(overview, "_findings_under_way", lambda desk: True)
    monkeypatch.setattr(work, "ready", lambda analysis, ev, settings: analysis.cost == "instant")
    at = show(binary)
    assert texts(at).count(later) == sum(
        a.cost != "instant" and not a.needs and a.name not in overview.NOT_HERE for a in fitting("binary", "overview")
    )
    monkeypatch.setattr(overview, "_findings_under_way", lambda desk: False)
    assert later not in texts(show(binary))


def test_the_start_page_offers_the_samples(show):
    from modelglass.sample_models import SAMPLES

    at = show(None)
    assert not at.exception
    assert sorted(b.key for b in at.button) == sorted(f"sample {name}" for name in SAMPLES)


def test_a_third_party_group_gets_a_page(binary, show, go, monkeypatch):
    from dataclasses import replace

    monkeypatch.setitem(
        analyses(), "of_another", replace(analyses()["performance"], name="of_another", title="Guest", page="my group")
    )
    at = show(binary)
    go(at, "my-group")
    assert at.title[0].value == "My group"
    assert "Guest" in [s.value for s in at.subheader]
    assert not at.error


def test_what_cannot_be_said_of_cohort_and_whole_alike_is_said_once(binary, show, monkeypatch):
    from dataclasses import replace

    from modelglass.analysis.errors import NotApplicable
    from modelglass.analysis.registry import Analysis

    def cannot(ev):
        raise NotApplicable("no ladder is long enough" if asked == "alike" else f"{ev.n} rungs are missing")

    guest = replace(analyses()["performance"], name="of_a_third", title="Guest", page="my group")
    monkeypatch.setitem(analyses(), "of_a_third", guest)
    known = Analysis.function
    monkeypatch.setattr(Analysis, "function", lambda self: cannot if self.name == "of_a_third" else known(self))
    for asked, times in (("alike", 1), ("apart", 2)):
        at = show(binary, "my-group", where="age < 37" if asked == "alike" else "age < 38")
        assert len([i for i in at.info if "Cannot say" in i.value]) == times
        work.results._kept.clear()


def test_what_was_not_given_is_one_line_and_no_section(binary, regression, show, texts):
    at = show(binary)
    assert "Training rows and these rows** is not shown: no training data were given (--train DATA)." in texts(at)
    assert "Training rows and these rows" not in [s.value for s in at.subheader]
    at = show(regression, "residuals")
    assert "is not shown: no promised quantiles were given (--quantile 0.05=COLUMN)." in texts(at)
    assert not [i for i in at.info if "quantiles" in i.value]


def test_a_setting_without_which_there_is_no_answer_is_asked_for(binary, show, texts):
    at = show(binary, "slices")
    assert "Set “Groups by” to see this." in texts(at)
    assert not [i for i in at.info if "groups" in i.value]
    at.multiselect(key="fairness.groups").set_value(["city"]).run()
    assert "Set “Groups by” to see this." not in texts(at)


@pytest.fixture(scope="module")
def faulty():
    """An evaluation in which the labels of one job are turned round."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"job": rng.choice(list("abcd"), 3000), "age": rng.normal(40, 10, 3000)})
    p = 1 / (1 + np.exp(-2 * rng.normal(size=3000)))
    y = (rng.random(3000) < p).astype(int)
    y[frame["job"] == "b"] = 1 - y[frame["job"] == "b"]
    return Evaluation.from_predictions(y, score=p, threshold=0.5, frame=frame, name="faulty")


@pytest.fixture
def told(show, until):
    """A function: open the Overview and wait for the findings."""
    return lambda ev: until(show(ev), lambda at: any("most harmful first" in m.value for m in at.markdown))


def test_the_overview_opens_with_the_findings(faulty, texts, told):
    at = told(faulty)
    first = findings(faulty).found[0]
    assert first.sentence in texts(at)
    assert at.subheader[0].value == "Findings"
    at.button(key="findings 0 0 rows").click().run()
    assert at.query_params["where"] == "\"job\" = 'b'"
    assert f"{(faulty.frame['job'] == 'b').sum():,} of 3,000 rows" in texts(at)


def test_a_finding_leads_to_the_page_that_shows_it_as_it_was_found(faulty, told):
    at = told(faulty)
    at.button(key="findings 0 0 evidence").click().run()
    first = findings(faulty).found[0]
    assert at.title[0].value == "Slices"
    assert at.query_params["find_slices.metric"] == first.settings["metric"]
