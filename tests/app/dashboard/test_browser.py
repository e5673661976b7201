"""A real browser walks every page of adult and of diamonds: counts, link, threshold, cell, Stop, report; no errors, no network."""

from __future__ import annotations

import time
from urllib.parse import urlencode

import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from modelglass.analysis.evaluation import Evaluation
from modelglass.app.dashboard import pages

pytestmark = [pytest.mark.browser, pytest.mark.data, pytest.mark.timeout(600)]


def fed_raw_columns(model):
    texts = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    )
    return make_pipeline(
        make_column_transformer(
            (SimpleImputer(), make_column_selector(dtype_include="number")),
            (texts, make_column_selector(dtype_exclude="number")),
        ),
        model,
    )


@pytest.fixture(scope="module")
def adult(data_file):
    train, test = pd.read_csv(data_file("adult_train.csv")), pd.read_csv(data_file("adult_test.csv"))
    model = fed_raw_columns(HistGradientBoostingClassifier(max_iter=20, random_state=0))
    model.fit(train.drop(columns="income"), train["income"])
    return Evaluation(model, test, target="income", positive=">50K", name="adult_test.csv")


@pytest.fixture(scope="module")
def diamonds(data_file):
    frame = pd.read_csv(data_file("diamonds.csv"))
    train = frame.sample(10_000, random_state=0)
    test = frame.drop(train.index).sample(10_000, random_state=1).reset_index(drop=True)
    model = fed_raw_columns(HistGradientBoostingRegressor(max_iter=20, random_state=0)).fit(
        train.drop(columns="price"), train["price"]
    )
    return Evaluation(model, test, target="price", name="diamonds.csv")


@pytest.fixture(scope="module")
def address(adult, diamonds, own_port):
    from modelglass.app.dashboard.launch import dashboard

    first = dashboard(adult, block=False, port=own_port)
    second = dashboard(diamonds, block=False)
    yield {"adult": first.url + "/", "diamonds": second.url}
    first.stop()


def titles(ev):
    return [pages.title(g) for g in pages.offered(ev.task, True)]


def counted(ev, sql):
    import duckdb

    frame = ev.frame  # noqa: F841  read by DuckDB under this name
    return duckdb.sql(f"SELECT count(*) FROM frame WHERE {sql}").fetchall()[0][0]


def choose_sql(here, sql):
    here.page.get_by_role("tab", name="SQL").click()
    here.page.get_by_role("textbox", name="Condition").fill(sql)
    here.page.locator("[data-testid=stSidebar]").get_by_role("button", name="Apply").locator("visible=true").click()
    return here.settle()


@pytest.mark.parametrize(
    ("name", "sql"), [("adult", "sex = 'Female' AND age < 30"), ("diamonds", "cut = 'Ideal' AND carat >= 1")]
)
def test_every_page_says_the_number_of_rows_that_duckdb_counts_and_its_link_shows_the_same(
    name, sql, address, walk, few, request
):
    ev = request.getfixturevalue(name)
    first = address[name] + ("&" if "?" in address[name] else "?") + urlencode(few)
    here = choose_sql(walk().open(first, "predictions"), sql)
    n = counted(ev, sql)
    for title in titles(ev):
        here.turn_to(title)
        words = here.words()
        assert f"{n:,} of {ev.n:,} rows" in words, title
        assert "did not expect" not in words, title
        assert sql in words, "signs such as >= stand as they were written"
        if title not in ("Export", "One prediction", "Predictions", "Why here?"):
            assert f"Cohort: {n:,} rows" in words, title
            assert f"All {ev.n:,} rows" in words, title
    moved = lower_a_slider(here.turn_to("Slices")).words()
    assert moved == links_hold(here, walk).words()
    assert here.faults == []


def lower_a_slider(here):
    slider = here.page.locator("[data-testid=stPopoverBody]").get_by_role("slider")
    here.page.get_by_text("More settings").first.click()
    slider.first.focus()
    for _ in range(3):
        here.page.keyboard.press("ArrowLeft")
    here.page.keyboard.press("Escape")
    return here.settle()


def links_hold(here, walk):
    """Open in fresh browsers the address of a page returned to, and the link on the export page."""
    title, words = here.page.locator("h1").inner_text(), here.words()
    here.turn_to("Export")
    shown = here.page.locator("[data-testid=stMain] [data-testid=stCode]").first.inner_text().strip()
    url = here.turn_to(title).page.url
    assert "where=" in url
    assert "slice_metrics." in url
    fresh = walk().open(url)
    assert fresh.page.url == url
    assert fresh.words() == words
    fresh.open(shown)
    assert fresh.page.locator("h1").inner_text() == title
    assert fresh.words() == words
    assert fresh.faults == []
    return fresh


def test_moving_the_threshold_changes_the_numbers_and_never_asks_the_model(adult, address, walk, monkeypatch, few):
    here = walk().open(f"{address['adult']}?{urlencode(few)}")
    asked = []
    monkeypatch.setattr(type(adult.model), "both", lambda self, X: asked.append(1))
    here.page.get_by_text("Set the threshold").click()
    here.settle()
    slider = here.page.locator("[data-testid=stSidebar]").get_by_role("slider")
    slider.focus()
    for _ in range(20):
        here.page.keyboard.press("ArrowRight")
    here.settle()
    at = adult.with_threshold(0.7)
    here.page.wait_for_function("() => location.search.includes('threshold=0.7')")
    card = here.page.locator("[data-testid=stMetric]").filter(has_text="Accuracy").first.inner_text()
    assert f"{(at.y == at.predicted).mean():.3f}" in card
    assert asked == []
    assert here.faults == []


def test_a_click_on_a_confusion_cell_opens_its_rows(adult, address, walk, few):
    here = walk().open(f"{address['adult']}?{urlencode(few)}", "errors")
    n = int(((adult.y == 1) & (adult.predicted == 0)).sum())
    place = here.page.locator(".stPlotlyChart").first
    place.get_by_text(f"{n:,}").click(force=True)
    here.page.get_by_text(f"Of {n:,} rows that are >50K and predicted as <=50K").wait_for()
    assert here.page.url.count("errors.cell=") == 2
    assert here.faults == []


def test_long_work_shows_progress_stops_and_leaves_others_free(adult, address, walk, monkeypatch, few):
    from modelglass.analysis import registry

    monkeypatch.setitem(
        registry.analyses(),
        "endless",
        registry.Analysis(
            name="endless",
            title="Endless",
            question="When?",
            page="endless",
            compute=f"{__name__}:_endless",
            cost="minutes",
        ),
    )
    monkeypatch.setattr(
        registry.Analysis,
        "function",
        lambda self, known=registry.Analysis.function: _endless if self.name == "endless" else known(self),
    )
    busy, other = walk(), walk().open(f"{address['adult']}?{urlencode(few)}", "errors")
    busy.page.goto(address["adult"] + "endless")
    busy.page.get_by_text("turning").wait_for()
    other.turn_to("Predictions").turn_to("Errors")  # how fast: benchmarks/response.py
    assert _ended == [], "the work goes on while others are answered"
    busy.page.get_by_role("button", name="Stop").click()
    busy.page.get_by_text("Endless was stopped").wait_for()
    while not _ended:  # hours, if Stop did not reach it: the test's own limit says so
        time.sleep(0.02)
    assert _ended == [True]
    busy.page.get_by_role("button", name="Start again").click()
    busy.page.get_by_text("turning").wait_for()
    busy.page.get_by_role("button", name="Stop").click()
    busy.page.get_by_text("Endless was stopped").wait_for()
    assert busy.faults + other.faults == []


_ended: list[bool] = []


def _endless(ev, progress=None):
    try:
        for step in range(100_000):
            progress(step / 100_000, "turning")
            busy_until = time.monotonic() + 0.05
            while time.monotonic() < busy_until:  # as greedy as an explainer: it holds Python's lock when it can
                sum(range(2_000))
    finally:
        _ended.append(True)


def test_the_report_is_made_downloaded_and_opens_without_a_network(adult, address, walk, tmp_path, few):
    here = walk().open(f"{address['adult']}export?{urlencode(few)}")
    here.page.get_by_role("button", name="Make the report").click()
    button = here.page.get_by_role("button", name="Download the report")
    button.wait_for()
    with here.page.expect_download() as download:
        button.click()
    path = tmp_path / "report.html"
    download.value.save_as(path)
    assert path.stat().st_size < 5_000_000
    cut = walk()
    cut.context.set_offline(True)
    cut.page.goto(path.as_uri())
    cut.page.wait_for_timeout(1500)
    assert f"{adult.n:,} rows" in cut.page.inner_text("body")
    assert here.faults + cut.faults == []
