"""Small evaluations of each task, and the dashboard run by Streamlit's own AppTest."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import time
import warnings
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import modelglass.app.dashboard
from modelglass.analysis import feeding, registry
from modelglass.analysis.evaluation import Evaluation
from modelglass.app.dashboard import opened, work
from modelglass.app.dashboard.jobs import pages

MAIN = Path(modelglass.app.dashboard.__file__).with_name("main.py")
SETTLED = """() => document.querySelector('h1') && !document.querySelector('[data-stale=true], [data-testid=stProgress], [data-testid=stSkeleton]')
    && document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'"""
"""A page with nothing under way."""
PATIENCE = 120_000
HOSTILE = "weird $x$ [a](b) :red[c] <b>"


@pytest.fixture(scope="session", autouse=True)
def libraries_imported_before_jobs_run_side_by_side():
    """Warnings are errors here, and filters are shared by threads: a job that imports must not meet another that sets them back."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("shap", "alibi.explainers"):
            with contextlib.suppress(ImportError):
                importlib.import_module(name)


@pytest.fixture(autouse=True)
def no_work_left_behind():
    """Pages left before their work was done must not keep the next test waiting, nor fill the queue."""
    yield
    left = list(work.jobs._jobs.values())
    for job in left:
        job.stop()
    for job in left:
        job.wait(5)
    work.jobs._jobs.clear()


def table(rows=300, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, rows),
            "income": rng.normal(3, 1, rows).round(3),
            "city": rng.choice(["Rome", "Oslo", "Ponta Delgada"], rows),
            HOSTILE: rng.choice(["a_b*", "$1$ $2$"], rows),
        }
    )
    drive = frame["age"] / 30 + frame["income"] + (frame["city"] == "Oslo") + rng.normal(0, 1, rows)
    return frame, drive


def pipeline(model):
    return make_pipeline(
        make_column_transformer(
            (StandardScaler(), ["age", "income"]), (OneHotEncoder(handle_unknown="ignore"), ["city", HOSTILE])
        ),
        model,
    )


@pytest.fixture(scope="session")
def binary():
    frame, drive = table()
    y = np.where(drive > drive.median(), "yes", "no")
    return Evaluation(
        pipeline(LogisticRegression()).fit(frame, y),
        frame.assign(bought=y),
        target="bought",
        positive="yes",
        name="shop",
    )


@pytest.fixture(scope="session")
def multiclass():
    frame, drive = table()
    y = pd.cut(drive, [-np.inf, 4, 6, np.inf], labels=["low", "middle", "high"]).astype(str)
    return Evaluation(
        pipeline(LogisticRegression()).fit(frame, y), frame.assign(level=y), target="level", name="levels"
    )


@pytest.fixture(scope="session")
def regression():
    frame, drive = table()
    return Evaluation(
        pipeline(LinearRegression()).fit(frame, drive), frame.assign(spent=drive), target="spent", name="spending"
    )


@pytest.fixture(scope="session")
def predictions_only():
    frame, drive = table()
    y = (drive > drive.median()).astype(int)
    score = 1 / (1 + np.exp(-(drive - drive.median() + np.random.default_rng(1).normal(0, 1, len(y)))))
    return Evaluation.from_predictions(y, score=score, frame=frame, name="made elsewhere")


@pytest.fixture
def evaluation(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def show():
    """A function: open an evaluation in a fresh session, at a page and with query parameters, and run it."""
    from streamlit.testing.v1 import AppTest
    from streamlit.util import calc_hash

    def opened_at(ev, page="", timeout=60, **params):
        opened._evaluations.clear()
        opened._first = None
        if ev is not None:
            opened.hand_over(ev, first=True)
        at = AppTest.from_file(str(MAIN), default_timeout=timeout)
        at.query_params.update(params)
        if page:
            at._page_hash = calc_hash(page)
        return at.run()

    return opened_at


@pytest.fixture
def go():
    """A function: turn to another page as a click in the navigation does (Streamlit drops the query parameters)."""
    from streamlit.util import calc_hash

    def turned(at, page):
        at._page_hash = calc_hash(page)
        at.query_params.clear()
        return at.run()

    return turned


@pytest.fixture
def texts():
    """A function: all words on the page, unescaped."""

    def words(at):
        parts = [
            e.value
            for kind in ("title", "subheader", "markdown", "caption", "error", "info", "warning")
            for e in getattr(at, kind)
        ]
        return "\n".join(str(p) for p in parts).replace("\\", "").replace(":small[]", "")

    return words


FEW = {"rows": 50, "train_rows": 50, "points": 3, "n_samples": 100, "n_repeats": 1, "random": 19, "count": 2}


@pytest.fixture(scope="session")
def few():
    """Settings with which every analysis that says how much it looks at looks at little: where the pages are looked at and not the numbers."""
    return {
        f"{analysis.name}.{setting.name}": str(max(FEW[setting.name], setting.low))
        for analysis in registry.analyses().values()
        for setting in analysis.settings
        if setting.name in FEW and setting.low is not None
    }


@pytest.fixture(scope="session")
def own_port():
    """A port of this test process alone: two that look for a free one at the same moment would find the same."""
    return 8700 + 20 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


@pytest.fixture
def asked(monkeypatch):
    """A list that grows each time a model is asked."""
    times = []
    monkeypatch.setattr(feeding, "asked", lambda *a, known=feeding.asked: (times.append(1), known(*a))[1])
    return times


@pytest.fixture
def until():
    """A function: run the page again until something is there, and wait for the work in between as a person does.

    A page run again and again at once would hold up the work it waits for, which gives way to pages.
    """

    def came(at, look, seconds=120):
        end = time.monotonic() + seconds
        while not look(at):
            assert time.monotonic() < end, "nothing came of it"
            for job in list(work.jobs._jobs.values()):
                job.wait(1)
            at.run()
        return at

    return came


class Walk:
    """A fresh browser context that notes every error of its console and every request that leaves the machine."""

    def __init__(self, browser):
        self.context = browser.new_context(viewport={"width": 1440, "height": 1000}, reduced_motion="reduce")
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.faults: list[str] = []
        self.page.on("console", lambda m: self.faults.append(f"console: {m.text}") if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.faults.append(f"page: {e}"))
        self.page.on("request", lambda r: None if LOCAL.match(r.url) else self.faults.append(f"request: {r.url}"))

    def open(self, url, page=""):
        """Open an address, at a page by its path: on the way over the first page most of the time would go into that one."""
        parts = urlsplit(url)
        self.page.goto(parts._replace(path=f"/{page}").geturl() if page else url)
        return self.settle()

    def settle(self):
        from playwright.sync_api import TimeoutError as Late

        self.page.wait_for_timeout(400)  # a click needs a moment to reach the server before the page turns busy
        try:
            self.page.wait_for_function(SETTLED, polling=100)  # not at every frame: that alone keeps a core busy
        except Late as error:
            busy = [(job.state, job.share, job.what) for job in work.jobs._jobs.values()]
            state = self.page.locator("[data-testid=stApp]").get_attribute("data-test-script-state")
            raise AssertionError(
                f"{self.page.url} did not settle (script {state}, pages drawn: {pages._many}, work: {busy}); it shows:\n{self.words()[:3_000]}"
            ) from error
        assert self.page.locator("[data-testid=stException]").count() == 0
        return self

    def turn_to(self, title):
        self.page.get_by_role("link", name=title, exact=True).click()
        self.page.wait_for_function("title => document.querySelector('h1')?.textContent === title", arg=title)
        return self.settle()

    @property
    def where(self):
        return parse_qs(urlsplit(self.page.url).query).get("where", [None])[0]

    @property
    def side(self):
        return self.page.locator("[data-testid=stSidebar]").inner_text()

    def words(self):
        return self.page.locator("[data-testid=stMain]").inner_text()


LOCAL = re.compile(r"(https?|ws)://127\.0\.0\.1|data:|blob:|file:")


@pytest.fixture
def walk(chromium):
    """A function: a fresh browser to walk with."""
    walks = []

    def start():
        walks.append(Walk(chromium))
        return walks[-1]

    yield start
    for one in walks:
        one.context.close()


@pytest.fixture
def click_in():
    """A function: click into a table as a person does, when its cells are drawn, after the pointer came there, and not for 0 milliseconds.

    A click without these was lost in one of ten walks.
    """

    def click(grid, x, y):
        grid.scroll_into_view_if_needed()
        grid.locator("canvas [id^=glide-cell]").first.wait_for(state="attached")
        box, mouse = grid.bounding_box(), grid.page.mouse
        mouse.move(box["x"] + x, box["y"] + y)
        grid.page.wait_for_timeout(50)
        mouse.click(box["x"] + x, box["y"] + y, delay=60)

    return click


@pytest.fixture(scope="module")
def offered():
    """A function: leave these analyses alone on the pages, in their order, until the tests of the module are over."""
    known = registry.analyses()
    all_of_them = dict(known)

    def only(names):
        kept = {name: record for name, record in all_of_them.items() if name in names}
        assert len(kept) == len(names)
        known.clear()
        known.update(kept)

    yield only
    known.clear()
    known.update(all_of_them)
