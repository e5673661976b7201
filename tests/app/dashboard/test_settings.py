"""Settings as widgets: a slider stands only where moving it asks the model nothing."""

from __future__ import annotations

import pytest

from modelglass.analysis import registry
from modelglass.analysis.registry import fitting, run


@pytest.mark.parametrize("page", ["sensitivity", "importance", "effects", "slices"])
def test_sliders_belong_to_answers_that_are_there_at_once(page, regression, show, few):
    at = show(regression, page, **few)
    settings = [s.key.split(".")[0] for s in at.slider if s.key.split(".")[0] in registry.analyses()]
    assert {registry.get(name).cost for name in settings} <= {"instant"}
    assert bool(settings) == (page in ("slices", "sensitivity"))  # on the latter, intervals of predictions
    numbers = {n.key.split(".")[0] for n in at.number_input}
    assert page == "slices" or any(registry.analyses()[n].cost != "instant" for n in numbers & set(registry.analyses()))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_what_is_there_at_once_never_asks_the_model(task, request, asked):
    ev, changed = request.getfixturevalue(task), 0
    asked.clear()
    for analysis in fitting(ev.task):
        if analysis.cost != "instant":
            continue
        numbers = [s for s in analysis.settings if s.kind in ("number", "integer") and s.default is not None]
        for setting in [s for s in numbers if s.low is not None and s.low != s.default]:
            run(ev, analysis, **{setting.name: setting.low})
            changed += 1
    assert changed > 10
    assert asked == []
    ev.answer(ev.inputs().head(2))
    assert asked, "the door to the model is watched"


def test_longer_work_that_says_so_never_asks_the_model_at_another_threshold(binary, asked):
    moved = [a for a in fitting("binary") if a.cost != "instant" and a.reads_threshold != "never"]
    longer = [a for a in moved if not a.asks_model]
    assert len(longer) > 8
    at = binary.with_threshold(0.4)
    for analysis in longer:
        given = {s.name: 3 for s in analysis.settings if s.kind == "row"}
        run(at.where("age < 50") if analysis.needs_cohort else at, analysis, **given)
    assert asked == []


def test_a_slid_threshold_asks_the_model_nothing_until_that_is_wished(binary, show, go, few, until, asked, monkeypatch):
    names = ("noise_robustness", "conformal")
    known = registry.analyses()
    others = [name for name in known if name not in names and known[name].page == "sensitivity"]
    for name in others:
        monkeypatch.delitem(known, name)

    def wishes(at):
        return [b for b in at.button if b.label == "Ask the model"]

    at = show(binary, "sensitivity", threshold="0.4", **few)
    until(at, lambda at: any(d.key and "noise_robustness" in d.key for d in at.get("download_button")))
    assert asked
    assert wishes(at) == []
    asked.clear()
    at.slider(key="mg.threshold").set_value(0.6).run()
    assert at.query_params["threshold"] in ("0.6", ["0.6"])
    assert len(wishes(at)) == 1
    assert asked == []
    wishes(at)[0].click().run()
    until(at, lambda at: any(d.key and "noise_robustness" in d.key for d in at.get("download_button")))
    assert asked
    assert wishes(at) == []
    at.slider(key="mg.threshold").set_value(0.7).run()
    assert len(wishes(at)) == 1
    at = go(go(at, "slices"), "sensitivity")
    assert wishes(at) == []


def test_a_choice_that_is_no_word_has_one(binary, show):
    at = show(binary, "map", **{"projection.method": "svd"})
    box = next(s for s in at.selectbox if s.key == "projection.method")
    assert box.value == "svd", "the address and the command line keep the value"
    assert box.options[:2] == ["PCA (most variance)", "truncated SVD"]
    for analysis in registry.analyses().values():
        for setting in analysis.settings:
            assert set(setting.words) <= set(setting.choices), f"{analysis.name}.{setting.name}"
            shown = [setting.words.get(c, c) for c in setting.choices]
            assert len(set(shown)) == len(shown)


def test_settings_of_another_task_are_not_offered(binary, regression, show):
    at = {ev.task: show(ev, "errors") for ev in (binary, regression)}
    offered = {task: [t.key for t in page.toggle] for task, page in at.items()}
    assert "worst_rows.only_wrong" in offered["binary"]
    assert "worst_rows.only_wrong" not in offered["regression"]


@pytest.mark.parametrize(
    ("task", "said"), [("binary", "ROC AUC (or accuracy without scores)"), ("regression", "root mean squared error")]
)
def test_what_holds_without_a_metric_is_said_for_the_task(task, said, request, show, few):
    at = show(request.getfixturevalue(task), "importance", **few)
    box = next(s for s in at.selectbox if s.key == "permutation_importance.metric")
    assert (box.value, box.placeholder) == (None, said)
