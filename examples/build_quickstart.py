"""Write examples/quickstart.ipynb from the cells below and run it.

python examples/build_quickstart.py            writes and runs it, in place
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

HERE = Path(__file__).resolve().parent
NOTEBOOK = HERE / "quickstart.ipynb"

CELLS: list[tuple[str, str]] = [
    (
        "text",
        """\
# modelglass in eleven cells

What does a trained model do on your data: how good is it, where does it fail, and why? This notebook trains a small
scikit-learn pipeline on an invented lender's loans and asks. Nothing is downloaded, and the charts need no network.""",
    ),
    (
        "text",
        """\
## A model and its data

The table has numbers, categories and missing values. The pipeline does its own imputing and encoding; modelglass only ever
speaks of the raw columns.""",
    ),
    (
        "code",
        """\
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from modelglass.sample_models.credit_table import CATEGORICAL, NUMERIC, TARGET, tables

train, test = tables()
model = make_pipeline(
    ColumnTransformer([
        ("numbers", SimpleImputer(strategy="median"), NUMERIC),
        ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), CATEGORICAL),
    ]),
    HistGradientBoostingClassifier(max_iter=60, random_state=0),
).fit(train[NUMERIC + CATEGORICAL], train[TARGET])
test.head(3)""",
    ),
    (
        "text",
        """\
## One evaluation

The model predicts once; everything below asks this object. Columns that the model never sees, such as `sex`, stay available.""",
    ),
    (
        "code",
        """\
import modelglass as mg

ev = mg.Evaluation(model, test, target=TARGET, positive="yes")
ev""",
    ),
    (
        "text",
        """\
## How good is it?

Every result shows itself: figure, sentence, table. `frame()` gives the numbers, `sentence()` the words.""",
    ),
    (
        "code",
        """\
from modelglass.analysis import calibration, performance, roc, slice_metrics

performance(ev)""",
    ),
    ("text", "## Where is it bad?"),
    (
        "code",
        """\
slices = slice_metrics(ev, by=["region", "channel", ("region", "channel"), "sex"], metrics=["accuracy", "recall", "roc_auc"])
slices""",
    ),
    ("text", "The same as a frame, for your own work:"),
    (
        "code",
        """\
slices.worst("accuracy")[["where", "estimate", "low", "high", "n"]].head(3)""",
    ),
    ("text", "## Does it rank well, and do its probabilities come true?"),
    ("code", "roc(ev)"),
    ("code", "calibration(ev)"),
    (
        "text",
        """\
A condition gives a cohort, which is again an evaluation: here the loans for education, whose probabilities are off.""",
    ),
    (
        "code",
        """\
calibration(ev.where("purpose = 'education'"))""",
    ),
    (
        "text",
        """\
## What matters to it?

Shapley values in the raw columns: exact for trees, on a stated sample.""",
    ),
    (
        "code",
        """\
from modelglass.explainers import partial_dependence, shapley_values

shapley_values(ev)""",
    ),
    (
        "code",
        """\
partial_dependence(ev, features=["bureau_score"])""",
    ),
    (
        "text",
        """\
## Hand it on

One HTML file that anyone can open without Python or a network. Here with four sections; without `analyses` it holds every one
that fits.""",
    ),
    (
        "code",
        """\
from pathlib import Path
from tempfile import mkdtemp

report = mg.report(ev, Path(mkdtemp()) / "report.html", analyses=["performance", "slice_metrics", "roc", "calibration"])
f"{report.name}: {report.stat().st_size / 1e6:.1f} MB\"""",
    ),
    ("text", "Or open the dashboard on the model in memory: `mg.dashboard(ev)`."),
]


def notebook() -> nbformat.NotebookNode:
    """Give the notebook, not yet run."""
    cells = [new_markdown_cell(text) if kind == "text" else new_code_cell(text) for kind, text in CELLS]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number:02d}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def run(made: nbformat.NotebookNode, folder: Path = HERE) -> nbformat.NotebookNode:
    """Run every cell; an error in one is raised."""
    from nbclient import NotebookClient

    NotebookClient(
        made,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
    ).execute()
    return made


if __name__ == "__main__":
    nbformat.write(run(notebook()), NOTEBOOK)
    sys.stdout.write(f"{NOTEBOOK}: {NOTEBOOK.stat().st_size / 1e6:.1f} MB\n")
