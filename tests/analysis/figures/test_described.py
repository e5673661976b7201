"""Units on axes and descriptions in hovers, whatever draws the figure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import modelglass as mg
from modelglass.analysis import residuals, slice_metrics
from modelglass.analysis.figures.described import describe_figure
from modelglass.explainers import partial_dependence, permutation_importance

SAID = {
    "age": {"description": "Age at application", "unit": "years"},
    "a<b": {"unit": "m & s"},
    "note": {"description": "What was said"},
}


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("age", "age (years)"),
        ("age (dot: mean)", "age in years (dot: mean)"),
        ("age<br>(dot: mean)", "age in years<br>(dot: mean)"),
        ("a&lt;b", "a&lt;b (m &amp; s)"),
        ("note", "note"),
        ("average", "average"),
        ("ages", "ages"),
        ("residual, in units of age", "residual, in years"),
    ],
)
def test_axis_titles(title, shown):
    made = go.Figure(layout={"xaxis": {"title": {"text": title}}, "yaxis2": {"title": {"text": title}}})
    describe_figure(made, SAID, "age")
    assert made.layout.xaxis.title.text == made.layout.yaxis2.title.text == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("age: 37<br>rows: 3", "age (years): 37<br>rows: 3<br><i>Age at application (years)</i>"),
        ("slice: age: 25 to &lt; 37<br>n: 3", "slice: age: 25 to &lt; 37<br>n: 3<br><i>Age at application (years)</i>"),
        (
            "slice: age * note: 3, x",
            "slice: age * note: 3, x<br><i>Age at application (years)</i><br><i>What was said</i>",
        ),
        ("column: a&lt;b", "column: a&lt;b<br><i>in m &amp; s</i>"),
        ("rows: 3", "rows: 3"),
    ],
)
def test_hovers(text, shown):
    made = go.Figure([go.Scatter(hovertext=[text]), go.Bar(hovertext=text)])
    describe_figure(made, SAID)
    assert made.data[0].hovertext[0] == made.data[1].hovertext == shown


def test_templates():
    made = go.Figure(go.Scatter(hovertemplate="age = %{hovertext}<br>value %{x}<extra></extra>"))
    describe_figure(made, SAID)
    want = "age (years) = %{hovertext}<br>value %{x}<br><i>Age at application (years)</i><extra></extra>"
    assert made.data[0].hovertemplate == want


def test_figures_of_every_room_show_them():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(50, 9, 300), "g": rng.choice(["u", "v"], 300)})
    frame["price"] = frame["size"] * 2 + rng.normal(size=300)
    model = LinearRegression().fit(frame[["size"]], frame["price"])
    columns = {"size": {"description": "Floor <area>", "unit": "m²"}, "price": {"unit": "EUR"}, "g": "Group"}
    ev = mg.Evaluation(model, frame, target="price", columns=columns)
    against = mg.figure(residuals(ev, against="size"))
    assert against.layout.xaxis.title.text.startswith("size in m² (dot")
    assert against.layout.yaxis.title.text == "residual, in EUR"
    effects = mg.figure(partial_dependence(ev, features=["size"]))
    assert any(axis.title.text == "size (m²)" for axis in effects.select_xaxes())
    hovers = [t for trace in mg.figure(slice_metrics(ev)).data for t in trace.hovertext]
    assert all(("Group" in t) == (": g: " in t) for t in hovers)
    assert any("Floor &lt;area&gt;" in t for t in hovers)
    bars = mg.figure(permutation_importance(ev))
    assert "Floor &lt;area&gt; (m²)" in bars.data[0].hovertext[0]


def test_nothing_said_changes_nothing():
    made = go.Figure(go.Bar(hovertext=["age: 3"]))
    before = made.to_json()
    assert describe_figure(made, {}).to_json() == before


def test_partial_dependence_keeps_a_given_order_of_levels():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.choice(["small", "medium", "large"], 200, p=[0.2, 0.5, 0.3])})
    frame["y"] = frame["size"].str.len() + rng.normal(size=200)
    model = make_pipeline(OneHotEncoder(), LinearRegression()).fit(frame[["size"]], frame["y"])
    said = {"size": {"level_order": ["small", "medium", "large"]}}
    curve = partial_dependence(mg.Evaluation(model, frame, target="y", columns=said), features=["size"]).curves
    assert curve["value"].tolist() == ["small", "medium", "large"]
