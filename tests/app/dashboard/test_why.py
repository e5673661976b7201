"""The page Why here?: without a cohort it says choose one; with one every answer stands; the side bar leads to it."""

import pytest

from modelglass.analysis import slice_metrics
from modelglass.analysis.metrics import slice_default_metrics
from modelglass.analysis.registry import fitting, run
from modelglass.app.dashboard.text import plain


def test_without_a_cohort_it_says_choose_one(binary, show):
    at = show(binary, "why")
    assert not at.exception
    assert len(at.info) == 1
    assert at.info[0].value.startswith("Choose some rows first")
    assert not at.subheader


def test_without_a_cohort_the_surely_worst_slices_are_a_click_away(binary, show, texts, until):
    metric = slice_default_metrics(binary.task, binary.score_kind)[0].name
    worse = slice_metrics(binary, metrics=[metric]).surely_worse()
    assert len(worse), "the planted slice is worse"
    at = show(binary, "why")
    helps = [plain(w) for w in worse["where"]]
    offered = [b for b in at.button if b.help in helps]
    assert [b.help for b in offered] == helps[:5]
    assert f"{worse.iloc[0]['n']:,} rows" in offered[0].label
    at = until(offered[0].click().run(), lambda at: "Compared with the rest of the rows" in texts(at))
    assert not at.exception
    assert not at.error
    assert not [b for b in at.button if b.help in helps]


@pytest.mark.parametrize("evaluation", ["binary", "multiclass", "regression", "predictions_only"], indirect=True)
def test_every_answer_stands_and_is_that_of_the_analysis(evaluation, show, texts, until):
    records = [
        a
        for a in fitting(evaluation.task, "why")
        if a.name in ("why_here", "contrast", "column_differences", "remedies")
    ]
    cohort = evaluation.where("age < 45")
    said = [run(cohort, a).result.sentence() for a in records]
    at = show(evaluation, "why", where="age < 45")
    words = texts(until(at, lambda at: all(s in texts(at) for s in said)))
    assert not at.exception
    assert not at.error
    for sentence in said:
        assert sentence in words
    assert "Compared with the rest of the rows" in words
    assert at.subheader[0].value == "What goes with it"
    if evaluation.model is None:
        assert any("no model here" in i.value for i in at.info)


def test_another_cohort_beside_it_is_the_other_side(binary, show, texts, until):
    wanted = run(binary.where("age < 45"), "contrast", other="age > 60").result.sentence()
    at = show(binary, "why", where="age < 45", **{"beside.where": "age > 60"})
    words = texts(until(at, lambda at: wanted in texts(at)))
    assert wanted in words
    assert "Compared with the cohort age > 60" in words


def test_the_side_bar_leads_there(binary, show):
    at = show(binary, "", where="age < 45")
    assert "Why here?" in [b.label for b in at.button]
    assert "Why here?" not in [b.label for b in show(binary).button]
