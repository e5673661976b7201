"""A real browser walks every page of adult and of diamonds: counts, link, threshold, cell, Stop, report; no errors, no network."""

from __future__ import annotations

import re
import time

import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.registry import analyses
from modelglass.app.dashboard import pages

pytestmark = [pytest.mark.browser, pytest.mark.data, pytest.mark.timeout(600)]
PATIENCE = 120_000
FEW_ROWS = "&".join(
    f"{analysis.name}.{setting.name}={max(50, setting.low)}"
    for analysis in analyses().values()
    for setting in analysis.settings
    if setting.name in ("rows", "train_rows", "points") and setting.low is not None
)
"""Every analysis that says how many rows it looks at gets few: what is walked here is the pages."""
SETTLED = """() => document.querySelector('h1') && !document.querySelector('[data-stale=true], [data-testid=stProgress], [data-testid=stSkeleton]')
    && document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'"""


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
def address(adult, diamonds):
    from modelglass.app.dashboard.launch import dashboard

    first = dashboard(adult, block=False, port=8750)
    second = dashboard(diamonds, block=False)
    yield {"adult": first.url + "/", "diamonds": second.url}
    first.stop()


class Walk:
    """One fresh browser context that notes every error of its console and every request that leaves the machine."""

    def __init__(self, browser, **options):
        self.context = browser.new_context(viewport={"width": 1440, "height": 1000}, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.faults: list[str] = []
        self.page.on("console", lambda m: self.faults.append(f"console: {m.text}") if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.faults.append(f"page: {e}"))
        self.page.on(
            "request",
            lambda r: (
                None
                if re.match(r"(https?|ws)://127\.0\.0\.1|data:|blob:|file:", r.url)
                else self.faults.append(f"request: {r.url}")
            ),
        )

    def open(self, url):
        self.page.goto(url)
        return self.settle()

    def settle(self):
        self.page.wait_for_timeout(400)  # a click needs a moment to reach the server before the page turns busy
        self.page.wait_for_function(SETTLED, polling=100)  # not at every frame: that alone keeps a core busy
        assert self.page.locator("[data-testid=stException]").count() == 0
        return self

    def turn_to(self, title):
        self.page.get_by_role("link", name=title, exact=True).click()
        self.page.wait_for_function("title => document.querySelector('h1')?.textContent === title", arg=title)
        return self.settle()

    def words(self):
        return self.page.locator("[data-testid=stMain]").inner_text()

    def choose_sql(self, sql):
        self.page.get_by_role("tab", name="SQL").click()
        self.page.get_by_role("textbox", name="Condition").fill(sql)
        self.page.locator("[data-testid=stSidebar]").get_by_role("button", name="Apply").locator("visible=true").click()
        return self.settle()


@pytest.fixture
def walk(chromium):
    walks = []

    def start(**options):
        walks.append(Walk(chromium, **options))
        return walks[-1]

    yield start
    for one in walks:
        one.context.close()


def titles(ev):
    return [pages.title(g) for g in pages.offered(ev.task, True)]


def counted(ev, sql):
    import duckdb

    frame = ev.frame  # noqa: F841  read by DuckDB under this name
    return duckdb.sql(f"SELECT count(*) FROM frame WHERE {sql}").fetchall()[0][0]


@pytest.mark.parametrize(
    ("name", "sql"), [("adult", "sex = 'Female' AND age < 30"), ("diamonds", "cut = 'Ideal' AND carat >= 1")]
)
def test_every_page_says_the_number_of_rows_that_duckdb_counts(name, sql, address, walk, request):
    ev = request.getfixturevalue(name)
    here = walk().open(address[name] + ("&" if "?" in address[name] else "?") + FEW_ROWS)
    here.choose_sql(sql)
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
    assert here.faults == []


def test_a_copied_link_shows_the_same_in_a_fresh_browser(adult, address, walk):
    first = walk().open(address["adult"] + "slices")
    first.choose_sql("race = 'Black'")
    slider = first.page.locator("[data-testid=stPopoverBody]").get_by_role("slider")
    first.page.get_by_text("More settings").first.click()
    slider.first.focus()
    for _ in range(3):
        first.page.keyboard.press("ArrowLeft")
    first.page.keyboard.press("Escape")
    first.settle()
    first.turn_to("Export").turn_to("Slices")
    url = first.page.url
    assert "where=" in url
    assert "slice_metrics." in url
    second = walk().open(url)
    assert second.page.url == url
    assert second.words() == first.words()
    n = counted(adult, "race = 'Black'")
    assert f"{n:,} of {adult.n:,} rows" in second.words()
    assert first.faults + second.faults == []


def test_the_link_on_the_export_page_leads_to_the_page_looked_at_before(address, walk):
    here = walk().open(address["adult"] + "errors")
    here.choose_sql("age > 60")
    words = here.words()
    here.turn_to("Export")
    shown = here.page.locator("[data-testid=stMain] [data-testid=stCode]").first.inner_text().strip()
    fresh = walk().open(shown)
    assert fresh.page.locator("h1").inner_text() == "Errors"
    assert fresh.words() == words


def test_moving_the_threshold_changes_the_numbers_and_never_asks_the_model(adult, address, walk, monkeypatch):
    here = walk().open(address["adult"])
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


def test_a_click_on_a_confusion_cell_opens_its_rows(adult, address, walk):
    here = walk().open(address["adult"] + "errors")
    n = int(((adult.y == 1) & (adult.predicted == 0)).sum())
    place = here.page.locator(".stPlotlyChart").first
    place.get_by_text(f"{n:,}").click(force=True)
    here.page.get_by_text(f"Of {n:,} rows that are >50K and predicted as <=50K").wait_for()
    assert here.page.url.count("errors.cell=") == 2
    assert here.faults == []


def test_long_work_shows_progress_stops_and_leaves_others_free(adult, address, walk, monkeypatch):
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
    busy, other = walk(), walk().open(address["adult"] + "errors")
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


def test_the_report_is_made_downloaded_and_opens_without_a_network(adult, address, walk, tmp_path):
    here = walk().open(f"{address['adult']}export?{FEW_ROWS}")
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
