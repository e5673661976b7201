"""A small evaluation with hostile names, toy analyses, and a real Chromium cut off from any network."""

from __future__ import annotations

import base64
import gzip
import logging
import math
import re
import types
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from modelglass.analysis.errors import InputError, MachineError, NotApplicable
from modelglass.analysis.evaluation import Evaluation
from modelglass.analysis.figures import figure
from modelglass.analysis.progress import tell
from modelglass.analysis.recipes import Recipe
from modelglass.analysis.registry import Analysis, Setting
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source
from modelglass.app.report.sections import ROW_COLUMNS

EVIL = "</script><img src=x onerror=alert(1)>"


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Toy(Result):
    data: pd.DataFrame
    source: Source
    settings: Mapping[str, Any]

    def frame(self):
        return self.data

    def sentence(self):
        return f"The toy {EVIL} saw {self.source.rows:,} rows & said so."

    def tables(self):
        return {f"Beside {EVIL}": pd.DataFrame({EVIL: [EVIL]})}

    def recipe(self):
        return Recipe(text=f"Mend {EVIL}.", code=f"mend({EVIL!r})\nagain()")


@figure.register
def _(result: Toy):
    import plotly.graph_objects as go

    made = go.Figure(layout={"height": result.settings.get("height", 300)})
    for name in ("first", EVIL.replace("<", "&lt;")):
        made.add_scatter(x=result.data["x"], y=result.data["y"], name=name, mode="markers")
    return made


def toy(ev, *, size=40, level=0.95, height=300):
    x = np.linspace(0, 1, size)
    return Toy(
        data=pd.DataFrame({"x": x, "y": x**2, EVIL: [EVIL] * size}),
        source=ev.source,
        settings={"size": size, "level": level, "what": EVIL, "height": height},
    )


def cannot(ev):
    raise NotApplicable(f"there is no {EVIL}")


def broken(ev):
    logging.getLogger(__name__).debug("about to fail")
    raise ZeroDivisionError("one by nothing")


def refused(ev):
    raise InputError("Expected the package frob.", "It is not installed.", "Install it.")


def unanswered(ev, *, progress=None):
    raise MachineError("the model did not answer")


def hungry(ev, *, progress=None):
    return bytearray(2**62)


def slow(ev, *, progress=None):
    for i in range(4):
        tell(progress, i / 4, f"block {i}")
    return toy(ev, height=1500)


def rows(ev):
    return Toy(
        data=pd.DataFrame({"row": [7], "x": [0.5], "y": [0.5], "secret": ["RAWVALUE"]}),
        source=ev.source,
        settings={},
    )


def record(name, page="curves", **more):
    return Analysis(
        name=more.pop("as_name", name),
        title=f"The {name} & co",
        question=f"What does {name} say?",
        page=page,
        compute=f"{__name__}:{name}",
        **more,
    )


TOY = record(
    "toy",
    settings=(Setting(name="level", kind="number", default=0.95), Setting(name="size", kind="integer", default=40)),
    order=2,
)
CANNOT, BROKEN, REFUSED = (
    record("cannot", order=3),
    record("broken", "zoo", order=1),
    record("refused", "zoo", order=2),
)
SLOW, ROWS, WORST_ROWS = (
    record("slow", "sensitivity", cost="seconds"),
    record("rows", "errors"),
    record("rows", "errors", as_name="worst_rows", raw_rows=True),
)
UNANSWERED, HUNGRY, AFTER, QUICK = (
    record("unanswered", "a first", cost="minutes", order=1),
    record("hungry", "a first", cost="seconds", order=2),
    record("slow", "b second", as_name="after", cost="seconds"),
    record("toy", "b second", as_name="quick"),
)
PERFORMANCE = Analysis(
    name="performance",
    title="Performance",
    question="How good is it?",
    page="overview",
    compute="modelglass.analysis.performance:performance",
    settings=(Setting(name="level", kind="number", default=0.95),),
)
SLICES = Analysis(
    name="slice_metrics",
    title="Slices",
    question="Where is it good?",
    page="slices",
    compute="modelglass.analysis.slices:slice_metrics",
)


@pytest.fixture(scope="session")
def frame():
    rng = np.random.default_rng(0)
    n = 600
    x = rng.normal(size=n)
    group = np.where(rng.random(n) < 0.3, EVIL, "plain")
    flip = rng.random(n) < np.where(group == EVIL, 0.45, 0.05)
    return pd.DataFrame(
        {
            "x": x,
            'say "hi" & <b>': rng.normal(size=n),
            "group": group,
            "y": np.where((x > 0) ^ flip, "yes", "no"),
        }
    )


@pytest.fixture(scope="session")
def ev(frame):
    features = frame.columns[:2]
    return Evaluation(LogisticRegression().fit(frame[features], frame["y"]), frame, target="y")


@pytest.fixture(scope="session")
def everything():
    """Every toy, and the two analyses that the summary is picked from."""
    return [PERFORMANCE, SLICES, TOY, CANNOT, BROKEN, REFUSED, SLOW, ROWS, WORST_ROWS]


@pytest.fixture(scope="session")
def giving_out():
    """Two analyses in which the machine gives out, then a long and a quick one."""
    return [UNANSWERED, HUNGRY, AFTER, QUICK]


class Read(HTMLParser):
    """Sections of a report: sentences and tables, as a machine that runs no script sees them."""

    def __init__(self, text):
        super().__init__()
        self.articles, self.tags, self.table, self.cell, self.sentence = {}, [], None, None, None
        self.block = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        kind = attrs.get("class", "")
        if tag in ("tr", "td", "th"):
            self.end_cell()
        if tag == "article":
            self.now = self.articles.setdefault(attrs["aria-labelledby"].removeprefix("a-"), [])
        elif kind == "block":
            self.block = {"sentence": "", "tables": []}
            self.now.append(self.block)
        elif kind == "sentence":
            self.sentence = []
        elif tag == "table":
            self.table = []
            self.block["tables"].append(self.table)
        elif tag == "tr":
            self.table.append([])
        elif tag in ("td", "th"):
            self.cell, self.exact, self.gone = [], attrs.get("title"), kind == "na"

    def handle_endtag(self, tag):
        if tag in ("td", "th", "tr", "thead", "tbody"):
            self.end_cell()
        elif tag == "p" and self.sentence is not None:
            self.block["sentence"], self.sentence = "".join(self.sentence), None

    def end_cell(self):
        """End tags of cells and rows may be left out in HTML: the next one ends them."""
        if self.cell is not None:
            self.table[-1].append(None if self.gone else self.exact if self.exact is not None else "".join(self.cell))
            self.cell = None

    def handle_data(self, data):
        for open_text in (self.cell, self.sentence):
            if open_text is not None:
                open_text.append(data)


def same(cell, value):
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return cell is None
    if isinstance(value, bool):
        return cell == ("yes" if value else "no")
    if isinstance(value, (int, float, np.number)):
        return cell in ("∞", "−∞", "inf", "-inf") if math.isinf(value) else float(cell.replace(",", "")) == float(value)
    return cell == str(value)


def check_block(block, result, name):
    """Hold a block of the report against the result of the Python call."""
    assert block["sentence"] == result.sentence(), name
    frame, left, held = result.frame(), block["tables"], 0
    for one in (frame, *result.tables().values()):
        if not one.empty and not ROW_COLUMNS & set(map(str, one.columns)):
            assert left, f"a table of {name} is missing"
            left = check_table(left, one, name)
            held += min(len(one), 5_000)
    assert not left, name
    return held


def check_table(tables, frame, name):
    """Hold the first of these tables (and its continuation) against a frame; give the others."""
    head, rows, used = tables[0][0], [], 0
    kept = [
        i
        for i, c in enumerate(frame.columns)
        if not all(v in ("", None) or v is pd.NaT or v != v for v in frame.iloc[:, i])
    ]
    assert head == [str(frame.columns[i]) for i in kept] or [h.replace(" ", "_") for h in head] == [
        str(frame.columns[i]) for i in kept
    ]
    while used < len(tables) and len(rows) < min(len(frame), 5_000):
        rows += tables[used][1:]
        used += 1
    assert len(rows) == min(len(frame), 5_000), name
    for row, values in zip(rows, frame.iloc[:, kept].itertuples(index=False), strict=False):
        for cell, value in zip(row, values, strict=True):
            assert same(cell, value), (name, cell, value)
    return tables[used:]


ROW = re.compile(r"\b_?row(?: =|:)? ?\d+\b(?! of)", re.IGNORECASE)
"""Words that name a row of the data."""
CHART = re.compile(r'\{id:"([^"]+)",height:\d+,(?:packed:"([^"]+)"|figure:(.*?))\}\)</script>')


def unpacked(text):
    """Give the figure of each chart of a report, as JSON; large ones are packed in it."""
    charts = {
        name: gzip.decompress(base64.b64decode(packed)).decode() if packed else plain
        for name, packed, plain in CHART.findall(text)
    }
    assert len(charts) == text.count('<div class="mg-chart') > 0
    return charts


def check_rows(text):
    """Hold a report to naming no row, in charts and outside; gives its charts."""
    charts = unpacked(text)
    assert {name: ROW.findall(chart)[:3] for name, chart in charts.items() if ROW.search(chart)} == {}
    assert ROW.findall(re.sub(r"<(script|style)>.*?</\1>", "", text, flags=re.DOTALL)) == []
    return charts


@pytest.fixture(scope="session")
def reading():
    """What reads a report back: ``Read``, ``check_block``, ``unpacked`` and ``check_rows``."""
    return types.SimpleNamespace(Read=Read, check_block=check_block, unpacked=unpacked, check_rows=check_rows, ROW=ROW)


@pytest.fixture
def opened(chromium):
    """Open a file with the network cut; give the page, with what it asked for and complained about."""
    contexts = []

    def open_page(path, *, width=1440, scheme="light", scripts=True, wait=True):
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=scripts,
            offline=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.asked, page.said = [], []
        page.on(
            "request",
            lambda r: page.asked.append(r.url) if not r.url.startswith(("data:", "blob:")) else None,
        )
        page.on("console", lambda m: page.said.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: page.said.append(str(e)))
        page.goto(path.as_uri())
        if wait and scripts:
            page.evaluate("async () => { await window.modelglassPlotly; await window.modelglassDrawn(); }")
        return page

    yield open_page
    for context in contexts:
        context.close()
