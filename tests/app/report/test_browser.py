"""The report in a real Chromium with the network cut."""

from __future__ import annotations

import itertools

import pytest

from modelglass.app.report import report

pytestmark = pytest.mark.browser
CUT = """() => [...document.querySelectorAll('body *')].filter(e => {
  const r = e.getBoundingClientRect();
  return r.width && r.right > innerWidth + 1 && !e.closest('.mg-scroll, .mg-chart.mg-wide *, .skip')
    && getComputedStyle(e).visibility !== 'hidden';
}).map(e => e.outerHTML.slice(0, 90))"""
INK = "() => getComputedStyle(document.querySelector('.mg-chart .xtick text')).fill"


def until(page, question, seconds=10):
    """Ask again until the answer is yes. (Playwright's own wait needs eval, which the policy forbids.)"""
    for _ in range(seconds * 20):
        if page.evaluate(question):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never came true: {question}")


@pytest.fixture(scope="module")
def file(ev, everything, tmp_path_factory):
    return report(ev, tmp_path_factory.mktemp("report") / "report.html", analyses=everything, cohorts=["x > 0"])


@pytest.mark.parametrize("width", [1440, 420])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_chart_is_drawn_offline_under_the_content_policy(file, opened, width, scheme):
    page = opened(file, width=width, scheme=scheme)
    charts = page.locator(".mg-chart")
    assert charts.count() >= 4
    assert page.locator(".mg-chart .main-svg .points path.point, .mg-chart .main-svg .trace").count() >= charts.count()
    assert page.locator(".mg-chart:not(:has(.main-svg))").count() == 0
    assert page.asked == [file.as_uri()]
    assert page.said == []
    assert page.evaluate(CUT) == [], "nothing reaches over the right edge"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_hostile_names_run_nothing(file, opened):
    page = opened(file)
    assert page.locator("img").count() == 0
    assert page.locator("main script").count() == page.locator(".mg-chart").count()


def test_text_of_charts_follows_light_and_dark_and_changes_with_it(file, opened):
    page = opened(file, scheme="dark")
    dark = page.evaluate(INK)
    page.emulate_media(color_scheme="light")
    until(page, f"({INK})() !== {dark!r}")
    light = page.evaluate(INK)
    assert sum(map(int, light[4:-1].split(","))) < 200 < 500 < sum(map(int, dark[4:-1].split(",")))


def test_with_scripts_off_every_sentence_and_table_is_readable(file, opened):
    page = opened(file, scripts=False)
    assert page.locator(".sentence").count() >= 4
    assert all(s.is_visible() for s in page.locator(".sentence").all())
    assert all(t.is_visible() for t in page.locator(".block > .mg-scroll > table").all())
    assert page.locator(".mg-wait").count() == page.locator(".mg-chart").count()
    assert all(w.is_visible() for w in page.locator(".mg-wait").all())
    page.locator("details.origin summary").first.click()
    assert page.locator("details.origin dl").first.is_visible()


def test_a_browser_ends_cells_that_have_no_end_tag_and_sets_numbers_right(file, opened, reading):
    page = opened(file, scripts=False)
    seen = page.evaluate("""() => [...document.querySelectorAll('.mg-table')].map(t => [...t.rows].map(r => [...r.cells].map(
        c => [c.className === 'na' ? null : c.title || c.textContent, getComputedStyle(c).textAlign])))""")
    read = [
        t for blocks in reading.Read(file.read_text("utf-8")).articles.values() for b in blocks for t in b["tables"]
    ]
    assert [[[text for text, _ in row] for row in table] for table in seen] == read
    toy = next(t for t in seen if [text for text, _ in t[0]][:2] == ["x", "y"])
    assert [[side for _, side in row] for row in toy] == [["right", "right", "left"]] * len(toy)
    assert {row[0][0] for row in toy} >= {"0.0000", "0.02564102564102564"}, "one shown whole, one rounded"


@pytest.mark.parametrize("width", [1440, 420])
def test_printing_makes_charts_fit_the_paper_opens_sources_and_is_light(file, opened, width):
    page = opened(file, width=width, scheme="dark")
    before = page.evaluate(INK)
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert set(
        page.evaluate("[...document.querySelectorAll('.mg-chart .main-svg:first-child')].map(s => s.clientWidth)")
    ) == {680}
    assert page.evaluate(INK) == "rgb(24, 28, 36)"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("[...document.querySelectorAll('details.origin')].every(d => d.open)")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen", color_scheme="dark")
    until(page, f"({INK})() === {before!r}")
    assert not page.evaluate("[...document.querySelectorAll('details.origin')].some(d => d.open)")


def test_chromium_prints_with_charts_already_set_for_paper(file, opened):
    page = opened(file, width=420)
    page.evaluate("""addEventListener('beforeprint', () => {
        const sizes = name => [...document.querySelectorAll('.mg-chart')].map(c => c.querySelector('.main-svg')[name]);
        window.seen = sizes('clientWidth'); window.high = sizes('clientHeight') })""")
    assert page.pdf(format="A4", prefer_css_page_size=True).startswith(b"%PDF")
    assert 300 <= min(page.evaluate("window.high")) < max(page.evaluate("window.high")) == 880, "none is cut by a page"
    assert set(page.evaluate("window.seen")) == {680}, (
        "the print event came, and the charts were redrawn before it ended"
    )


def test_a_chart_follows_the_width_of_the_window(file, opened):
    page = opened(file, width=1440)
    page.set_viewport_size({"width": 420, "height": 900})
    until(
        page,
        "[...document.querySelectorAll('.mg-chart:not(.mg-wide) .main-svg')]"
        ".every(s => s.getBoundingClientRect().right <= innerWidth)",
    )


def test_an_old_browser_is_told_why_there_is_no_chart(file, opened, tmp_path):
    old = tmp_path / "old.html"
    old.write_text(
        file.read_text(encoding="utf-8").replace("<body>", "<body><script>delete window.DecompressionStream</script>"),
        encoding="utf-8",
    )
    page = opened(old, wait=False)
    until(page, "document.querySelector('.mg-wait').textContent.includes('cannot unpack')")
    assert page.locator(".mg-wait").first.is_visible()
    assert page.locator(".sentence").first.is_visible()


def test_a_file_that_lost_its_end_says_so(file, opened, tmp_path):
    text = file.read_text(encoding="utf-8")
    cut = tmp_path / "cut.html"
    cut.write_text(text[: text.index("window.modelglassPlotly = unpack(") - 4000], encoding="utf-8")
    page = opened(cut, wait=False)
    until(page, "[...document.querySelectorAll('.mg-wait')].every(w => !w.hidden)", seconds=15)


def test_every_link_of_the_contents_leads_to_a_heading(file, opened):
    page = opened(file)
    links = page.eval_on_selector_all(".toc a, .unsaid a", "a => a.map(x => x.getAttribute('href'))")
    assert len(links) > 10
    for link in links:
        assert page.eval_on_selector(f"[id='{link[1:]}']", "e => /^H[23]$/.test(e.tagName)"), link
    levels = page.eval_on_selector_all("h1, h2, h3, h4", "h => h.map(x => +x.tagName[1])")
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels)), "no level is skipped"
    assert page.evaluate(
        "new Set([...document.querySelectorAll('[id]')].map(e => e.id)).size"
        " === document.querySelectorAll('[id]').length"
    )


SETTINGS = {
    "permutation_importance": {"rows": 100},
    "shapley_values": {"rows": 30},
    "partial_dependence": {"rows": 60},
    "noise_robustness": {"rows": 100},
    "fragile_rows": {},
    "adversarial": {"rows": 20, "rounds": 0},
}
CUT_IN_CHARTS = """() => [...document.querySelectorAll('.js-plotly-plot')].flatMap(plot => {
  const box = plot.querySelector('.main-svg').getBoundingClientRect();
  return [...plot.querySelectorAll('text')].map(t => [t.textContent, t.getBoundingClientRect()])
    .filter(([text, r]) => text.trim() && r.width && (r.left < box.left - 2 || r.right > box.right + 2 || r.bottom > box.bottom + 2))
    .map(([text, r]) => [plot.id, text.slice(0, 60), Math.round(r.left - box.left), Math.round(box.right - r.right)]);
})"""


@pytest.fixture(scope="module")
def prices(tmp_path_factory):
    """A regression with the widest words: metrics with units, long names of columns, long levels."""
    import numpy as np
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    from modelglass.analysis.evaluation import Evaluation

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "distance_to_the_next_station": rng.normal(3, 1, 300),
            "marital_status": rng.choice(["Married-civ-spouse", "Never-married", "Married-spouse-absent"], 300),
            "area": rng.normal(80, 20, 300),
        }
    )
    price = 3000 * frame["area"] + 900 * frame["distance_to_the_next_station"] + rng.normal(0, 9000, 300)
    encoder = make_column_transformer((OneHotEncoder(), ["marital_status"]), remainder="passthrough")
    ev = Evaluation(
        make_pipeline(encoder, LinearRegression()).fit(frame, price), frame.assign(price=price), target="price"
    )
    names = ["performance", "predictions", "residuals", *SETTINGS]
    return report(ev, tmp_path_factory.mktemp("prices") / "r.html", analyses=names, settings=SETTINGS)


@pytest.mark.parametrize("width", [1440, 420])
def test_no_word_of_a_chart_is_cut(prices, opened, width):
    page = opened(prices, width=width)
    assert page.locator(".js-plotly-plot").count() == 9
    assert page.evaluate(CUT_IN_CHARTS) == []


WIDER = """() => [...document.querySelectorAll('.mg-scroll')].map(box => [box.ariaLabel, box.querySelector('table').scrollWidth, box.clientWidth])
  .filter(([, table, paper]) => table > paper + 1)"""


def test_no_table_is_wider_than_the_paper(prices, opened):
    """It would be cut, and the browser would print the whole report smaller."""
    page = opened(prices, width=687)  # A4 less the margins, at 96 dpi
    assert page.locator(".mg-16").count() >= 1
    assert page.evaluate(WIDER) != [], "on the screen it scrolls in its box"
    page.emulate_media(media="print")
    assert page.evaluate(WIDER) == []
