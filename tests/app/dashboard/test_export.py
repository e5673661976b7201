"""The export page: the report and the numbers carry the settings chosen on the pages; longer work is done when asked for."""

import json

import pytest
import skops.io

from modelglass.analysis import registry
from modelglass.app import cli
from modelglass.app.dashboard import state, work
from modelglass.app.dashboard.views import export

CHOSEN = {"calibration.n_bins": "20", "slice_metrics.by": ["age", "city"], "slices.cross": "yes"}


def labels(at, kind):
    return [e.label for e in at.get(kind)]


def test_the_page_says_what_is_not_as_usual(binary, show, texts):
    at = show(binary, "export", **CHOSEN)
    assert not at.error
    assert "Calibration Bins 20 (usually 10)" in texts(at).replace("**", "")
    assert "age, city, age*city" in texts(at)
    assert "All settings are the usual ones." in texts(show(binary, "export"))


def test_the_page_says_of_which_rows_the_report_will_be(binary, show, texts):
    n = binary.where("age < 45").n
    assert f"Of all {binary.n:,} rows." in texts(show(binary, "export"))
    assert f"Of all {binary.n:,} rows, and beside them of the cohort age < 45 ({n:,} rows)." in texts(
        show(binary, "export", where="age < 45")
    )


@pytest.mark.parametrize("chosen", [{}, CHOSEN])
def test_the_report_is_made_with_the_settings_chosen(chosen, binary, show, monkeypatch, until):
    made = {}

    def written(ev, path, *, cohorts, settings, include_rows, progress):
        made.update(settings=settings, cohorts=list(cohorts))
        path.write_text("<p>report</p>")

    monkeypatch.setattr("modelglass.app.report.report", written)
    at = show(binary, "export", where="age < 47", **chosen)
    at.button(key="mg.make_report").click().run()
    until(at, lambda at: any("Download the report" in label for label in labels(at, "download_button")))
    wanted = {"calibration": {"n_bins": 20}, "slice_metrics": {"by": ["age", "city", "age*city"]}} if chosen else {}
    assert made == {"settings": wanted, "cohorts": ["age < 47"]}


def test_the_report_and_the_numbers_follow_the_constraints_of_the_page(binary, show, texts, monkeypatch, until):
    made = {}
    monkeypatch.setattr(
        "modelglass.app.report.report", lambda ev, path, **given: (made.update(given), path.write_text(""))
    )
    rules = "columns: {age: {direction: up}}"
    at = show(binary, "export", **{"constraints.given": rules})
    assert "Cheapest change Constraints columns: {age: {direction: up}}" in texts(at).replace("**", "").replace(
        "\\", ""
    )
    at.button(key="mg.make_report").click().run()
    until(at, lambda at: made)
    following = ("adversarial", "noise_robustness", "fragile_rows", "robust_threshold", "input_faults")
    assert {name: made["settings"][name] for name in following} == {n: {"constraints": rules} for n in following}
    assert made["settings"]["constraints"] == {"given": rules}


def test_settings_of_what_needs_a_cohort_do_not_stop_the_report_of_all_rows(binary, show, monkeypatch, until):
    made = {}
    monkeypatch.setattr(
        "modelglass.app.report.report", lambda ev, path, **given: (made.update(given), path.write_text(""))
    )
    at = show(binary, "export", **{"why_here.rows": "150"})
    at.button(key="mg.make_report").click().run()
    until(at, lambda at: made)
    assert made["settings"] == {}


def test_numbers_of_long_work_are_offered_and_made_when_asked_for(binary, show, texts, until):
    at = show(binary, "export", where="age < 41", **{"permutation_importance.rows": "60"})
    box = at.selectbox(key="mg.json_of")
    assert any("Permutation importance" in option for option in box.options)
    box.set_value("permutation_importance").run()
    assert "Not computed yet" in texts(at)
    assert "Download the numbers" not in labels(at, "download_button")
    at.button(key="mg.json_compute").click().run()
    until(at, lambda at: "Download the numbers" in labels(at, "download_button"))
    assert not at.error


def test_what_was_computed_on_its_page_is_offered_at_once(binary, show, texts):
    values = {"rows": 70}
    whole = binary.where("age < 43")
    key = work.key_of(whole, "permutation_importance", values)
    work.results.put(key, registry.run(whole, "permutation_importance", **values))
    at = show(binary, "export", where="age < 43", **{"permutation_importance.rows": "70"})
    at.selectbox(key="mg.json_of").set_value("permutation_importance").run()
    assert "Not computed yet" not in texts(at)
    assert "Download the numbers" in labels(at, "download_button")


def test_the_file_holds_the_object_of_the_command_line(binary, show, monkeypatch, tmp_path, capsys):
    """It says so: and it left out the notes on model and data."""
    files = {}
    offered = export.st.download_button
    monkeypatch.setattr(
        export.st, "download_button", lambda label, data, *a, **k: (files.update({label: data}), offered(label, data, *a, **k))[1]
    )  # fmt: skip
    at = show(binary, "export", **{"calibration.n_bins": "20"})
    at.selectbox(key="mg.json_of").set_value("calibration").run()
    skops.io.dump(binary.estimator, tmp_path / "m.skops")
    binary.frame.to_csv(tmp_path / "d.csv", index=False)
    asked = [
        "show",
        "calibration",
        str(tmp_path / "m.skops"),
        str(tmp_path / "d.csv"),
        "--target",
        "bought",
        "--positive",
        "yes",
    ]
    with pytest.raises(SystemExit):
        cli.main([*asked, "--set", "n_bins=20", "--json", "--quiet"])
    said, here = json.loads(capsys.readouterr().out), json.loads(files["Download the numbers"])
    assert here["results"] == said["results"]
    assert set(here) == set(said)
    assert set(here["source"]) == set(said["source"])
    assert here["notes"] == [{"level": n.level, "text": n.text} for n in binary.notes] != []


def test_numbers_of_one_row_are_offered_once_a_row_was_chosen(binary, show):
    desk = state.Desk(binary, None)
    assert "shapley_row" not in show(binary, "export").selectbox(key="mg.json_of").options
    at = show(binary, "export", **{"row.row": "3"})
    assert any("one row" in option for option in at.selectbox(key="mg.json_of").options)
    assert desk.chosen is binary


def test_the_link_leads_to_the_page_looked_at_before_or_any_other(binary, show, go):
    at = show(binary, where="age < 47", threshold="0.6")
    go(at, "slices")
    go(at, "export")
    assert at.selectbox(key="mg.link_to").value == "slices"
    assert at.code[0].value.endswith("/slices?where=age+%3C+47&threshold=0.6")
    at.selectbox(key="mg.link_to").set_value("overview").run()
    assert at.code[0].value.endswith("/?where=age+%3C+47&threshold=0.6")
    go(at, "errors")
    go(at, "export")
    assert at.selectbox(key="mg.link_to").value == "errors"


def test_a_fresh_export_page_links_to_the_overview(binary, show):
    assert show(binary, "export").selectbox(key="mg.link_to").value == "overview"


def test_the_page_to_open_another_tells_nothing_of_the_cohort(binary, show):
    told = {page: [c.value for c in show(binary, page, where="age < 45").caption] for page in ("start", "export")}
    assert any("Cohort age" in c for c in told["export"])
    assert not any("Cohort age" in c for c in told["start"])
    assert any("Opened here before" in c or "Trained on this machine" in c for c in told["start"]), "the page is there"
