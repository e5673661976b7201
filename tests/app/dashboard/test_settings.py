"""Settings as widgets: a slider stands only where moving it asks the model nothing."""

from __future__ import annotations

import pytest

from modelglass.analysis import feeding, registry
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
def test_what_is_there_at_once_never_asks_the_model(task, request, monkeypatch):
    ev, asked, changed = request.getfixturevalue(task), [], 0
    monkeypatch.setattr(feeding, "asked", lambda *a, known=feeding.asked: (asked.append(1), known(*a))[1])
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
