"""A real browser walks by clicks: slice, cell, bar, table row; the cohort beside the rest; back; a link in a fresh browser."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from modelglass.analysis.evaluation import Evaluation
from modelglass.explainers import shapley_difference

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
MARKS = """title => {
    const charts = [...document.querySelectorAll('.js-plotly-plot')].filter(c => c.checkVisibility());
    const found = [];
    charts.forEach((gd, chart) => gd.calcdata.forEach((trace, t) => {
        const full = gd._fullData[t], box = gd.getBoundingClientRect();
        const xa = gd._fullLayout['xaxis' + full.xaxis.slice(1)], ya = gd._fullLayout['yaxis' + full.yaxis.slice(1)];
        trace.forEach((point, i) => {
            const data = full.customdata && full.customdata[point.i ?? i];
            if (!data || !data[data.length - 1]) return;
            const end = (point.b || 0) + (point.s || 0) / 2;  // the middle of a bar
            const at = full.type !== 'bar' ? [xa.c2p(point.x), ya.c2p(point.y)]
                : full.orientation === 'h' ? [xa.c2p(end), ya.c2p(point.p)] : [xa.c2p(point.p), ya.c2p(end)];
            found.push({chart, title: gd._fullLayout.title.text.replaceAll('<br>', ' '), where: data[data.length - 1],
                        x: box.left + xa._offset + at[0], y: box.top + ya._offset + at[1]});
        });
    }));
    return found.filter(m => m.title.includes(title));
}"""
"""Every mark that carries a condition: its chart, the condition, and where it stands on the screen."""


CLICKED = [
    "performance",
    "slice_metrics",
    "error_tree",
    "error_heatmap",
    "find_slices",
    "fairness",
    "confusion",
    "worst_rows",
    "calibration",
    "predictions",
    "residuals",
    "projection",
    "listing",
    "why_here",
    "contrast",
    "shapley_difference",
    "partial_dependence",
    "joint_effect",
]
"""Analyses whose marks are clicked on here, and two pages of longer work; all of every page is walked in test_browser."""


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    made = pd.DataFrame(
        {
            "age": rng.integers(18, 80, 2000),
            "pay": rng.normal(3, 1, 2000).round(3),
            "city": rng.choice(["Rome", "Oslo", "Ponta Delgada"], 2000, p=[0.6, 0.3, 0.1]),
        }
    )
    drive = made["age"] / 30 + made["pay"] + rng.normal(0, np.where(made["city"] == "Oslo", 2.5, 0.5))
    return made.assign(spent=drive.round(3), bought=np.where(drive > drive.median(), "yes", "no"))


def fitted(kind, frame, target):
    coded = make_column_transformer((OrdinalEncoder(), ["city"]), remainder="passthrough")
    read = ["age", "pay", "city"]
    return make_pipeline(coded, kind(max_iter=15, random_state=0)).fit(frame[read], frame[target])


@pytest.fixture(scope="module")
def shop(frame):
    model = fitted(HistGradientBoostingClassifier, frame.iloc[:500], "bought")
    return Evaluation(model, frame.drop(columns="spent"), target="bought", positive="yes", name="shop.csv")


@pytest.fixture(scope="module")
def spending(frame):
    model = fitted(HistGradientBoostingRegressor, frame.iloc[:500], "spent")
    return Evaluation(model, frame.drop(columns="bought"), target="spent", name="spending.csv")


@pytest.fixture(scope="module")
def address(shop, spending, offered, own_port):
    from modelglass.app.dashboard.launch import dashboard

    offered(CLICKED)
    first = dashboard(shop, block=False, port=own_port)
    second = dashboard(spending, block=False)
    yield {"shop": first.url + "/", "spending": second.url}
    first.stop()


def marks(here, title, like=""):
    """Give the marks of the charts with this in their title, and this in their condition; the first is in sight."""
    here.page.wait_for_function(
        "t => [...document.querySelectorAll('.js-plotly-plot')].some(c => c._fullLayout?.title?.text?.replaceAll('<br>', ' ').includes(t))",
        arg=title,
    )
    here.page.evaluate(
        "t => [...document.querySelectorAll('.js-plotly-plot')].find(c => c._fullLayout?.title?.text?.replaceAll('<br>', ' ').includes(t)).scrollIntoView({block: 'center'})",
        title,
    )
    here.page.wait_for_timeout(300)
    return [m for m in here.page.evaluate(MARKS, title) if re.search(like, m["where"])]


def click_on(here, mark):
    for turn in range(40):  # a busy page is slow to see what is under the mouse
        here.page.mouse.move(mark["x"] - turn % 2, mark["y"])
        here.page.wait_for_timeout(150)
        if here.page.locator(".hoverlayer .hovertext").count():
            break
    here.page.mouse.click(mark["x"], mark["y"])
    here.page.wait_for_timeout(600)
    return here.settle()


def choose(here, label, choice):
    """Choose from a list in the side bar; a page that runs again meanwhile closes it."""
    option = here.page.get_by_role("option", name=choice)
    for _ in range(8):
        here.settle()
        here.page.locator("[data-testid=stSidebar]").get_by_role("combobox", name=label).click()
        here.page.wait_for_timeout(700)
        if option.count():
            option.click()
            return here.settle()
    raise AssertionError(f"{choice} was not offered")


def counted(ev, sql):
    """Count the rows in DuckDB itself, with what the model says of them as plain columns."""
    import duckdb

    more = {"_row": ev.frame.index.to_numpy(), "_error": ev.predicted - ev.y}
    if ev.task == "binary":
        labels = np.array(ev.classes, dtype=object)
        more = {"_row": more["_row"], "_outcome": labels[ev.y], "_prediction": labels[ev.predicted]}
        more |= {"_score": ev.score, "_error": (ev.y != ev.predicted).astype(int)}
    else:
        more |= {"_outcome": ev.y, "_prediction": ev.predicted}
    frame = ev.frame.assign(**more)  # noqa: F841  read by DuckDB under this name
    return duckdb.sql(f"SELECT count(*) FROM frame WHERE {sql}").fetchall()[0][0]


def is_cohort(here, ev, where):
    n = counted(ev, where)
    assert 0 < n < ev.n
    here.page.locator("[data-testid=stSidebar]").get_by_text(f"{n:,} of {ev.n:,} rows").wait_for()
    here.settle()
    assert here.where == where
    assert f"{n:,} of {ev.n:,} rows" in here.side
    assert f"{n:,} of {ev.n:,} rows" in here.words()


def test_a_slice_becomes_the_cohort_and_is_narrowed_within_it_and_stepped_back_from(shop, address, walk):
    here = walk().open(address["shop"], "slices")
    first = marks(here, "worst accuracy first", "Oslo")[0]
    click_on(here, first)
    is_cohort(here, shop, "\"city\" = 'Oslo'")
    left, right = sorted({m["chart"] for m in marks(here, "worst accuracy first")})[:2]
    inside = next(m for m in marks(here, "worst accuracy first", '"age" <') if m["chart"] == left)
    click_on(here, inside)
    narrow = inside["where"].removeprefix("(\"city\" = 'Oslo') AND ")
    is_cohort(here, shop, f"\"city\" = 'Oslo' AND {narrow}")
    outside = next(m for m in marks(here, "worst accuracy first", "Rome") if m["chart"] > left)
    click_on(here, outside)
    is_cohort(here, shop, "\"city\" = 'Rome'")  # clicked among all rows, it takes the place of the one before
    here.page.get_by_role("button", name="Back").click()
    here.settle()
    assert here.where == f"\"city\" = 'Oslo' AND {narrow}"
    here.page.get_by_role("button", name="All rows").click()
    here.page.get_by_text("Choose some to see them beside the whole").wait_for()
    assert here.settle().where is None
    assert right > left
    assert here.faults == []


def test_a_confusion_cell_becomes_the_cohort_and_opens_its_rows(shop, address, walk):
    here = walk().open(address["shop"], "errors")
    mark = marks(here, "Actual against predicted", "_outcome = 'yes' AND _prediction = 'no'")[0]
    click_on(here, mark)
    is_cohort(here, shop, "_outcome = 'yes' AND _prediction = 'no'")
    n = int(((shop.y == 1) & (shop.predicted == 0)).sum())
    here.page.get_by_text(f"Of {n:,} rows that are yes and predicted as no").wait_for()
    assert here.faults == []


def test_a_cohort_of_errors_moves_with_the_threshold(shop, address, walk):
    here = walk().open(address["shop"] + "?where=_error%20%3D%201", "errors")
    n = int((shop.predicted != shop.y).sum())
    assert f"{n:,} of {shop.n:,} rows" in here.side
    here.open(address["shop"] + "?where=_error%20%3D%201&threshold=0.8", "errors")
    at = shop.with_threshold(0.8)
    there = int((at.predicted != at.y).sum())
    assert there != n
    assert f"{there:,} of {shop.n:,} rows" in here.side


@pytest.mark.parametrize(
    ("name", "page", "title", "like"),
    [
        ("shop", "curves", "Calibration of", "_score > 0.2"),
        ("shop", "curves", "Scores of", "_score"),
        ("spending", "residuals", "Residuals by", "_error >"),
        ("spending", "residuals", "Residuals by", "_prediction BETWEEN"),
        ("spending", "residuals", "Actual against predicted", "_outcome >="),
    ],
)
def test_bars_bins_and_points_become_the_cohort(name, page, title, like, address, walk, request):
    ev = request.getfixturevalue(name)
    here = walk().open(address[name], page)
    sizes = {m["where"]: counted(ev, m["where"]) for m in marks(here, title, like)}
    mark = max(marks(here, title, like), key=lambda m: sizes[m["where"]])
    click_on(here, mark)
    is_cohort(here, ev, mark["where"])
    assert here.faults == []


def test_a_table_row_becomes_the_cohort(shop, address, walk, click_in):
    here = walk().open(address["shop"] + "?slice_metrics.by=city", "slices")
    here.page.get_by_text("Table and source").first.click()
    here.settle()
    table = here.page.locator("[data-testid=stDataFrame]").first
    click_in(table, 15, 35 * 6 + 17)  # the box before the sixth row: the first five are all rows
    here.settle()
    here.page.wait_for_function("() => location.search.includes('where=')")
    is_cohort(here, shop, here.where)


def test_beside_the_rest_beside_a_saved_cohort_and_the_link_in_a_fresh_browser(shop, address, walk):
    here = walk().open(address["shop"] + "?where=city%20%3D%20%27Rome%27", "slices")
    side = here.page.locator("[data-testid=stSidebar]")
    side.get_by_role("tab", name="Saved").click()
    side.get_by_role("textbox", name="Name for this cohort").fill("romans")
    side.get_by_role("button", name="Save").click()
    here.settle()
    here.open(address["shop"] + "?where=city%20%3D%20%27Oslo%27", "slices")
    oslo, rome = counted(shop, "city = 'Oslo'"), counted(shop, "city = 'Rome'")
    for choice, shown in (
        ("The rest", f"The rest: {shop.n - oslo:,} rows"),
        ("Cohort romans", f"Other cohort: {rome:,} rows"),
    ):
        choose(here, "Beside", choice)
        assert shown in here.words()
        assert f"Cohort: {oslo:,} rows" in here.words()
    mark = next(m for m in marks(here, "worst accuracy first", '"age" <') if m["chart"] > 0)
    click_on(here, mark)
    is_cohort(here, shop, mark["where"].replace("(city = 'Rome')", "city = 'Rome'"))
    fresh = walk().open(here.page.url)
    assert fresh.page.url == here.page.url
    assert fresh.words() == here.words()
    assert here.faults + fresh.faults == []


def around(here, marks_of, shown):
    """Draw a lasso around some marks: a box of corners just outside them."""
    xs, ys = [m["x"] for m in marks_of], [m["y"] for m in marks_of]
    left, right, top, bottom = min(xs) - 2, max(xs) + 2, min(ys) - 2, max(ys) + 2
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    here.page.mouse.move(*corners[0])
    here.page.mouse.down()
    for x, y in corners[1:]:
        here.page.mouse.move(x, y, steps=12)
    here.page.mouse.up()
    here.page.wait_for_timeout(600)
    return {m["where"] for m in shown if left + 1 < m["x"] < right - 1 and top + 1 < m["y"] < bottom - 1}


def test_drawing_around_rows_of_the_map_makes_them_the_cohort(shop, address, walk):
    here = walk().open(address["shop"], "map")
    shown = marks(here, "Principal components of", "_row = ")
    assert len(shown) == shop.n
    middle = np.median([m["x"] for m in shown])
    some = [m for m in shown if m["x"] < middle and m["y"] < np.median([s["y"] for s in shown])]
    wanted = around(here, some, shown)
    here.page.wait_for_function("() => location.search.includes('_row')")
    where = here.settle().where
    got = set(shop.where(where).frame.index)
    inside = {int(w.removeprefix("_row = ")) for w in wanted}
    assert inside <= got
    assert len(got - inside) <= 0.02 * len(got)  # marks at the line itself
    is_cohort(here, shop, where)
    here.turn_to("Slices").turn_to("Overview")
    is_cohort(here, shop, where)
    fresh = walk().open(here.page.url)
    assert fresh.where == where
    assert f"{len(got):,} of {shop.n:,} rows" in fresh.side
    assert here.faults + fresh.faults == []


@pytest.mark.parametrize(
    ("page", "title", "like", "settings"),
    [
        ("slices", "in each node", "city", ""),
        ("slices", "in each cell", "city", "error_heatmap.x=city&error_heatmap.y=age"),
        ("slices", "in each slice found", "city", ""),
        ("slices", "less its reference", "city", "fairness.groups=city"),
    ],
)
def test_leaves_cells_found_slices_and_groups_become_the_cohort(page, title, like, settings, shop, address, walk):
    here = walk().open(f"{address['shop']}?{settings}", page)
    mark = marks(here, title, like)[-1]
    click_on(here, mark)
    is_cohort(here, shop, mark["where"])
    assert here.faults == []


def test_from_a_found_slice_to_what_moves_it_to_a_saved_cohort_to_a_link_in_a_fresh_browser(shop, address, walk):
    here = walk().open(address["shop"], "slices")
    mark = marks(here, "in each slice found", "city")[0]
    click_on(here, mark)
    is_cohort(here, shop, mark["where"])
    here.turn_to("Why here?")
    said = shapley_difference(shop.where(mark["where"])).sentence()
    first = said.split(":")[0].split(" (")[0]
    here.page.get_by_text(first).first.wait_for()
    assert re.sub(r"\s+", " ", said) in re.sub(r"\s+", " ", here.settle().words())
    side = here.page.locator("[data-testid=stSidebar]")
    side.get_by_role("tab", name="Saved").click()
    side.get_by_role("textbox", name="Name for this cohort").fill("found")
    side.get_by_role("button", name="Save").click()
    here.settle()
    fresh = walk().open(here.page.url)
    assert fresh.where == mark["where"]
    assert fresh.words() == here.words()
    named = walk().open(address["shop"] + "?cohort=found", "slices")
    assert named.where == mark["where"]
    assert here.faults + fresh.faults + named.faults == []


def test_work_that_ends_draws_its_own_part_anew_and_not_the_page(address, walk, monkeypatch):
    from modelglass.app.dashboard import redraw, sidebar, work
    from modelglass.app.dashboard.cache import Cache

    monkeypatch.setattr(work, "PATIENCE", 0.0)  # however fast the machine is, a page is drawn before its work is done
    monkeypatch.setattr(work, "results", Cache(entries=100, size=2**26))
    here = walk().open(address["shop"] + "?row.row=3", "predictions")
    pages_drawn, parts_drawn = [], []
    monkeypatch.setattr(sidebar, "sidebar", lambda *a, known=sidebar.sidebar: (pages_drawn.append(1), known(*a)))
    monkeypatch.setattr(redraw, "_request", lambda part, known=redraw._request: (parts_drawn.append(part), known(part)))
    here.turn_to("Why here?").turn_to("Effects")
    assert len(pages_drawn) == 2, "one for each page turned to"
    assert len(set(parts_drawn)) >= 2
    assert here.page.locator(".js-plotly-plot").count() >= 2
    assert here.faults == []


def test_a_slider_reruns_its_own_part_and_neither_the_page_nor_the_model(shop, address, walk, asked, monkeypatch):
    from modelglass.app.dashboard import sidebar

    here = walk().open(address["shop"], "curves")
    before, pages_drawn = here.words(), []
    asked.clear()
    monkeypatch.setattr(sidebar, "sidebar", lambda *a, known=sidebar.sidebar: (pages_drawn.append(1), known(*a)))
    slider = here.page.locator("[data-testid=stMain]").get_by_role("slider", name="Bins").first
    slider.focus()
    for _ in range(3):
        here.page.keyboard.press("ArrowRight")
    here.page.wait_for_function("() => location.search.includes('predictions.bins=43')")
    here.settle()
    assert here.words() != before
    assert (pages_drawn, asked) == ([], [])
    here.turn_to("Slices")
    assert pages_drawn == [1]
    assert here.faults == []
