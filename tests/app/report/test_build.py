"""The report says what the Python calls say, leaves out what it must, and is written whole or not at all."""

from __future__ import annotations

import html
import re

import numpy as np
import pandas as pd
import pytest

import modelglass as mg
from modelglass.analysis import registry
from modelglass.analysis.budget import left, within_budget
from modelglass.analysis.errors import InputError, MachineError, Stopped
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.findings import findings
from modelglass.analysis.registry import Outcome
from modelglass.app.report import build, report, sections, writing, written
from modelglass.app.report.sections import PAGES, grouped

EVIL = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def made(ev, everything, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    assert report(ev, str(path), analyses=everything, cohorts=["x > 0"]) == path
    return path


@pytest.fixture(scope="module")
def text(made):
    return made.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def read(text, reading):
    return reading.Read(text)


def test_sentences_and_tables_equal_the_python_calls_section_by_section(read, reading, ev, everything):
    checked = 0
    for analysis in everything:
        blocks = read.articles[analysis.name]
        for block, cohort in zip(blocks, [ev, ev.where("x > 0")], strict=False):
            outcome = registry.run(cohort, analysis) if analysis.name not in ("broken", "refused") else None
            if outcome is not None and outcome.result is not None:
                checked += reading.check_block(block, outcome.result, analysis.name)
    assert checked > 100


def test_what_could_be_done_stands_there_as_it_is_and_is_never_run(text):
    assert html.escape(f"Mend {EVIL}.") in text or f"Mend {html.escape(EVIL, quote=False)}." in text
    code = re.search(r"<pre tabindex=\"0\"><code>(.*?)</code></pre>", text, re.DOTALL)[1]
    assert html.unescape(code) == f"mend({EVIL!r})\nagain()"
    assert "<img src=x" not in text


def test_the_table_of_constraints_is_the_one_that_the_other_sections_follow(tmp_path, reading):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(18, 90, 120), "b": rng.normal(size=120)})
    frame["t"] = frame.a + frame.b
    ev = Evaluation(lambda x: (x.a + x.b).to_numpy(), frame, target="t", task="regression")
    rules = {"columns": {"a": {"direction": "up", "high": 95}}}
    names = ["constraints", "adversarial", "sobol_indices"]
    for asked, high in ({}, "89"), ({"adversarial": {"constraints": rules}}, "95"):
        given = {"sobol_indices": {"points": 256}, **asked}
        path = report(ev, tmp_path / "r.html", analyses=names, settings=given)
        read = reading.Read(path.read_text(encoding="utf-8"))
        assert set(read.articles) >= set(names)
        text = path.read_text(encoding="utf-8")
        part = text[text.index('id="a-constraints"') : text.index("</article>", text.index('id="a-constraints"'))]
        assert f"<td>{high}" in part
        assert ("given: direction, high" in part) == bool(asked)


def test_the_cohort_stands_beside_the_whole_where_that_is_quick(read, text):
    assert [len(read.articles[n]) for n in ("performance", "slice_metrics", "toy", "cannot", "slow")] == [
        2,
        2,
        2,
        2,
        1,
    ]
    assert "For all rows only: it takes too long to repeat" in text
    assert "<h4>x &gt; 0</h4>" in text


def test_what_cannot_be_said_and_what_failed_is_said_in_place_and_in_the_summary(text):
    reason = f"Cannot say, because</strong> there is no {html.escape(EVIL)}."
    assert text.count(reason) == 2
    assert "ZeroDivisionError: one by nothing" in text
    assert "Expected the package frob.\nIt is not installed.\nInstall it." in text
    unsaid = text[text.index('<ul class="unsaid">') :]
    unsaid = unsaid[: unsaid.index("</ul>")]
    assert unsaid.count("<li>") == 2 + 2 + 2 + 1
    assert '<a href="#a-cannot">' in unsaid


def test_rows_of_the_data_are_listed_only_when_asked_for(ev, text, reading, everything, tmp_path):
    assert "RAWVALUE" not in text
    assert "The table lists rows of the data and is left out" in text
    assert "Left out: it lists rows of the data as they are" in text
    assert "No table lists rows of the data" in text
    asked = report(ev, tmp_path / "rows.html", analyses=everything, include_rows=True).read_text(encoding="utf-8")
    assert len([r for r in reading.Read(asked).articles["worst_rows"][0]["tables"][0][1:] if "RAWVALUE" in r]) == 1
    assert "Rows of the data are listed, as was asked for" in asked


def test_nothing_hostile_becomes_markup(read, text):
    assert not {"img", "iframe", "link", "object", "form"} & {t for t, _ in read.tags}
    assert all(not any(a.startswith("on") for a in attrs) for _, attrs in read.tags)
    assert html.escape(EVIL) in text
    links = [a["href"] for _, a in read.tags if "href" in a]
    assert all(link.startswith("#") for link in links)
    assert not [a for _, a in read.tags if "src" in a]


def test_the_file_brings_its_library_once_and_forbids_the_network(read, text):
    assert text.count('modelglassPlotly = unpack("') == 1
    policy = next(a["content"] for t, a in read.tags if t == "meta" and a.get("http-equiv"))
    assert policy.startswith("default-src 'none'; script-src 'unsafe-inline';")
    assert not re.search(r"""(src|href|url\()\s*=?\s*["']?(https?:)?//""", text.split("unpack(")[0])


def test_source_and_settings_stand_under_every_section(read, text):
    origins = sum(t == "details" and "origin" in a.get("class", "") for t, a in read.tags)
    with_sentence = sum(bool(b["sentence"]) for blocks in read.articles.values() for b in blocks)
    assert origins == with_sentence > 5
    assert "300 of 600 rows" in text or re.search(r"\d+ of 600 rows, where x &gt; 0", text)
    assert "<dt>level</dt><dd>0.95</dd>" in text
    assert f"<dd>{html.escape(EVIL)}</dd>" in text


def test_the_level_reaches_the_analyses_that_have_one(ev, everything, tmp_path):
    text = report(ev, tmp_path / "r.html", analyses=everything, level=0.8).read_text(encoding="utf-8")
    assert "<dt>level</dt><dd>0.8</dd>" in text
    assert "80&nbsp;% interval" in text
    with pytest.raises(InputError, match="between 0 and 1"):
        report(ev, tmp_path / "no.html", level=95)


def test_the_summary_picks_headline_and_worst_slices(ev, text):
    from modelglass.analysis.performance import performance, shown

    row = performance(ev).frame().iloc[0]
    assert f'title="{float(row.estimate)!r}">{shown(row.estimate)}</span>' in text
    worst = text[text.index('<ol class="worst">') : text.index("</ol>", text.index('<ol class="worst">'))]
    assert f"group: {html.escape(EVIL)}" in worst, "the slice with planted errors comes first"


def test_the_summary_opens_with_the_findings_and_what_was_looked_at(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"job": rng.choice(list("abcd"), 3000), "age": rng.normal(40, 10, 3000)})
    p = 1 / (1 + np.exp(-2 * rng.normal(size=3000)))
    y = (rng.random(3000) < p).astype(int)
    y[frame["job"] == "b"] = 1 - y[frame["job"] == "b"]
    ev = Evaluation.from_predictions(y, score=p, threshold=0.5, frame=frame)
    found = findings(ev)
    assert found.found[0].severity == "high"
    assert found.found[0].where == "\"job\" = 'b'"
    page = report(ev, tmp_path / "found.html", analyses=["findings"]).read_text(encoding="utf-8")
    start, end = page.index('<ol class="found">'), page.index("</ol>", page.index('<ol class="found">'))
    listed = html.unescape(page[start:end])
    assert listed.count("<li>") == len(found.found)
    assert found.found[0].sentence in listed
    assert found.found[0].where in listed
    assert "slices found" in page[end : end + 400]


def test_a_report_without_a_chart_brings_no_library(ev, everything, tmp_path):
    path = report(ev, tmp_path / "small.html", analyses=[a for a in everything if a.name == "cannot"])
    assert path.stat().st_size < 30_000


def test_analyses_by_name_and_names_that_do_not_exist(ev, tmp_path):
    with pytest.raises(InputError, match="Expected the name of a declared analysis"):
        report(ev, tmp_path / "r.html", analyses=["performanc_"])
    with pytest.raises(InputError, match="Expected a list of analyses"):
        report(ev, tmp_path / "r.html", analyses="roc")
    assert not list(tmp_path.iterdir())


def test_without_a_choice_every_analysis_that_fits_and_belongs_is_there(ev, monkeypatch, everything):
    seen = {a.name: a for a in everything}
    monkeypatch.setattr(registry, "analyses", lambda: seen)
    assert [a.name for a in build._chosen(ev, None)] == list(seen)


def test_what_needs_a_cohort_is_made_for_every_cohort_and_left_out_without_one(ev, tmp_path, reading):
    names = ["contrast", "column_differences"]
    assert "contrast" not in {a.name for a in build._chosen(ev, None)}
    assert "contrast" in {a.name for a in build._chosen(ev, None, cohort=True)}
    both = report(ev, tmp_path / "both.html", analyses=names, cohorts=["x > 0", "x < -1"]).read_text(encoding="utf-8")
    articles = reading.Read(both).articles
    for name in names:
        for block, cohort in zip(articles[name], (ev.where("x > 0"), ev.where("x < -1")), strict=True):
            reading.check_block(block, registry.run(cohort, name).result, name)
    one = report(ev.where("x > 0"), tmp_path / "one.html", analyses=names).read_text(encoding="utf-8")
    assert [len(blocks) for blocks in reading.Read(one).articles.values()] == [1, 1]
    none = report(ev, tmp_path / "none.html", analyses=names).read_text(encoding="utf-8")
    assert none.count("Left out: it is about a cohort.") == 2


def test_page_groups_come_in_reading_order_and_unknown_ones_follow(everything):
    assert [p for p, _, _ in grouped(everything)] == [
        "overview",
        "slices",
        "curves",
        "errors",
        "sensitivity",
        "zoo",
    ]
    assert [t for _, t, _ in grouped(everything)][-1] == "Zoo"
    assert next(iter(PAGES)) == "overview"


@pytest.mark.parametrize(("path", "says"), [("gone/report.html", "does not exist"), (".", "is a folder")])
def test_a_path_that_cannot_be_written_is_refused_before_any_work(ev, tmp_path, monkeypatch, path, says):
    def no_work(*_, **__):
        raise AssertionError("work was done")

    monkeypatch.setattr(build, "groups", no_work)
    with pytest.raises(InputError, match=says) as caught:
        report(ev, tmp_path / path)
    assert str(caught.value).count("\n") == 2


def test_a_folder_that_is_not_ones_own_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(writing.os, "access", lambda *_: False)  # root, which runs the tests in CI, may write anywhere
    with pytest.raises(InputError, match="Nothing may be written in the folder"):
        writing.checked_path(tmp_path / "r.html")


def test_a_wrong_cohort_is_refused_and_nothing_is_left(ev, tmp_path):
    with pytest.raises(InputError):
        report(ev, tmp_path / "r.html", cohorts=["nonsense ="])
    assert not list(tmp_path.iterdir())


def test_a_stop_leaves_the_older_file_untouched(ev, everything, tmp_path):
    path = tmp_path / "r.html"
    path.write_text("older")

    def stop(share, what):
        if share > 0.6:
            raise Stopped("asked to stop")

    with pytest.raises(Stopped):
        report(ev, path, analyses=everything, progress=stop)
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


def test_any_exception_of_the_progress_ends_the_work(ev, everything, tmp_path):
    def stop(share, what):
        if what.startswith("block 2"):
            raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        report(ev, tmp_path / "r.html", analyses=everything, progress=stop)
    assert not list(tmp_path.iterdir())


def test_where_the_machine_gives_out_the_section_says_so_and_the_report_is_finished(ev, giving_out, tmp_path, reading):
    path, lacking = written(ev, tmp_path / "r.html", analyses=giving_out[:2] + giving_out[3:])
    assert lacking == ["The unanswered & co", "The hungry & co"]
    text = path.read_text(encoding="utf-8")
    assert "The machine could not.</strong> the model did not answer" in text
    assert "The machine could not.</strong> There was not enough memory for this." in text
    assert reading.Read(text).articles["quick"][0]["sentence"].startswith("The toy")


def test_after_the_machine_gave_out_twice_only_quick_sections_are_tried(ev, giving_out, tmp_path, reading):
    path, lacking = written(ev, tmp_path / "r.html", analyses=giving_out)
    assert lacking == ["The unanswered & co", "The hungry & co", "The slow & co"]
    text = path.read_text(encoding="utf-8")
    assert (
        text.count("Not tried, because the machine gave out in 2 sections before.") == 2
    )  # in place, and in the summary
    assert reading.Read(text).articles["quick"][0]["sentence"].startswith("The toy")
    once = written(ev, tmp_path / "r.html", analyses=giving_out[1:])
    assert once[1] == ["The hungry & co"]


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "r.html"
    path.write_text("older")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing.os, "fsync", full)
    with pytest.raises(MachineError, match="No space left on device"):
        writing.write_whole(path, "newer")
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


def test_progress_rises_to_one(ev, everything, tmp_path):
    told = []
    report(ev, tmp_path / "r.html", analyses=everything, progress=lambda share, what: told.append(share))
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_the_front_door_writes_it(ev, everything, tmp_path):
    assert mg.report(ev, tmp_path / "r.html", analyses=everything[:1]).is_file()


def test_settings_reach_their_analyses_and_the_report_says_which_are_not_as_usual(ev, everything, tmp_path, reading):
    asked = {"calibration": {"n_bins": 4}, "toy": {"size": 7}}
    text = report(ev, tmp_path / "r.html", analyses=[*everything, "calibration"], settings=asked).read_text(
        encoding="utf-8"
    )
    reading.check_block(
        reading.Read(text).articles["calibration"][0], registry.run(ev, "calibration", n_bins=4).result, "calibration"
    )
    assert "Bins <b>4</b> (usually 10)" in text
    assert "Settings that are not the usual ones stand above their section" in text
    usual = report(ev, tmp_path / "u.html", analyses=everything).read_text(encoding="utf-8")
    assert "Not as usual" not in usual
    assert "All settings are the usual ones." in usual


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"calibratoin": {"n_bins": 4}}, "calibration"),
        ({"calibration": {"bins": 4}}, "n_bins"),
        ({"calibration": 4}, "by name"),
    ],
)
def test_a_wrong_setting_is_refused_before_any_work(settings, said, ev, tmp_path):
    with pytest.raises(InputError, match=said):
        report(ev, tmp_path / "r.html", settings=settings, progress=lambda *_: pytest.fail("worked"))


def test_sections_have_their_shares_of_a_budget(monkeypatch, ev, tmp_path):
    """What is done at once has no end, what takes fewer rows itself has all that is left, and any other longer one half of it."""
    seen = {}

    def run(ev, analysis, **settings):
        end = left()
        seen[analysis.name] = None if end is None else round(end[0])
        return Outcome(analysis=analysis, reason="nobody knows")

    monkeypatch.setattr(sections, "run", run)
    with within_budget(100.0):
        report(ev, tmp_path / "r.html", analyses=["performance", "partial_dependence", "findings"])
    assert seen == {"performance": None, "partial_dependence": 100, "findings": 50}
    report(ev, tmp_path / "r.html", analyses=["performance", "partial_dependence", "findings"])
    assert seen == {"performance": None, "partial_dependence": None, "findings": None}
