"""Every page of every task, run by Streamlit's AppTest: it says its n, shows no error, and hides nothing."""

import pytest

from modelglass.analysis.registry import analyses, fitting
from modelglass.app.dashboard import pages, work

TASKS = ["binary", "multiclass", "regression", "predictions_only"]


def expected(ev):
    return [pages.path(group) for group in pages.offered(ev.task, ev.model is not None)]


@pytest.mark.parametrize("evaluation", TASKS, indirect=True)
def test_every_page_offered_stands(evaluation, show, go, texts):
    at = show(evaluation)
    for page in expected(evaluation):
        go(at, page)
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
