"""The page Sensitivity: constraints edited on it reach every search, and the rows that are turned over most cheaply are shown."""

import pytest
import yaml

from modelglass.analysis.constraints import constraints
from modelglass.analysis.evaluation import Evaluation
from modelglass.app.dashboard import constraint_table

WORST = "Rows whose answer changes most cheaply"
FEW = {
    "adversarial.rows": "20",
    "adversarial.rounds": "0",
    "sobol_indices.points": "256",
    **{
        f"{n}.rows": "60"
        for n in (
            "noise_robustness",
            "fragile_rows",
            "robust_threshold",
            "input_faults",
            "missing_robustness",
            "beyond_range",
            "same_answers",
        )
    },
}
STRESS = ("adversarial", "noise_robustness", "fragile_rows", "robust_threshold", "input_faults")


def test_edits_become_yaml_that_the_constraints_take(binary):
    found = constraints(binary)
    frame = constraint_table.as_table(found)
    at = list(frame["column"]).index("age")
    text = constraint_table.edited_text(found, "", frame, {at: {"direction": "up", "highest": "90", "cost": 2.0}})
    assert yaml.safe_load(text) == {"columns": {"age": {"direction": "up", "high": 90, "cost": 2.0}}}
    now = found.changed(text)
    assert (now.columns["age"].direction, now.columns["age"].high, now.columns["age"].cost) == ("up", 90, 2)
    more = constraint_table.edited_text(
        now, text, constraint_table.as_table(now), {at: {"may change": False, "lowest": ""}}
    )
    assert yaml.safe_load(more)["columns"]["age"] == {
        "direction": "up",
        "high": 90,
        "cost": 2.0,
        "immutable": True,
        "low": None,
    }
    assert found.changed(more).columns["age"].immutable
    assert constraint_table.as_table(found.changed(more))["may change"].tolist()[at] is False
    with pytest.raises(Exception, match="Expected a number as low"):
        found.changed(constraint_table.edited_text(found, "", frame, {at: {"lowest": "young"}}))


def test_texts_that_look_like_yes_or_no_and_commas_stay_what_was_meant(binary):
    found = constraints(binary)
    frame = constraint_table.as_table(found)
    at = list(frame["column"]).index("age")
    text = "columns: {age: {step: 1e-1}, x: {levels: [no, yes]}}"
    said = yaml.safe_load(constraint_table.edited_text(found, text, frame, {at: {"lowest": "1,000", "highest": "1,5"}}))
    assert said == {"columns": {"age": {"step": 0.1, "low": 1000, "high": "1,5"}, "x": {"levels": ["no", "yes"]}}}


def test_levels_and_what_belongs_together_are_edited_on_the_page(binary, show, go):
    found = constraints(binary)
    name, rule = next((n, r) for n, r in found.columns.items() if r.kind == "levels" and len(r.levels) > 1)
    at = show(binary, **FEW)
    go(at, "sensitivity")

    def use(text):
        next(a for a in at.text_area if a.key.startswith("constraints yaml")).set_value(text)
        next(b for b in at.button if b.key == "constraints use").click()
        at.run()
        assert not at.exception

    use(f"columns: {{{name}: {{levels: [nowhere]}}}}")
    assert any("nowhere" in e.value for e in at.error)
    assert "constraints.given" not in at.query_params
    given = yaml.safe_dump({"columns": {name: {"levels": [rule.levels[0]]}}})
    use(given)
    assert not at.error, [e.value for e in at.error]
    assert at.query_params["constraints.given"] in (given.strip(), [given.strip()])


def test_every_rule_that_holds_is_shown_where_asked_for(binary, show, go):
    """Table and sentence shorten long rules: the whole can be read, and handed back as it stands."""
    at = show(binary, **FEW, **{"constraints.given": "columns: {age: {high: 90}}"})
    go(at, "sensitivity")
    assert not [c for c in at.code if c.language == "yaml"]
    next(t for t in at.toggle if t.label == "Show every rule that holds").set_value(True)
    at.run()
    assert not at.exception
    found, (shown,) = constraints(binary), [c.value for c in at.code if c.language == "yaml"]
    assert yaml.safe_load(shown)["columns"]["age"]["high"] == 90
    assert found.changed(shown).as_given() == found.changed({"columns": {"age": {"high": 90}}}).as_given()


def test_constraints_of_the_link_hold_and_the_worst_rows_are_shown(binary, show, go, texts, monkeypatch, until):
    asked = {}
    from modelglass.app.dashboard import work

    inner = work.outcome

    def seen(analysis, ev, values):
        asked[analysis.name] = dict(values)
        return inner(analysis, ev, values)

    monkeypatch.setattr(work, "outcome", seen)
    given = "columns: {age: {immutable: true}}"
    at = show(binary, **FEW, **{"constraints.given": given})
    go(at, "sensitivity")
    assert not at.exception
    assert not at.error, [e.value for e in at.error]
    until(at, lambda _: {*STRESS, "missing_robustness"} <= set(asked))
    for name in STRESS:
        assert asked[name]["constraints"] == given
    assert "constraints" not in asked["missing_robustness"]
    until(at, lambda at: WORST in texts(at))
    said = texts(at)
    assert "What may change in a row" in said
    assert WORST in said
    assert "The answer goes from" in said
    assert "What could be done" in {e.label for e in at.expander}
    assert any("augmented(ev, " in c.value and "constraints=rules" in c.value for c in at.code)


def test_a_search_that_is_stopped_shows_what_it_found_and_may_start_again(binary, show, go, texts, until):
    """It was dropped; what is shown is not kept as if it were the whole search."""
    from modelglass.app.dashboard import work

    endless = {"adversarial.rows": "300", "adversarial.rounds": "1000", "adversarial.budget": "3600"}
    at = show(binary, **{**FEW, **endless})
    go(at, "sensitivity")
    at.query_params.update({**FEW, **endless})

    def search():
        return next((j for j in work.jobs._jobs.values() if "'rounds', 1000" in str(j.key)), None)

    def running(_):
        return search() is not None and search().what.startswith("round")

    def stop():
        job = search()
        next(b for b in at.button if b.key == f"stop {job.key}").click()
        at.run()
        assert job.wait(30)
        return job

    for _ in range(2):
        until(at, running)
        at.run()
        job = stop()
        assert (job.state, job.cut) == ("done", True)
        at.run()
        said = texts(at)
        assert "Cheapest change was stopped: here is what was found until then." in said
        assert "The search was stopped by hand before it was done: this is the best so far." in said
        assert WORST in said
        assert work.results.get(job.key) is None
        next(b for b in at.button if b.key == f"again {job.key}").click()
        at.run()
        assert search() is not job
    search().stop()
    assert not at.exception


def test_a_broken_link_is_said_and_the_data_stand(binary, show, go):
    at = show(binary, **FEW, **{"constraints.given": "columns: {nobody: {low: 1}}"})
    go(at, "sensitivity")
    assert not at.exception
    assert any("nobody" in e.value for e in at.error)


@pytest.mark.parametrize(
    ("given", "said", "sections"),
    [
        ("columns: {age: {low: 500, high: 600}}", ["age: below 500", "Widen that constraint"], 5),
        ("columns:\n  age:\n    low: 70\n    high: 20", ["low 70 of 'age' (the constraints, line 3)", "line 4"], 0),
    ],
)
def test_constraints_that_cannot_hold_are_said_in_their_place(given, said, sections, binary, show, go, until):
    """Rows left out are told by each section that asks about rows; contradictions by the table, and the data's own stand."""
    at = show(binary, **FEW, **{"constraints.given": given})
    go(at, "sensitivity")
    until(at, lambda at: sum(said[0] in e.value.replace("\\", "") for e in at.error) >= max(sections, 1))
    assert not at.exception
    mine = [e.value.replace("\\", "") for e in at.error]
    assert all(part in mine[0] for part in said), mine[0]
    assert len(mine) == max(sections, 1)


def test_nothing_that_may_change_and_a_budget_of_nothing_are_answers(binary, show, go, texts, until):
    names = list(binary.features)
    given = yaml.safe_dump({"columns": {n: {"immutable": True} for n in names}})
    at = show(binary, **FEW, **{"constraints.given": given, "adversarial.budget": "0"})
    go(at, "sensitivity")
    refused = [e.value for e in at.error]  # said once: the address then has the usual one
    assert any("Seconds" in said or "budget" in said for said in refused), refused
    until(at, lambda at: "the constraints let no column change" in texts(at))
    assert not at.exception
    assert texts(at).count("Cannot say, because") >= 3


def test_a_model_that_refuses_changed_rows_is_said_with_the_row(binary, show, go, until):
    seen = set(map(tuple, binary.inputs().itertuples(index=False)))
    inner = binary.estimator

    class Wary:
        classes_ = inner.classes_

        def predict_proba(self, rows):
            if any(tuple(r) not in seen for r in rows.itertuples(index=False)):
                raise ValueError("never seen")
            return inner.predict_proba(rows)

        def predict(self, rows):
            return inner.classes_[self.predict_proba(rows).argmax(axis=1)]

    at = show(Evaluation(Wary(), binary.frame, target="bought", positive="yes", name="wary"), **FEW)
    go(at, "sensitivity")
    until(at, lambda at: sum("never seen" in e.value for e in at.error) >= 5)
    assert not at.exception
    told = [e.value.replace("\\", "") for e in at.error if "never seen" in e.value]
    assert all("'age': " in t and "'city': " in t for t in told), told
