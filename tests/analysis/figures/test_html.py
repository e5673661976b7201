"""plotly.js, charts and tables as HTML: complete, escaped, exact."""

from __future__ import annotations

import base64
import gzip
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from modelglass.analysis.figures import figure
from modelglass.analysis.figures import html as module
from modelglass.analysis.figures.html import clean, figure_html, plotly_script, result_html, shown, table_html
from modelglass.analysis.result import Result
from modelglass.analysis.source import Source

EVIL = '</script><img src=x onerror="alert(1)">\u2028 & \x00 \u202e'


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Toy(Result):
    data: pd.DataFrame
    text: str = "Two rows were counted."
    source: Source = field(default_factory=lambda: Source(model="toy", data="two.csv", rows=2, rows_all=2))
    settings: Mapping[str, Any] = field(default_factory=dict)

    def frame(self):
        return self.data

    def sentence(self):
        return self.text


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Drawn(Toy):
    pass


@figure.register
def _(result: Drawn) -> go.Figure:
    return go.Figure(go.Bar(x=list(result.data.iloc[:, 0]), y=list(result.data.iloc[:, 1])))


class Page(HTMLParser):
    """Read back tables as people and machines see them, and every tag."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.tables: list[list[list[str]]] = []
        self.cell: list[str] | None = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if tag in ("tr", "td", "th"):
            self.end_cell()
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.cell, self.title, self.gone = [], attrs.get("title"), attrs.get("class") == "na"

    def handle_endtag(self, tag):
        if tag in ("td", "th", "tr", "thead", "tbody"):
            self.end_cell()

    def end_cell(self):
        """End tags of cells and rows may be left out in HTML: the next one ends them."""
        if self.cell is not None:
            text = "".join(self.cell)
            self.tables[-1][-1].append("" if self.gone else self.title if self.title is not None else text)
            self.cell = None

    def handle_data(self, data):
        if self.cell is not None:
            self.cell.append(data)


def test_plotly_script_holds_the_packages_plotly_js_once_and_whole():
    from plotly.offline import get_plotlyjs

    text = plotly_script()
    packed = re.search(r'unpack\("([A-Za-z0-9+/=]{1000,})"\)', text)
    assert packed is not None
    assert gzip.decompress(base64.b64decode(packed[1])).decode() == get_plotlyjs()
    assert "@PACKED@" not in text
    assert text.count("</script>") == 1
    assert len(text) < 2_200_000
    assert plotly_script() is text


def _figure_of(html: str) -> dict:
    packed = re.search(r'packed:"([^"]+)"', html)
    if packed:
        return json.loads(gzip.decompress(base64.b64decode(packed[1])))
    return json.loads(re.search(r"figure:(\{.*\})\}\)</script>$", html)[1])


def test_figure_html_gives_the_figure_back_with_its_height_and_without_the_default_template():
    fig = go.Figure(go.Scatter(x=[1.5, 2.5], y=[3, None]), layout={"height": 333, "title": {"text": "A"}})
    html = figure_html(fig, "one")
    back = _figure_of(html)
    assert back["data"][0]["x"] == [1.5, 2.5]
    assert back["data"][0]["y"] == [3, None]
    assert "template" not in back["layout"]
    assert back["layout"]["title"] == {"text": "A"}
    assert "height:333" in html
    assert len(html) < 1_500


def test_the_template_that_streamlit_sets_is_left_out_too(monkeypatch):
    import plotly.io as pio

    monkeypatch.setattr(pio.templates, "default", "plotly_dark")
    assert "template" not in _figure_of(figure_html(go.Figure(go.Scatter(x=[1], y=[1])), "one"))["layout"]


def test_a_template_of_ones_own_is_kept():
    fig = go.Figure(layout={"template": {"layout": {"colorway": ["#123456"]}}})
    assert _figure_of(figure_html(fig, "one"))["layout"]["template"]["layout"]["colorway"] == ["#123456"]


def test_figure_html_does_not_change_the_figure():
    fig = go.Figure(go.Bar(x=["a"], y=[1]))
    before = fig.to_json()
    figure_html(fig, "one")
    assert fig.to_json() == before


def test_a_long_figure_is_compressed_and_comes_back_equal():
    x = np.random.default_rng(0).normal(size=20_000)
    html = figure_html(go.Figure(go.Scatter(x=x, y=x)), "long")
    back = _figure_of(html)
    assert np.array_equal(
        np.frombuffer(base64.b64decode(back["data"][0]["x"]["bdata"]), back["data"][0]["x"]["dtype"]), x
    )
    assert len(html) < 2 * x.nbytes * 4 / 3 * 1.35


def test_hostile_text_in_a_figure_stays_inside_its_script():
    html = figure_html(go.Figure(go.Bar(x=[EVIL, "<!--"], y=[1, 2], name=EVIL)), 'x" onload="alert(1)')
    assert html.count("<script>") == html.count("</script>") == 1
    assert "<img" not in html
    assert "\u2028" not in html
    assert "<!--" not in html
    assert [t for t, _ in Page(html).tags] == ["div", "p", "script"]
    assert Page(html).tags[0][1] == {"class": "mg-chart", "id": 'x" onload="alert(1)'}
    assert _figure_of(html)["data"][0]["name"] == EVIL


FRAME = pd.DataFrame(
    {
        "metric": ["accuracy", "n_rows", EVIL],
        "estimate": [0.123456789012345, np.nan, 1e-7],
        "n": [16281, 5, 0],
        "share": [1234.5678, 0.0, -12.3],
        "where": ["sex = 'Female'", "age < 30", None],
        "flag": [True, False, True],
        "when": pd.to_datetime(["2026-01-02", "2026-01-03 10:00", None], format="ISO8601"),
        "note": ["", None, ""],
    }
)


def test_a_table_gives_every_number_back_exactly_and_rounds_for_reading():
    html = table_html(FRAME)
    head, *rows = Page(html).tables[0]
    assert head == ["metric", "estimate", "n", "share", "where", "flag", "when"], "the empty column is left out"
    assert [float(r[1]) if r[1] else None for r in rows] == [0.123456789012345, None, 1e-7]
    assert [r[2] for r in rows] == ["16,281", "5", "0"], "what is shown whole has no title"
    assert ' title="0.123456789012345">0.1235' in html
    assert [float(r[3]) for r in rows] == [1234.5678, 0.0, -12.3]
    assert [r[4] for r in rows] == ["sex = 'Female'", "age < 30", ""]
    assert [r[5] for r in rows] == ["yes", "no", "yes"]
    assert [r[6] for r in rows] == ["2026-01-02", "2026-01-03 10:00:00", ""]
    for text in (">0.1235<", ">16,281<", ">1,235<", ">-12.30<", ">1e-07<", ">–<", "<code>age &lt; 30</code>"):
        assert text in html


def test_hostile_text_in_a_table_is_escaped_and_odd_characters_are_shown():
    page = Page(table_html(pd.DataFrame({EVIL: [EVIL], "b": ["ok\x1b"]}), label=EVIL))
    assert {t for t, _ in page.tags} == {"div", "table", "thead", "tbody", "tr", "th", "td"}
    assert page.tables[0][1] == [
        EVIL.replace("\u2028", "\\u2028").replace("\x00", "\\x00").replace("\u202e", "\\u202e"),
        "ok\\x1b",
    ]


@pytest.mark.parametrize(
    ("rows", "first", "rest", "left"),
    [(50, 50, 0, 0), (51, 50, 1, 0), (5_000, 50, 4_950, 0), (5_112, 50, 4_950, 112)],
)
def test_a_long_table_shows_the_first_folds_the_rest_and_says_what_is_left_out(rows, first, rest, left):
    html = table_html(pd.DataFrame({"a": range(rows)}))
    tables = Page(html).tables
    assert [len(t) - 1 for t in tables] == [first] + ([rest] if rest else [])
    assert ("<details" in html) == bool(rest)
    assert (f"{left:,} of {rows:,} rows are left out" in html) == bool(left)
    assert [int(r[0].replace(",", "")) for t in tables for r in t[1:]] == list(range(min(rows, 5_000)))


@pytest.mark.parametrize("frame", [pd.DataFrame(), pd.DataFrame({"a": []}), pd.DataFrame({"a": [None, float("nan")]})])
def test_an_empty_table_says_so(frame):
    assert "The table is empty" in table_html(frame)


def test_columns_of_one_name_and_a_named_index_are_kept():
    frame = pd.DataFrame([[1, 2.5]], columns=["a", "a"], index=pd.Index(["k"], name="key"))
    assert Page(table_html(frame)).tables[0] == [["key", "a", "a"], ["k", "1", "2.500"]]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0000"),
        (0.5, "0.5000"),
        (0.99999, "1.0000"),
        (12.3456, "12.35"),
        (999.96, "1,000.0"),
        (123456.7, "123,457"),
        (1e12, "1e+12"),
        (-0.00012, "-0.00012"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (np.float32(0.25), "0.2500"),
        (np.int64(-1000), "-1,000"),
        (None, "–"),
        (pd.NaT, "–"),
        (pd.NA, "–"),
        (np.bool_(False), "no"),
        (pd.Timestamp("2026-05-01"), "2026-05-01"),
        ("1000", "1000"),
    ],
)
def test_one_cell(value, text):
    assert shown(value) == text


def test_whole_numbers_kept_as_floats_read_as_counts():
    assert ">1,234<" in table_html(pd.DataFrame({"n": [1234.0, np.nan]}))
    assert ">1.0000<" in table_html(pd.DataFrame({"share": [1.0, 0.0]})).replace(">1.000<", ">1.0000<"), (
        "a share of 1 is not a count"
    )


def test_clean_keeps_line_breaks_and_escapes():
    assert clean("\ud800\x85a\n<b>&\"'") == "\\ud800\\x85a\n&lt;b&gt;&amp;&quot;&#x27;"


@pytest.fixture
def _fresh():
    module._sent.clear()
    yield
    module._sent.clear()


@pytest.mark.usefixtures("_fresh")
def test_a_result_shows_itself_with_figure_sentence_table_and_source():
    html = Drawn(data=pd.DataFrame({"a": ["x", "y"], "b": [1, 2]}), text=f"Said {EVIL}")._repr_html_()
    assert html.count('class="mg-chart"') == 1
    assert "Said &lt;/script&gt;&lt;img" in html
    assert Page(html).tables == [[["a", "b"], ["x", "1"], ["y", "2"]]]
    assert "Model toy, data two.csv, 2 rows." in html
    assert "unpack(" in html, "outside a kernel every output is complete"


@pytest.mark.usefixtures("_fresh")
def test_a_result_without_picture_shows_sentence_and_table_and_no_plotly():
    html = result_html(Toy(data=pd.DataFrame({"a": [1]})))
    assert 'mg-chart"' not in html
    assert "<script" not in html
    assert "Two rows were counted." in html


class Shell:
    kernel = object()

    def __init__(self, cell=None):
        self.execution_count, self.cell = 1, cell

    def get_parent(self):
        return {"metadata": {"cellId": self.cell} if self.cell else {}}


@pytest.mark.usefixtures("_fresh")
@pytest.mark.parametrize("names_cells", [True, False])
def test_in_a_kernel_the_first_result_brings_plotly_and_the_same_cell_run_again(monkeypatch, names_cells):
    import sys
    import types

    shell = Shell("cell-1" if names_cells else None)
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    result = Drawn(data=pd.DataFrame({"a": ["x"], "b": [1]}))
    assert "unpack(" in result_html(result)
    assert "unpack(" not in result_html(result), "the second output of one run of a cell"
    shell.execution_count, shell.cell = 2, "cell-2" if names_cells else None
    assert "unpack(" not in result_html(result), "another cell"
    shell.execution_count, shell.cell = 3, "cell-1" if names_cells else None
    assert ("unpack(" in result_html(result)) == names_cells, (
        "the first cell again: its old output, with plotly.js, is gone"
    )
