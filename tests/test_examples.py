"""The notebooks of examples/ run, stay small, and their HTML shows every chart without a network."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
NOTEBOOK = EXAMPLES / "quickstart.ipynb"

if not EXAMPLES.is_dir():
    pytest.skip("examples/ is not here", allow_module_level=True)
nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")


@pytest.fixture(scope="module")
def builder():
    spec = importlib.util.spec_from_file_location("build_quickstart", EXAMPLES / "build_quickstart.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ran(builder, tmp_path_factory):
    """The committed notebook's cells, run now in a fresh kernel of this Python."""
    made = nbformat.read(NOTEBOOK, as_version=4)
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of jupyter's own event loop and paths, not of ours
        return builder.run(made, tmp_path_factory.mktemp("notebook"))


def pictures(notebook):
    """The HTML outputs that hold a chart."""
    found = (o.get("data", {}).get("text/html", "") for c in notebook.cells if c.cell_type == "code" for o in c.outputs)
    return [html for html in map("".join, found) if 'class="mg-chart' in html]


def test_the_committed_notebook_is_the_one_the_script_writes(builder):
    kept = nbformat.read(NOTEBOOK, as_version=4)
    assert [(c.cell_type, c.source) for c in kept.cells] == [(c.cell_type, c.source) for c in builder.notebook().cells]


@pytest.mark.parametrize("which", ["committed", "run now"])
def test_the_notebook_ran_whole_is_small_and_brings_plotly_once(which, request, tmp_path):
    if which == "committed":
        notebook, path = nbformat.read(NOTEBOOK, as_version=4), NOTEBOOK
    else:
        notebook, path = request.getfixturevalue("ran"), tmp_path / "ran.ipynb"
        nbformat.write(notebook, path)
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    assert {o.output_type for o in outputs} == {"execute_result"}, "no error, no warning on standard error"
    shown = pictures(notebook)
    assert len(shown) >= 7
    assert ["modelglassPlotly = unpack(" in html for html in shown] == [True] + [False] * (len(shown) - 1)
    assert all('class="mg-sentence"' in html and "<table" in html for html in shown)
    assert path.stat().st_size < 5_000_000


@pytest.mark.browser
def test_its_html_shows_all_charts_with_the_network_cut(ran, tmp_path, chromium):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from nbconvert import HTMLExporter

        text, _ = HTMLExporter().from_notebook_node(ran)
    file = tmp_path / "quickstart.html"
    file.write_text(text, encoding="utf-8")
    context = chromium.new_context(offline=True, viewport={"width": 1200, "height": 900})
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.goto(file.as_uri(), wait_until="domcontentloaded")
    page.evaluate("async () => { await window.modelglassPlotly; await window.modelglassDrawn(); }")
    charts = page.locator(".mg-chart")
    assert charts.count() == len(pictures(ran))
    assert page.locator(".mg-chart:has(.main-svg .cartesianlayer .subplot)").count() == charts.count()
    assert not [e for e in errors if "modelglass" in e.lower() or "plotly" in e.lower()]
    context.close()
    assert sys.modules.get("analysis") is None
